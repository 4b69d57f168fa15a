//! Reads a JWS in compact form (RFC 7515 section 7.1) without believing it: exact base64url, strict JSON, a header that asks for
//! nothing unknown. Leaves signature and claims to others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::TokenFault;
use super::algorithm::SigningAlgorithm;
use super::claims::Claims;
use super::json;

/// A token as read.
pub(super) struct Unverified<'a> {
    /// The whole token.
    pub(super) text: &'a str,
    /// `alg`.
    pub(super) algorithm: SigningAlgorithm,
    /// `kid`.
    pub(super) key_id: Option<String>,
    /// The payload.
    pub(super) claims: Claims,
    signed: &'a str,
}

impl Unverified<'_> {
    /// The bytes under the signature: header and payload as they were sent.
    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }
}

/// Reads a token.
pub(super) fn read(token: &[u8]) -> Result<Unverified<'_>, TokenFault> {
    let text = std::str::from_utf8(token).map_err(|_| TokenFault::Malformed)?;
    let (signed, _signature) = text.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
    let header = decode(header)?;
    let algorithm = check_header(&header)?;
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(TokenFault::Malformed),
    };
    Ok(Unverified { text, algorithm, key_id, claims: Claims::from(decode(payload)?), signed })
}

fn decode(part: &str) -> Result<Map<String, Value>, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)?;
    json::object(&bytes).ok_or(TokenFault::Malformed)
}

/// `jwk`, `jku`, `x5u` and `x5c` are never used: a token does not bring its own key.
fn check_header(header: &Map<String, Value>) -> Result<SigningAlgorithm, TokenFault> {
    let algorithm = match header.get("alg") {
        Some(Value::String(name)) => SigningAlgorithm::from_name(name).ok_or(TokenFault::UnsupportedAlgorithm)?,
        _ => return Err(TokenFault::Malformed),
    };
    // No extension is implemented, so none can be understood (RFC 7515 section 4.1.11).
    if header.contains_key("crit") {
        return Err(TokenFault::UnsupportedHeader);
    }
    match header.get("typ") {
        None => Ok(algorithm),
        Some(Value::String(kind)) if is_access_token(kind) => Ok(algorithm),
        Some(Value::String(_)) => Err(TokenFault::UnsupportedHeader),
        Some(_) => Err(TokenFault::Malformed),
    }
}

/// Media types compare without case, `application/` may be left off (RFC 7515 section 4.1.9, RFC 9068 section 2.1).
fn is_access_token(kind: &str) -> bool {
    let kind = match kind.split_at_checked(12) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => kind,
    };
    kind.eq_ignore_ascii_case("jwt") || kind.eq_ignore_ascii_case("at+jwt")
}
