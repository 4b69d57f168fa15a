//! A client of the embedded issuer.

use std::fmt;

use super::{Scope, UnixSeconds};

/// An OAuth client that may ask the embedded issuer for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id: `client_id` and `sub` of its tokens.
    pub id: ClientId,
    /// Name for people.
    pub name: String,
    /// Scopes it may ask for.
    pub scopes: Vec<Scope>,
    /// Hashes of the secrets it may use: after a rotation, old and new for the overlap.
    pub secrets: Vec<ClientSecretHash>,
    /// Whether it may get tokens.
    pub disabled: bool,
    /// First creation.
    pub created_at: UnixSeconds,
}

/// A client's secret as kept: argon2id in PHC form, never the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecretHash {
    /// PHC string.
    pub phc: String,
    /// When it stops being accepted; `None`: never.
    pub expires_at: Option<UnixSeconds>,
}

impl fmt::Debug for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecretHash").field("phc", &"[redacted]").field("expires_at", &self.expires_at).finish()
    }
}

/// A client id: `[A-Za-z0-9._-]{1,128}`, so that it needs no escaping anywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Box<str>);

/// Not a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 of letters, digits, '.', '_' and '-'")]
pub struct ClientIdError;

impl TryFrom<&str> for ClientId {
    type Error = ClientIdError;
    fn try_from(text: &str) -> Result<Self, ClientIdError> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if (1..=128).contains(&text.len()) && text.bytes().all(fine) {
            Ok(Self(text.into()))
        } else {
            Err(ClientIdError)
        }
    }
}

impl ClientId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
