//! Whose tasks are whose, at an agent that keeps its callers' tasks apart. No table is kept: the ids tell.
//!
//! A task's id is made by the agent, so what leaves the gateway is that id with a seal on it, which only the caller it was given to can
//! use: a keyed hash over agent, caller and id. A context may be named by the caller (A2A v1.0 section 3.4), so each caller has a
//! name space of its own at the agent: its pseudonym is appended on the way in and taken off on the way out. What an agent lists
//! then says itself whose it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How a sealed id begins: followed by key, seal and the agent's id as it is.
const PLAIN: &str = "tg";
/// The same, but the agent's id is in URL-safe base64, because its characters are not at home in a path.
const ENCODED: &str = "tgx";
/// Bytes of a seal: half of what SHA-256 gives, as RFC 2104 section 5 allows.
const SEAL: usize = 16;
/// Longest id taken from an agent or a caller, bytes.
const MAX_ID: usize = 512;
/// Between a context and the pseudonym of the caller whose it is.
const OWNED_BY: char = '~';

/// What is named by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A task.
    Task,
    /// A context.
    Context,
}

/// The keys that seal ids. The first one seals, all of them open: an id outlives the key's time as the first.
#[derive(Clone)]
pub struct Keyring(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: Box<str>,
    mac: Hmac<Sha256>,
}

/// Why keys make no keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// An id with other characters than letters and digits, an empty one, or one that is there twice.
    #[error("keys[{0}].id must be letters and digits, and no other key's")]
    Id(usize),
    /// Less than 32 bytes.
    #[error("keys[{0}].secret must be at least 32 bytes in URL-safe base64")]
    Secret(usize),
}

impl Keyring {
    /// A keyring of (id, secret in URL-safe base64), the one that seals first.
    ///
    /// # Errors
    /// The first key that is none.
    pub fn new<'a>(keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, KeyringError> {
        let mut ring: Vec<Key> = Vec::new();
        for (index, (id, secret)) in keys.into_iter().enumerate() {
            let is_id = !id.is_empty() && id.len() <= 16 && id.bytes().all(|b| b.is_ascii_alphanumeric());
            if !is_id || ring.iter().any(|key| &*key.id == id) {
                return Err(KeyringError::Id(index));
            }
            let secret = URL_SAFE_NO_PAD.decode(secret).ok().filter(|secret| secret.len() >= 32);
            let secret = secret.ok_or(KeyringError::Secret(index))?;
            let mac = Hmac::new_from_slice(&secret).map_err(|_| KeyringError::Secret(index))?;
            ring.push(Key { id: id.into(), mac });
        }
        Ok(Self(ring))
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keyring").field(&format_args!("{} keys", self.0.len())).finish()
    }
}

/// A caller at an agent, as the owner of tasks.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    ring: &'a Keyring,
    agent: &'a str,
    pseudonym: &'a str,
}

impl<'a> Owner<'a> {
    /// The caller `pseudonym` at `agent`.
    #[must_use]
    pub fn new(ring: &'a Keyring, agent: &'a str, pseudonym: &'a str) -> Self {
        Self { ring, agent, pseudonym }
    }

    /// The id that the caller is given for the agent's `id`. `None`: there is no key, or the id is longer than any should be; it must not
    /// be given out then.
    #[must_use]
    pub fn seal(&self, kind: IdKind, id: &str) -> Option<String> {
        if id.len() > MAX_ID {
            return None;
        }
        let key = self.ring.0.first()?;
        let seal = URL_SAFE_NO_PAD.encode(self.mac(key, kind, id).finalize().into_bytes().get(..SEAL)?);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~' | b'.');
        Some(if !id.is_empty() && id.bytes().all(is_plain) {
            format!("{PLAIN}.{}.{seal}.{id}", key.id)
        } else {
            format!("{ENCODED}.{}.{seal}.{}", key.id, URL_SAFE_NO_PAD.encode(id))
        })
    }

