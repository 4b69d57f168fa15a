//! Whether an agent's card is signed by whom its record says (A2A v1.0 section 8.4). The keys are the record's: where a signature
//! says that its own keys are (`jku`) counts only where the server's settings list that very URL, for whoever forges a signature
//! chooses its header too.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;
use tollgate_policy::token::{DetachedJws, JwsFault, KeySet};
use url::Url;

use super::canonical::{Form, canonical, uncovered};
use crate::{
    domain::{CardKeySource, CardSignatures, SignatureOutcome, SignaturePolicy, VerifiedSignature},
    outbound::{Outbound, OutboundError},
    strict_json,
};

/// No key set is longer, in bytes.
const MAX_KEY_SET: usize = 256 << 10;
/// Signatures of a card beyond these are not looked at: each costs a verification in every form.
const MAX_SIGNATURES: usize = 8;

/// Verifies cards.
#[derive(Clone)]
pub struct CardVerifier {
    outbound: Outbound,
    trusted_jku: Arc<[Url]>,
}

/// Why a card's signatures do not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There are none, and there must be.
    #[error(
        "the card is not signed, and cardSignatures.policy is require: have the agent sign it (A2A v1.0 section 8.4)"
    )]
    Unsigned,
    /// None holds.
    #[error(
        "no signature of the card is valid ({0}): check that the keys of cardSignatures are the signer's, or set its policy to ignore"
    )]
    Invalid(JwsFault),
    /// There is nothing to verify with.
    #[error("there are no keys to verify the card with: give cardSignatures.jwks or cardSignatures.jwksUrl")]
    NoKeys,
    /// The key set cannot be had.
    #[error("the key set of cardSignatures.jwksUrl, or of a trusted jku, cannot be fetched: {0}")]
    Fetch(#[from] OutboundError),
    /// The key set cannot be used.
    #[error("the key set of cardSignatures cannot be used: {0}")]
    KeySet(String),
}

impl CardVerifier {
    /// A verifier that fetches key sets by `outbound`, and believes those of `trusted_jku` where a signature names them.
    #[must_use]
    pub fn new(outbound: &Outbound, trusted_jku: Vec<Url>) -> Self {
        Self { outbound: outbound.with_max_bytes(MAX_KEY_SET), trusted_jku: trusted_jku.into() }
    }

    /// Whether a record that asks for this can ever be satisfied.
    ///
    /// # Errors
    /// [`SignatureError::NoKeys`].
    pub fn can_satisfy(&self, wanted: &CardSignatures) -> Result<(), SignatureError> {
        let has_keys = wanted.keys != CardKeySource::None || !self.trusted_jku.is_empty();
        if wanted.policy == SignaturePolicy::Ignore || has_keys { Ok(()) } else { Err(SignatureError::NoKeys) }
    }

    /// What the signatures of `card` are worth, where its record asks for `wanted`.
    ///
    /// # Errors
    /// They are not worth what is asked for.
    pub async fn check(&self, card: &Value, wanted: &CardSignatures) -> Result<SignatureOutcome, SignatureError> {
        let signatures = card.get("signatures").filter(|listed| !listed.is_null());
        let is_signed = signatures.is_some_and(|listed| listed.as_array().is_none_or(|items| !items.is_empty()));
        match (wanted.policy, is_signed) {
            (SignaturePolicy::Ignore, true) => return Ok(SignatureOutcome::Ignored),
            (SignaturePolicy::Ignore | SignaturePolicy::VerifyIfPresent, false) => {
                return Ok(SignatureOutcome::Unsigned);
            }
            (SignaturePolicy::Require, false) => return Err(SignatureError::Unsigned),
            (SignaturePolicy::VerifyIfPresent | SignaturePolicy::Require, true) => {}
        }
        let (readable, fault) = read(signatures.unwrap_or(&Value::Null));
        if readable.is_empty() {
            return Err(SignatureError::Invalid(fault.unwrap_or(JwsFault::Malformed)));
        }
        let pinned = self.pinned(&wanted.keys).await?;
        let trusted = match self.trusted(&readable).await {
            Err(error) if pinned.is_none() => return Err(error),
            fetched => fetched.unwrap_or_default(),
        };
        verify(card, &readable, &KeySets { pinned, trusted }).map(SignatureOutcome::Verified)
    }

