//! `[cards]`: how the cards that callers get are signed, and whose word about upstream keys is taken.

use std::time::Duration;

use url::Url;

use super::{
    blocks::{DAY, ranged, seconds},
    reader::Block,
};

/// How agents' cards are signed and verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardSettings {
    /// How served cards are signed; `None`: they are not.
    pub signing: Option<CardSigning>,
    /// Key sets that the `jku` of a card's own signature may name, beside the one of its agent's record.
    pub trusted_jku: Vec<Url>,
    /// How often each agent's card is looked at again; `None`: only when an operator asks.
    pub sync_interval: Option<Duration>,
}

/// When the keys of cards come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardSigning {
    /// How long a key signs.
    pub rotation: Duration,
    /// How long a new key is published before it signs, so that every verifier has it.
    pub overlap: Duration,
    /// How long a key is published after the next one has begun to sign: as long as somebody may keep a card.
    pub retention: Duration,
}

pub(super) fn read(block: &mut Block<'_, '_>) -> CardSettings {
    let sign = block.or("sign", true);
    let signing = CardSigning {
        rotation: Duration::from_secs(ranged(block, "key_rotation_days", 90, 1, 3650) * DAY),
        overlap: seconds(block, "key_overlap_seconds", 3600, 60, DAY),
        retention: Duration::from_secs(ranged(block, "key_retention_days", 7, 1, 3650) * DAY),
    };
    let interval = seconds(block, "sync_interval_seconds", 600, 0, DAY);
    CardSettings {
        signing: sign.then_some(signing),
        trusted_jku: block.list("trusted_jku"),
        sync_interval: Some(interval).filter(|interval| !interval.is_zero()),
    }
}
