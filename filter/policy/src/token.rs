//! Who is calling: a bearer token to a [`Caller`]. Reading, key choice, signature, claims, and the cache before all of it.
//! The work is ordered by cost: size and syntax, then issuer, times and audience, and a signature only for what passed those.
//! Leaves to others: what the caller may do (permissions), how a refusal is worded to the client (denials), fetching key sets.

mod algorithm;
mod cache;
mod caller;
mod claims;
mod der;
mod detached;
mod fault;
mod host;
mod issuers;
pub(crate) mod json;
mod jwks;
mod key;
mod reader;
mod slots;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use jwt_compact::UntrustedToken;

pub use algorithm::SigningAlgorithm;
pub use cache::TokenCache;
pub use caller::{Caller, CallerKey};
pub use detached::{DetachedJws, JwsFault, KeySet};
pub use fault::TokenFault;
pub use host::{HostAlgorithm, NoHost, SignatureHost};
pub use issuers::{Issuers, MAX_LEEWAY};

/// Seconds since the epoch.
pub type UnixSeconds = u64;

/// Longest token read, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

/// Authenticates a request by its `Authorization` header (RFC 6750 section 2.1), given as raw bytes. Envoy joins a header that
/// came twice with a comma, which no token contains: it is refused. A token seen before costs one hash and one comparison.
///
/// # Errors
/// Why the request has no verified caller.
pub fn authenticate(
    issuers: &Issuers,
    cache: &mut TokenCache,
    authorization: Option<&[u8]>,
    now: UnixSeconds,
    host: &dyn SignatureHost,
) -> Result<Arc<Caller>, TokenFault> {
    let token = bearer(authorization.ok_or(TokenFault::Missing)?)?;
    if token.len() > MAX_TOKEN {
        return Err(TokenFault::TooLong);
    }
    let place = cache.place(issuers, token);
    if let Some(known) = cache.get(place, token, now) {
        return known;
    }
    learn(issuers, cache, place, token, now, host)
}

/// Out of line, as everything that few requests need: the path of the others stays short, and in the processor's caches.
#[cold]
#[inline(never)]
fn learn(
    issuers: &Issuers,
    cache: &mut TokenCache,
    place: cache::Place,
    token: &[u8],
    now: UnixSeconds,
    host: &dyn SignatureHost,
) -> Result<Arc<Caller>, TokenFault> {
    let outcome = verify(issuers, token, now, host).map(Arc::new);
    cache.store(place, token, &outcome, now, issuers.leeway());
    outcome
}

/// Verifies one token, without a cache.
///
/// # Errors
/// Why the token is not believed.
pub fn verify(
    issuers: &Issuers,
    token: &[u8],
    now: UnixSeconds,
    host: &dyn SignatureHost,
) -> Result<Caller, TokenFault> {
    let unverified = reader::read(token)?;
    let claims = &unverified.claims;
    let issuer = issuers.find(claims.text("iss")?.ok_or(TokenFault::UnknownIssuer)?)?;
    let expires_at = claims.check_times(now, issuers.leeway())?;
    claims.check_audience(issuer.audiences())?;
    claims.check_purpose()?;
    let key = issuer.select(unverified.algorithm, unverified.key_id.as_deref())?;
    // jwt-compact reads the token again, by its own rules: what it would read differently is refused, not guessed at.
    let parsed = UntrustedToken::new(unverified.text).map_err(|_| TokenFault::Malformed)?;
    if !key.verifies(unverified.algorithm, &parsed, unverified.signed(), host) {
        return Err(TokenFault::BadSignature);
    }
    issuer.caller(claims, expires_at)
}

/// What an unverified token says of its key. Good for one thing: deciding whether the issuer's keys should be fetched again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHint {
    /// `iss`.
    pub issuer: String,
    /// `kid`.
    pub key_id: String,
}

/// The hint of the token in an `Authorization` header, worth asking for after [`TokenFault::UnknownKey`]. `None` if it names no key.
#[must_use]
pub fn key_hint(authorization: &[u8]) -> Option<KeyHint> {
    let token = bearer(authorization).ok().filter(|token| token.len() <= MAX_TOKEN)?;
    let unverified = reader::read(token).ok()?;
    let issuer = unverified.claims.text("iss").ok()??.to_owned();
    Some(KeyHint { issuer, key_id: unverified.key_id? })
}

fn bearer(header: &[u8]) -> Result<&[u8], TokenFault> {
    let (scheme, rest) = header.split_at_checked(7).ok_or(TokenFault::NotBearer)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(TokenFault::NotBearer);
    }
    let token = rest.trim_ascii();
    if token.is_empty() { Err(TokenFault::Malformed) } else { Ok(token) }
}