    async fn pinned(&self, keys: &CardKeySource) -> Result<Option<Arc<KeySet>>, SignatureError> {
        match keys {
            CardKeySource::None => Ok(None),
            CardKeySource::Inline(jwks) => key_set(jwks).map(Some),
            CardKeySource::Url(url) => self.fetch(url).await.map(Some),
        }
    }

    /// The key sets that the signatures name, as far as the settings list them; each is fetched once.
    async fn trusted(&self, signatures: &[DetachedJws<'_>]) -> Result<Vec<(Url, Arc<KeySet>)>, SignatureError> {
        let mut sets: Vec<(Url, Arc<KeySet>)> = Vec::new();
        for url in signatures.iter().filter_map(named) {
            if self.trusted_jku.contains(&url) && sets.iter().all(|(known, _)| *known != url) {
                let set = self.fetch(&url).await?;
                sets.push((url, set));
            }
        }
        Ok(sets)
    }

    async fn fetch(&self, url: &Url) -> Result<Arc<KeySet>, SignatureError> {
        let body = self.outbound.get(url, HeaderMap::new()).await?.body;
        key_set(
            &strict_json::parse(&body)
                .map_err(|error| SignatureError::KeySet(format!("it is not strict JSON: {error}")))?,
        )
    }
}

/// Reads a key set.
///
/// # Errors
/// [`SignatureError::KeySet`], with its first fault.
pub fn key_set(jwks: &Value) -> Result<Arc<KeySet>, SignatureError> {
    let first = |faults: Vec<_>| SignatureError::KeySet(faults.first().map(ToString::to_string).unwrap_or_default());
    KeySet::compile(jwks).map(Arc::new).map_err(first)
}

/// The place that a signature's header names for its keys.
fn named(jws: &DetachedJws<'_>) -> Option<Url> {
    jws.key_set_url().and_then(|text| Url::parse(text).ok())
}

/// The key sets that may verify a card.
struct KeySets {
    /// For every signature.
    pinned: Option<Arc<KeySet>>,
    /// For the signatures that name them.
    trusted: Vec<(Url, Arc<KeySet>)>,
}

impl KeySets {
    fn of<'s>(&'s self, jws: &DetachedJws<'_>) -> impl Iterator<Item = &'s KeySet> + use<'s> {
        let place = named(jws);
        let trusted = self.trusted.iter().filter(move |(url, _)| Some(url) == place.as_ref()).map(|(_, set)| &**set);
        self.pinned.as_deref().into_iter().chain(trusted)
    }
}

/// The signatures that can be read, and what is wrong with one that cannot.
fn read(signatures: &Value) -> (Vec<DetachedJws<'_>>, Option<JwsFault>) {
    let (mut readable, mut fault) = (Vec::new(), None);
    for entry in signatures.as_array().into_iter().flatten().take(MAX_SIGNATURES) {
        let part = |name: &str| entry.get(name).and_then(Value::as_str).ok_or(JwsFault::Malformed);
        let jws = part("protected").and_then(|protected| DetachedJws::read(protected, part("signature")?));
        match jws {
            Ok(jws) => readable.push(jws),
            Err(found) => fault = Some(found),
        }
    }
    (readable, fault)
}

/// The first signature that holds, over the widest form that one holds over.
fn verify(card: &Value, signatures: &[DetachedJws<'_>], sets: &KeySets) -> Result<VerifiedSignature, SignatureError> {
    if sets.pinned.is_none() && sets.trusted.is_empty() {
        return Err(SignatureError::NoKeys);
    }
    let mut fault = JwsFault::UnknownKey;
    for form in Form::ALL {
        let Some(payload) = canonical(card, form) else { continue };
        for jws in signatures {
            for set in sets.of(jws) {
                match set.verify(jws, &payload) {
                    Ok(()) => return Ok(verified(card, jws, form)),
                    Err(JwsFault::UnknownKey) => {}
                    Err(other) => fault = other,
                }
            }
        }
    }
    Err(SignatureError::Invalid(fault))
}

fn verified(card: &Value, jws: &DetachedJws<'_>, form: Form) -> VerifiedSignature {
    VerifiedSignature {
        key_id: jws.key_id().to_owned(),
        algorithm: jws.algorithm().name().to_owned(),
        form,
        uncovered: uncovered(card, form),
    }
}

#[cfg(test)]
mod tests;
