//! When the control plane's own signing keys come and go: the embedded issuer's, and those of cards. A new key is published before it
//! signs, so that every verifier has it; an old one stays until nothing is about that it signed.

use std::{sync::Arc, time::Duration};

use super::{Clock, KeyError, keys};
use crate::{
    config::{CardSigning, EmbeddedIssuer},
    domain::{Registry, SigningAlgorithm, SigningKey, UnixSeconds},
    store::{Change, Store, WriteError},
};

/// Longest clock difference a verifier may allow (`gateway.leeway_seconds`).
const LEEWAY_SECONDS: u64 = 300;
/// How often the keys are looked at.
const PERIOD: Duration = Duration::from_secs(60);

/// Why the keys could not be turned over.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store did not take it.
    #[error("the new signing key could not be written")]
    Store(#[source] crate::store::StoreError),
}

/// Which keys: each ring is published on its own, and none signs what another is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRing {
    /// The embedded issuer's, for tokens.
    Tokens,
    /// For cards.
    Cards,
}

/// When the keys of a ring come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySchedule {
    /// The ring.
    pub ring: KeyRing,
    /// How new keys sign.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs.
    pub rotation: Duration,
    /// How long a new key is published before it signs.
    pub overlap: Duration,
    /// How long a key is published after its successor has begun to sign.
    pub retention: Duration,
}

/// Turns the keys of a ring over.
pub struct Rotation {
    schedule: KeySchedule,
    store: Store,
    clock: Clock,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing.
    Rest,
    /// A key is to be made, to sign from then on.
    Make { active_from: UnixSeconds },
    /// Keys have had their time.
    Drop,
}

impl Rotation {
    /// A rotation over the store's keys.
    #[must_use]
    pub fn new(schedule: KeySchedule, store: Store, clock: Clock) -> Self {
        Self { schedule, store, clock }
    }

    /// Does what is due; after it there is a key to sign with.
    ///
    /// # Errors
    /// The key could not be made or written.
    pub async fn turn(&self) -> Result<(), RotationError> {
        let now = (self.clock)();
        let schedule = self.schedule;
        let fresh = match schedule.next_step(schedule.ring.keys(&self.store.registry()), now) {
            Step::Rest => return Ok(()),
            Step::Drop => None,
            Step::Make { active_from } => {
                let made = tokio::task::spawn_blocking(move || keys::generate(schedule.algorithm, active_from)).await;
                Some(made.expect("making a key does not panic")?)
            }
        };
        let decide = move |registry: &Registry| {
            let keys = turned(schedule.ring.keys(registry), fresh, schedule.retention.as_secs(), now);
            Ok::<_, KeyError>(vec![schedule.ring.put(keys)])
        };
        self.store.write(decide).await.map(drop).map_err(|error| match error {
            WriteError::Refused(error) => error.into(),
            WriteError::Store(error) => RotationError::Store(error),
        })
    }

    /// Turns the keys over for ever; a failure is logged and tried again.
    pub async fn run(self) {
        let mut tick = tokio::time::interval(PERIOD);
        loop {
            tick.tick().await;
            if let Err(error) = self.turn().await {
                tracing::error!(error = &error as &dyn std::error::Error, "signing keys were not turned over");
            }
        }
    }
}

impl KeyRing {
    fn keys(self, registry: &Registry) -> &[Arc<SigningKey>] {
        match self {
            Self::Tokens => &registry.signing_keys,
            Self::Cards => &registry.card_keys,
        }
    }

    fn put(self, keys: Vec<SigningKey>) -> Change {
        match self {
            Self::Tokens => Change::PutSigningKeys(keys),
            Self::Cards => Change::PutCardKeys(keys),
        }
    }
}

impl From<&EmbeddedIssuer> for KeySchedule {
    /// A key stays until the last token it signed has expired, by any verifier's clock.
    fn from(issuer: &EmbeddedIssuer) -> Self {
        Self {
            ring: KeyRing::Tokens,
            algorithm: issuer.algorithm,
            rotation: issuer.rotation,
            overlap: issuer.overlap,
            retention: issuer.token_ttl + Duration::from_secs(LEEWAY_SECONDS),
        }
    }
}

impl From<&CardSigning> for KeySchedule {
    fn from(signing: &CardSigning) -> Self {
        Self {
            ring: KeyRing::Cards,
            algorithm: SigningAlgorithm::Es256,
            rotation: signing.rotation,
            overlap: signing.overlap,
            retention: signing.retention,
        }
    }
}

