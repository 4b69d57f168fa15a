//! The signatures of served cards: what callers get is no longer what the agent signed, so the gateway signs it, with keys that sign
//! nothing else. ECDSA with the deterministic nonce of RFC 6979: the same content and key give the same bytes, on every request and
//! after every restart, and so the same `ETag`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use p256::{
    ecdsa::{Signature, SigningKey as EcdsaKey, signature::Signer as _},
    pkcs8::DecodePrivateKey,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::canonical::{Form, canonical};
use crate::{
    config::PublicUrl,
    domain::{Registry, SigningKey},
    issuer::{Clock, signing_key},
    store::Store,
};

/// Where the keys are published: apart from the token issuer's, so that nobody takes the one for the other.
pub const CARD_KEYS_PATH: &str = "/.well-known/agent-card-jwks.json";
/// Signatures kept. Past it all are dropped: they come back as they are asked for.
const KEPT: usize = 8192;

/// Signs cards. Clones share what was signed already.
#[derive(Clone)]
pub struct CardSigner {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    /// `jku`.
    key_set_url: String,
    /// The key that signed last, ready to sign.
    key: Mutex<Option<Arc<ReadyKey>>>,
    /// What was signed already.
    signatures: Mutex<HashMap<Signed, Arc<str>>>,
}

/// A key's `kid`, and the SHA-256 digest of what it signed.
type Signed = (Arc<str>, [u8; 32]);

struct ReadyKey {
    kid: Arc<str>,
    key: EcdsaKey,
    /// base64url.
    protected: String,
}

impl CardSigner {
    /// A signer with the store's card keys.
    #[must_use]
    pub fn new(store: Store, public_url: &PublicUrl, clock: Clock) -> Self {
        let key_set_url = format!("{public_url}{CARD_KEYS_PATH}");
        let (key, signatures) = (Mutex::default(), Mutex::default());
        Self { inner: Arc::new(Inner { store, clock, key_set_url, key, signatures }) }
    }

    /// `kid` of the key that signs now; `None`: there is none.
    #[must_use]
    pub fn key_id(&self) -> Option<Arc<str>> {
        self.inner.ready().map(|key| key.kid.clone())
    }

    /// The card with its signatures, one for each of its canonical forms: a verifier takes any that is valid, and which of them it can
    /// compute depends on how it reads cards. Nothing else of the card is touched.
    #[must_use]
    pub fn sign(&self, card: Map<String, Value>) -> Value {
        let mut card = Value::Object(card);
        let mut forms: Vec<Vec<u8>> = Form::ALL.iter().filter_map(|form| canonical(&card, *form)).collect();
        // Each form narrows the one before, so that equal ones are neighbours.
        forms.dedup();
        let Some(key) = self.inner.ready() else { return card };
        let signatures: Vec<Value> = forms.iter().map(|payload| self.inner.signature(&key, payload)).collect();
        card["signatures"] = signatures.into();
        card
    }
}

/// The keys that cards were signed with, and will be next (RFC 7517 section 5).
#[must_use]
pub fn card_key_set(registry: &Registry) -> Value {
    let keys: Vec<&Value> = registry.card_keys.iter().map(|key| &key.public_jwk).collect();
    json!({ "keys": keys })
}

impl Inner {
    fn ready(&self) -> Option<Arc<ReadyKey>> {
        let registry = self.store.registry();
        let current = signing_key(&registry.card_keys, (self.clock)())?;
        let mut ready = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = ready.as_ref().filter(|key| *key.kid == *current.kid) {
            return Some(key.clone());
        }
        let fresh = ReadyKey::new(current, &self.key_set_url).map(Arc::new);
        if fresh.is_none() {
            tracing::error!(kid = current.kid, "the key of cards cannot be read: cards are served unsigned");
        }
        ready.clone_from(&fresh);
        fresh
    }

    /// An entry of `signatures` (A2A v1.0 section 4.4.7).
    fn signature(&self, key: &ReadyKey, payload: &[u8]) -> Value {
        let place: Signed = (key.kid.clone(), Sha256::digest(payload).into());
        let mut kept = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT && !kept.contains_key(&place) {
            kept.clear();
        }
        let signature = kept.entry(place).or_insert_with(|| key.sign(payload));
        json!({"protected": key.protected, "signature": &**signature})
    }
}

impl ReadyKey {
    fn new(key: &SigningKey, key_set_url: &str) -> Option<Self> {
        let header = json!({"alg": "ES256", "jku": key_set_url, "kid": key.kid, "typ": "JOSE"});
        Some(Self {
            kid: key.kid.as_str().into(),
            key: EcdsaKey::from_pkcs8_der(&key.private_key).ok()?,
            protected: BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
        })
    }

    /// The detached JWS's signature part (RFC 7515 appendix F).
    fn sign(&self, payload: &[u8]) -> Arc<str> {
        let signed = format!("{}.{}", self.protected, BASE64_URL_SAFE_NO_PAD.encode(payload));
        let signature: Signature = self.key.sign(signed.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()).into()
    }
}

#[cfg(test)]
mod tests;
