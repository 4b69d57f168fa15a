//! A revocation: who is cut off at the gateway, whatever their tokens say. Its meaning is the policy crate's.

use std::fmt;

use tollgate_policy::document::RevocationDocument;

use super::UnixSeconds;

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its id, chosen by the server.
    pub id: RevocationId,
    /// Whom it cuts off, and until when.
    pub cuts_off: RevocationDocument,
    /// Why, for people.
    pub reason: String,
    /// The client that asked for it; empty: the server itself.
    pub created_by: String,
    /// When.
    pub created_at: UnixSeconds,
}

/// A revocation's id: `[a-z0-9-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevocationId(Box<str>);

/// Not such an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 of lower-case letters, digits and '-'")]
pub struct RevocationIdError;

impl Revocation {
    /// Whether it still cuts anyone off.
    #[must_use]
    pub fn holds(&self, now: UnixSeconds) -> bool {
        self.cuts_off.until.is_none_or(|until| now < until)
    }
}

impl TryFrom<&str> for RevocationId {
    type Error = RevocationIdError;
    fn try_from(text: &str) -> Result<Self, RevocationIdError> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(fine) {
            Ok(Self(text.into()))
        } else {
            Err(RevocationIdError)
        }
    }
}

impl RevocationId {
    /// One that no other has.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()).into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