impl KeySchedule {
    fn next_step(&self, keys: &[Arc<SigningKey>], now: UnixSeconds) -> Step {
        let Some(newest) = keys.last() else { return Step::Make { active_from: now } };
        let overlap = self.overlap.as_secs();
        let due = newest.active_from.saturating_add(self.rotation.as_secs());
        if newest.algorithm != self.algorithm {
            return Step::Make { active_from: now + overlap };
        }
        if due <= now + overlap {
            return Step::Make { active_from: due.max(now + overlap) };
        }
        if keys.iter().any(|key| is_over(key, now)) { Step::Drop } else { Step::Rest }
    }
}

/// The keys after `fresh` has joined them.
fn turned(before: &[Arc<SigningKey>], fresh: Option<SigningKey>, retention: u64, now: UnixSeconds) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = before.iter().map(|key| (**key).clone()).collect();
    if let Some(fresh) = fresh {
        let retires_at = fresh.active_from + retention;
        keys.iter_mut().filter(|key| key.retires_at.is_none()).for_each(|key| key.retires_at = Some(retires_at));
        keys.push(fresh);
    }
    keys.retain(|key| !is_over(key, now));
    keys
}

fn is_over(key: &SigningKey, now: UnixSeconds) -> bool {
    key.retires_at.is_some_and(|retires_at| retires_at <= now)
}

/// The key that signs now: the newest that may, or the oldest if the clock stands before all of them.
#[must_use]
pub fn signing_key(keys: &[Arc<SigningKey>], now: UnixSeconds) -> Option<&SigningKey> {
    keys.iter().rev().find(|key| key.active_from <= now).or(keys.first()).map(Arc::as_ref)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{EmbeddedIssuer, KeySchedule, Step, signing_key, turned};
    use crate::{
        domain::{SigningAlgorithm, SigningKey},
        issuer::keys::generate,
    };

    const DAY: u64 = 86_400;

    fn schedule(algorithm: SigningAlgorithm) -> KeySchedule {
        KeySchedule::from(&EmbeddedIssuer {
            issuer: "https://gw".to_owned(),
            audience: "https://gw".to_owned(),
            algorithm,
            token_ttl: Duration::from_secs(900),
            rotation: Duration::from_secs(30 * DAY),
            overlap: Duration::from_secs(3600),
        })
    }

    fn keys(active_from: &[u64]) -> Vec<Arc<SigningKey>> {
        active_from.iter().map(|from| Arc::new(generate(SigningAlgorithm::Es256, *from).unwrap())).collect()
    }

    fn check(keys: &[Arc<SigningKey>], now: u64, expected: Step) {
        assert_eq!(schedule(SigningAlgorithm::Es256).next_step(keys, now), expected);
    }

    #[test]
    fn the_first_key_signs_at_once_and_the_next_only_after_the_overlap() {
        check(&[], 7, Step::Make { active_from: 7 });
        let first = keys(&[0]);
        check(&first, 30 * DAY - 3601, Step::Rest);
        check(&first, 30 * DAY - 3600, Step::Make { active_from: 30 * DAY });
        check(&first, 40 * DAY, Step::Make { active_from: 40 * DAY + 3600 });
    }

    #[test]
    fn another_algorithm_brings_a_new_key_while_the_old_one_signs_on() {
        let old = keys(&[0]);
        let step = schedule(SigningAlgorithm::EdDsa).next_step(&old, 100);
        assert_eq!(step, Step::Make { active_from: 3700 });
    }

    #[test]
    fn an_old_key_stays_until_its_last_token_has_expired() {
        let fresh = generate(SigningAlgorithm::Es256, 1000).unwrap();
        let retention = schedule(SigningAlgorithm::Es256).retention.as_secs();
        let both: Vec<_> = turned(&keys(&[0]), Some(fresh), retention, 10).into_iter().map(Arc::new).collect();
        let retires_at = 1000 + 900 + 300;
        assert_eq!(both[0].retires_at, Some(retires_at));
        assert_eq!(signing_key(&both, 999).unwrap().active_from, 0);
        assert_eq!(signing_key(&both, 1000).unwrap().active_from, 1000);
        check(&both, retires_at - 1, Step::Rest);
        check(&both, retires_at, Step::Drop);
        assert_eq!(turned(&both, None, retention, retires_at).len(), 1);
    }
}
