//! How an agent's A2A traffic is treated on its way, beyond being let through; and the keys that make this possible.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tollgate_policy::document::{TaskIsolation, WebhooksDocument};

use super::{BackendUrl, SecretText, UnixSeconds};

/// How an agent's traffic is treated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct A2aSettings {
    /// Whether requests in a binding or version that the agent does not speak are translated.
    pub translation: Translation,
    /// Whose tasks a caller sees.
    pub task_isolation: TaskIsolation,
    /// What webhooks callers may register.
    pub webhooks: WebhooksDocument,
    /// Where its gRPC interface is: scheme, host and port. Absent: it has none that callers reach.
    pub grpc: Option<BackendUrl>,
}

/// Whether requests are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Translation {
    /// Where the card does not offer what the client speaks.
    #[default]
    Auto,
    /// Never: what the card does not offer is not found.
    Off,
}

impl Translation {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }
}

/// A key that seals the ids of tasks towards callers. It opens what it sealed for as long as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskKey {
    /// The beginning of its secret's hash: the same key has the same name on every server.
    pub id: TaskKeyId,
    /// At least 32 random bytes, URL-safe base64 without padding.
    pub secret: SecretText,
    /// When it came here. The newest key seals.
    pub created_at: UnixSeconds,
}

/// A key's name: eight hexadecimal digits. It is part of every id that the key seals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKeyId(String);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at least 32 bytes in URL-safe base64 without padding")]
pub struct TaskKeyError;

impl TaskKey {
    /// Takes a key.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(secret: SecretText, now: UnixSeconds) -> Result<Self, TaskKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(secret.expose()).map_err(|_| TaskKeyError)?;
        if bytes.len() < 32 {
            return Err(TaskKeyError);
        }
        let digest = Sha256::digest(&bytes);
        let id = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id: TaskKeyId(id), secret, created_at: now })
    }

    /// Makes a key of random bytes.
    ///
    /// # Panics
    /// Never: 32 bytes are enough.
    #[must_use]
    pub fn random(now: UnixSeconds) -> Self {
        let secret = SecretText::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        Self::new(secret, now).expect("32 bytes, encoded just now")
    }
}

impl TaskKeyId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for TaskKeyId {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let is_digit = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        if text.len() == 8 && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be eight hexadecimal digits")
        }
    }
}

impl fmt::Display for TaskKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskKey").field("id", &self.id).field("created_at", &self.created_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_is_the_same_key() {
        let key = TaskKey::random(5);
        assert_eq!(TaskKey::new(key.secret.clone(), 9).unwrap().id, key.id);
        assert_ne!(TaskKey::random(5).id, key.id);
        assert!(TaskKeyId::try_from(key.id.as_str()).is_ok());
    }

    #[test]
    fn short_and_odd_secrets_are_none() {
        for secret in ["", "c2hvcnQ", "not base64 at all, but quite long enough for thirty-two bytes"] {
            assert_eq!(TaskKey::new(SecretText::new(secret.to_owned()), 0), Err(TaskKeyError), "{secret}");
        }
    }
}