    /// The agent's id behind one that this caller was given. `None`: it was not.
    #[must_use]
    pub fn open(&self, kind: IdKind, shown: &str) -> Option<String> {
        let mut parts = shown.splitn(4, '.');
        let (form, key, seal, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let id = match form {
            PLAIN => id.to_owned(),
            ENCODED => String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?,
            _ => return None,
        };
        let key = self.ring.0.iter().find(|candidate| &*candidate.id == key)?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok().filter(|seal| seal.len() == SEAL)?;
        self.mac(key, kind, &id).verify_truncated_left(&seal).ok()?;
        Some(id)
    }

    /// What a context is called at the agent, that the caller calls `shown`: an agent's own name for it, or one in the caller's name space.
    #[must_use]
    pub fn context_inward(&self, shown: &str) -> String {
        self.open(IdKind::Context, shown).unwrap_or_else(|| format!("{shown}{OWNED_BY}{}", self.pseudonym))
    }

    /// What the caller calls a context that the agent calls `id`. `None` as in [`Owner::seal`].
    #[must_use]
    pub fn context_outward(&self, id: &str) -> Option<String> {
        match self.own(id) {
            Some(shown) => Some(shown.to_owned()),
            None => self.seal(IdKind::Context, id),
        }
    }

    /// Whether the agent's context `id` says that it is this caller's.
    #[must_use]
    pub fn owns(&self, id: &str) -> bool {
        self.own(id).is_some()
    }

    fn own<'c>(&self, id: &'c str) -> Option<&'c str> {
        let (shown, owner) = id.rsplit_once(OWNED_BY)?;
        (owner == self.pseudonym).then_some(shown)
    }

    /// Every part with its length before it: no two different triples hash the same bytes.
    fn mac(&self, key: &Key, kind: IdKind, id: &str) -> Hmac<Sha256> {
        let mut mac = key.mac.clone();
        mac.update(&[match kind {
            IdKind::Task => b't',
            IdKind::Context => b'c',
        }]);
        for part in [self.agent, self.pseudonym, id] {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const B: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";

    fn ring() -> Keyring {
        Keyring::new([("1", A)]).unwrap()
    }

    #[test]
    fn an_id_opens_for_whom_it_was_sealed_and_nobody_else() {
        let ring = ring();
        let owner = Owner::new(&ring, "weather", "alice");
        let sealed = owner.seal(IdKind::Task, "task-1").unwrap();
        assert!(sealed.starts_with("tg.1.") && sealed.ends_with(".task-1"), "{sealed}");
        assert_eq!(owner.open(IdKind::Task, &sealed).as_deref(), Some("task-1"));
        assert_eq!(owner.open(IdKind::Context, &sealed), None);
        assert_eq!(Owner::new(&ring, "weather", "bob").open(IdKind::Task, &sealed), None);
        assert_eq!(Owner::new(&ring, "calculator", "alice").open(IdKind::Task, &sealed), None);
        for other in
            ["task-1", "", "tg.1..task-1", "tg.2.AAAAAAAAAAAAAAAAAAAAAA.task-1", &sealed.replace("task-1", "task-2")]
        {
            assert_eq!(owner.open(IdKind::Task, other), None, "{other}");
        }
    }

    #[test]
    fn an_id_outlives_the_rotation_of_its_key_but_not_its_removal() {
        let (old, new) = (ring(), Keyring::new([("2", B), ("1", A)]).unwrap());
        let sealed = Owner::new(&old, "weather", "alice").seal(IdKind::Task, "t").unwrap();
        assert_eq!(Owner::new(&new, "weather", "alice").open(IdKind::Task, &sealed).as_deref(), Some("t"));
        let resealed = Owner::new(&new, "weather", "alice").seal(IdKind::Task, "t").unwrap();
        assert!(resealed.starts_with("tg.2."), "{resealed}");
        let gone = Keyring::new([("2", B)]).unwrap();
        assert_eq!(Owner::new(&gone, "weather", "alice").open(IdKind::Task, &sealed), None);
    }

    #[test]
    fn contexts_are_the_callers_own_name_space() {
        let ring = ring();
        let (alice, bob) = (Owner::new(&ring, "weather", "alice"), Owner::new(&ring, "weather", "bob"));
        let inward = alice.context_inward("trip");
        assert_eq!((inward.as_str(), alice.owns(&inward), bob.owns(&inward)), ("trip~alice", true, false));
        assert_eq!(alice.context_outward(&inward).as_deref(), Some("trip"));
        // What bob makes of alice's name stays his.
        let forged = bob.context_inward("trip~alice");
        assert!(bob.owns(&forged) && !alice.owns(&forged), "{forged}");
    }

    #[test]
    fn a_context_that_the_agent_named_itself_comes_back_to_it() {
        let ring = ring();
        let (alice, bob) = (Owner::new(&ring, "weather", "alice"), Owner::new(&ring, "weather", "bob"));
        let shown = alice.context_outward("agent-made").unwrap();
        assert_eq!(alice.context_inward(&shown), "agent-made");
        assert_eq!(bob.context_inward(&shown), format!("{shown}~bob"));
    }

    #[test]
    fn keys_that_are_none_are_named() {
        assert_eq!(Keyring::new([("", A)]).unwrap_err(), KeyringError::Id(0));
        assert_eq!(Keyring::new([("1", A), ("1", B)]).unwrap_err(), KeyringError::Id(1));
        assert_eq!(Keyring::new([("1", A), ("2", "c2hvcnQ")]).unwrap_err(), KeyringError::Secret(1));
        assert_eq!(Owner::new(&Keyring::new([]).unwrap(), "weather", "alice").seal(IdKind::Task, "t"), None);
    }

    proptest! {
        #[test]
        fn whatever_the_id_it_comes_back(id in "\\PC{0,60}", agent in "[a-z]{1,9}", pseudonym in "[a-zA-Z0-9_-]{22}") {
            let ring = ring();
            let owner = Owner::new(&ring, &agent, &pseudonym);
            let sealed = owner.seal(IdKind::Task, &id).unwrap();
            prop_assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~.".contains(&b)), "{}", sealed);
            prop_assert_eq!(owner.open(IdKind::Task, &sealed), Some(id.clone()));
            prop_assert_eq!(owner.context_outward(&owner.context_inward(&id)), Some(id));
        }

        #[test]
        fn arbitrary_text_never_opens(text in "(tgx?\\.1\\.)?\\PC{0,80}") {
            let ring = ring();
            prop_assert_eq!(Owner::new(&ring, "weather", "alice").open(IdKind::Task, &text), None);
        }
    }
}
