//! Whose tokens are believed, and how ours are made: the embedded OAuth issuer (client credentials, RFC 6749 section 4.4; access
//! tokens of RFC 9068) and the key sets of external issuers. Verifying tokens is the policy crate's business, who may hold which
//! scope is the admin API's.

mod claims;
mod endpoint;
mod external;
mod jwk;
mod keys;
mod metadata;
mod request;
mod rotation;
mod secrets;

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    config::{EmbeddedIssuer, PublicUrl},
    domain::{Client, Scope, SigningKey, UnixSeconds},
    store::Store,
};
pub use endpoint::router;
pub use external::{JwksError, JwksReader, Refresher, UnknownKeys};
pub use keys::{KeyError, Signer};
pub use rotation::{KeyRing, KeySchedule, Rotation, RotationError, signing_key};
pub use secrets::{ClientSecrets, hash_secret, new_secret};

/// Reads the clock: seconds since the epoch.
pub type Clock = fn() -> UnixSeconds;

/// The embedded issuer. Clones share its state.
#[derive(Clone)]
pub struct Issuer {
    inner: Arc<Inner>,
}

struct Inner {
    settings: EmbeddedIssuer,
    public_url: PublicUrl,
    store: Store,
    secrets: ClientSecrets,
    clock: Clock,
    /// The key that signed last, ready to sign: parsing one costs more than signing.
    signer: Mutex<Option<Arc<Signer>>>,
}

/// A token just made.
#[derive(Clone)]
pub struct AccessToken {
    /// The JWT. A secret: no `Debug`.
    pub token: String,
    /// Seconds it lives.
    pub expires_in: u64,
}

/// Why no token could be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Rotation has not run yet.
    #[error("there is no signing key")]
    NoKey,
    /// The key is damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Issuer {
    /// An issuer over the store's clients and keys.
    #[must_use]
    pub fn new(settings: EmbeddedIssuer, public_url: PublicUrl, store: Store, clock: Clock) -> Self {
        let inner =
            Inner { settings, public_url, store, secrets: ClientSecrets::new(), clock, signer: Mutex::new(None) };
        Self { inner: Arc::new(inner) }
    }

    /// Makes a token for `client` with `scopes`.
    ///
    /// # Errors
    /// There is no usable signing key.
    pub fn mint(&self, client: &Client, scopes: &[Scope], now: UnixSeconds) -> Result<AccessToken, MintError> {
        let registry = self.inner.store.registry();
        let key = signing_key(&registry.signing_keys, now).ok_or(MintError::NoKey)?;
        let ttl = self.inner.settings.token_ttl.as_secs();
        let expires_at = key.retires_at.map_or(now + ttl, |retires_at| retires_at.min(now + ttl));
        let claims = claims::Claims::new(&self.inner.settings, client, scopes, now, expires_at);
        let token = claims.sign(&*self.signer(key)?)?;
        Ok(AccessToken { token, expires_in: expires_at.saturating_sub(now) })
    }

    fn signer(&self, key: &SigningKey) -> Result<Arc<Signer>, KeyError> {
        let mut signer = self.inner.signer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = signer.as_ref().filter(|signer| signer.kid() == key.kid) {
            return Ok(signer.clone());
        }
        let fresh = Arc::new(Signer::new(key)?);
        *signer = Some(fresh.clone());
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests;
