//! Signatures over what is no token: a detached JWS (RFC 7515 appendix F), whose payload the verifier has from elsewhere, under a
//! key set (RFC 7517). For agent cards (A2A v1.0 section 8.4); the filter itself never asks. What the payload is, and whose keys
//! are to be believed, is the caller's business.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::UntrustedToken;
use serde_json::{Map, Value};

use super::algorithm::SigningAlgorithm;
use super::host::NoHost;
use super::key::Key;
use super::{json, jwks};
use crate::fault::ConfigFault;

/// Longest protected header and longest signature read, in bytes of base64url.
const MAX_PART: usize = 8 * 1024;

/// Public keys, by `kid`.
pub struct KeySet {
    keys: Vec<Key>,
}

/// A signature without its payload, read and not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedJws<'a> {
    protected: &'a str,
    signature: &'a str,
    algorithm: SigningAlgorithm,
    key_id: String,
    key_set_url: Option<String>,
}

/// Why a detached signature is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsFault {
    /// Not base64url, no JSON object, `alg` or `kid` missing or no text, or too long.
    #[error("the signature is malformed: it needs base64url parts, and alg and kid in its protected header")]
    Malformed,
    /// `none`, `HS*`, or an algorithm nobody here knows.
    #[error("the signature's algorithm is not one of RS256, RS384, RS512, PS256, ES256, ES256K, EdDSA")]
    UnsupportedAlgorithm,
    /// `crit` or `b64` asks for an extension (RFC 7515 section 4.1.11, RFC 7797).
    #[error("the signature's header asks for an extension that is not understood")]
    UnsupportedHeader,
    /// No key of that `kid` makes such signatures.
    #[error("the key set has no key of the signature's kid and algorithm")]
    UnknownKey,
    /// The key did not sign this payload.
    #[error("the signature does not hold")]
    BadSignature,
}

impl KeySet {
    /// The keys of a JWK set that can verify.
    ///
    /// # Errors
    /// Each broken, weak or private key, by its path (`keys[0].n`).
    pub fn compile(jwks: &Value) -> Result<Self, Vec<ConfigFault>> {
        jwks::compile(jwks, "jwks").map(|keys| Self { keys })
    }

    /// Whether `jws` is a signature of `payload` by the one key of this set that its header names.
    ///
    /// # Errors
    /// [`JwsFault::UnknownKey`], [`JwsFault::BadSignature`].
    pub fn verify(&self, jws: &DetachedJws<'_>, payload: &[u8]) -> Result<(), JwsFault> {
        let named = |key: &&Key| key.id.as_deref() == Some(jws.key_id.as_str()) && key.permits(jws.algorithm);
        let mut fitting = self.keys.iter().filter(named);
        let (Some(key), None) = (fitting.next(), fitting.next()) else { return Err(JwsFault::UnknownKey) };
        let signed = format!("{}.{}", jws.protected, URL_SAFE_NO_PAD.encode(payload));
        let whole = format!("{signed}.{}", jws.signature);
        let token = UntrustedToken::new(&whole).map_err(|_| JwsFault::Malformed)?;
        if key.verifies(jws.algorithm, &token, signed.as_bytes(), &NoHost) {
            Ok(())
        } else {
            Err(JwsFault::BadSignature)
        }
    }
}

impl<'a> DetachedJws<'a> {
    /// Reads the two parts, base64url as they stand in the document.
    ///
    /// # Errors
    /// Why it cannot be a signature that is verified here.
    pub fn read(protected: &'a str, signature: &'a str) -> Result<Self, JwsFault> {
        if protected.len() > MAX_PART || signature.len() > MAX_PART || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(JwsFault::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(protected).map_err(|_| JwsFault::Malformed)?;
        let header = json::object(&bytes).ok_or(JwsFault::Malformed)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(JwsFault::UnsupportedHeader);
        }
        let name = text(&header, "alg")?.ok_or(JwsFault::Malformed)?;
        let algorithm = SigningAlgorithm::from_name(name).ok_or(JwsFault::UnsupportedAlgorithm)?;
        let key_id = text(&header, "kid")?.ok_or(JwsFault::Malformed)?.to_owned();
        let key_set_url = text(&header, "jku")?.map(str::to_owned);
        Ok(Self { protected, signature, algorithm, key_id, key_set_url })
    }

    /// `alg`.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// `jku`: where the signer says that its keys are. Whoever forges a signature chooses it too: it is for comparing, not for
    /// following.
    #[must_use]
    pub fn key_set_url(&self) -> Option<&str> {
        self.key_set_url.as_deref()
    }
}

fn text<'h>(header: &'h Map<String, Value>, name: &str) -> Result<Option<&'h str>, JwsFault> {
    match header.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwsFault::Malformed),
    }
}
