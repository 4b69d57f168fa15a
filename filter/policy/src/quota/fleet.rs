//! What one Envoy knows of its fleet, where all of its workers read it: by how many a limit is divided, who fills buckets, and which
//! worker speaks for all.

use std::num::NonZeroU32;

use super::shared::{Outcome, update};
use super::{SharedMemory, UnixMicros};

const SHARE_KEY: &str = "tollgate.share";
const LEADER_KEY: &str = "tollgate.leader";
/// Longest a leader leads without a sign of life, microseconds.
const TERM: UnixMicros = 1_000_000;

/// This Envoy's part of every limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Envoys that share a limit equally.
    pub nodes: NonZeroU32,
    /// Who fills buckets.
    pub refill: Refill,
    /// Since when that is so.
    pub since: UnixMicros,
}

/// Who fills buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// Time, each Envoy its share.
    Time,
    /// The ledger, with tokens of whatever the fleet has left.
    Leases,
}

/// The worker that speaks for all of its Envoy's workers.
#[derive(Debug, Clone, Copy)]
pub struct Leader {
    /// This worker.
    pub worker: u32,
}

impl Share {
    /// An Envoy alone.
    pub const ALL: Self = Self { nodes: NonZeroU32::MIN, refill: Refill::Time, since: 0 };

    /// Whether nobody else has a part: buckets fill by themselves, and the ledger only counts.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.nodes == NonZeroU32::MIN && self.refill == Refill::Time
    }

    /// What the leader wrote last.
    #[must_use]
    pub fn read(shared: &dyn SharedMemory) -> Self {
        shared.get(SHARE_KEY).and_then(|(bytes, _)| Self::decode(&bytes)).unwrap_or(Self::ALL)
    }

    /// Tells the other workers.
    pub fn write(&self, shared: &dyn SharedMemory) {
        let refill = [match self.refill {
            Refill::Time => 0,
            Refill::Leases => 1,
        }];
        let bytes = [&self.nodes.get().to_le_bytes()[..], &self.since.to_le_bytes(), &refill].concat();
        // Only the leader writes it, and writes it again if it was wrong.
        let _ = shared.set(SHARE_KEY, &bytes, None);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (nodes, rest) = bytes.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let refill = match rest {
            [0] => Refill::Time,
            [1] => Refill::Leases,
            _ => return None,
        };
        let nodes = NonZeroU32::new(u32::from_le_bytes(*nodes))?;
        Some(Self { nodes, refill, since: u64::from_le_bytes(*since) })
    }
}

impl Leader {
    /// Whether this worker leads now: it does already, or the one that did has not been heard of for a second.
    #[must_use]
    pub fn leads(self, shared: &dyn SharedMemory, now: UnixMicros) -> bool {
        let led = update(shared, LEADER_KEY, |bytes| {
            let led_by = bytes.split_first_chunk().map(|(worker, _)| u32::from_le_bytes(*worker));
            let heard = bytes.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |at| u64::from_le_bytes(*at));
            if led_by.is_some_and(|worker| worker != self.worker) && now.abs_diff(heard) < TERM {
                return Outcome::Leave(false);
            }
            Outcome::Write([&self.worker.to_le_bytes()[..], &now.to_le_bytes()].concat(), true)
        });
        led.unwrap_or(false)
    }
}
