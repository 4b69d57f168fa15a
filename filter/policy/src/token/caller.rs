//! A caller whose token was verified. Nothing here checks anything: holding a [`Caller`] is the proof.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::UnixSeconds;
use crate::ids::Scope;

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    key: CallerKey,
    subject: Option<Box<str>>,
    token_id: Option<Box<str>>,
    scopes: Box<[Scope]>,
    issued_at: Option<UnixSeconds>,
    expires_at: UnixSeconds,
}

/// Who a caller is for limits and audit: issuer and client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallerKey {
    issuer: Arc<str>,
    client: Arc<str>,
}

/// The parts of a caller, named, for the one place that makes them.
pub(super) struct Verified {
    pub(super) issuer: Arc<str>,
    pub(super) client: Arc<str>,
    pub(super) subject: Option<Box<str>>,
    pub(super) token_id: Option<Box<str>>,
    pub(super) scopes: Vec<Scope>,
    pub(super) issued_at: Option<UnixSeconds>,
    pub(super) expires_at: UnixSeconds,
}

impl Caller {
    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.key.issuer
    }

    /// `sub`.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The client, from the first claim of the issuer's list that is present.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.key.client
    }

    /// `jti`.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// The scopes held, sorted, each once; the issuer's prefix is off, and what is not a scope (RFC 6749 section 3.3) left out.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// `iat`; `None` where the token does not say it, or not as a time.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixSeconds> {
        self.issued_at
    }

    /// `exp`, without leeway.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// The identity for limits and audit.
    #[must_use]
    pub fn key(&self) -> &CallerKey {
        &self.key
    }

    /// A name for it that tells nothing of it and that no other caller has: the whole identity, `sub` included, hashed. For backends
    /// that shall tell callers apart. 22 characters of URL-safe base64.
    #[must_use]
    pub fn pseudonym(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.issuer(), self.client(), self.subject().unwrap_or_default()] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
    }

    /// A caller as tests of the decision want one.
    #[cfg(test)]
    #[allow(dead_code, clippy::unwrap_used, reason = "other modules' tests use it")]
    pub(crate) fn sample(client: &str, scopes: &[&str]) -> Self {
        Self::from(Verified {
            issuer: "https://issuer.example".into(),
            client: client.into(),
            subject: None,
            token_id: None,
            scopes: scopes.iter().map(|scope| Scope::try_from(*scope).unwrap()).collect(),
            issued_at: None,
            expires_at: UnixSeconds::MAX,
        })
    }
}

impl From<Verified> for Caller {
    fn from(verified: Verified) -> Self {
        let mut scopes = verified.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        Self {
            key: CallerKey { issuer: verified.issuer, client: verified.client },
            subject: verified.subject,
            token_id: verified.token_id,
            scopes: scopes.into(),
            issued_at: verified.issued_at,
            expires_at: verified.expires_at,
        }
    }
}

impl CallerKey {
    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.client
    }
}
