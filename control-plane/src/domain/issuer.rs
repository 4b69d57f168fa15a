//! Whose tokens are believed: the embedded issuer's signing keys, and external issuers. Cards are signed with keys of the same form.

use std::{fmt, path::PathBuf};

use serde_json::Value;
use tollgate_policy::document::{ClaimNames, IssuerDocument};
use url::Url;
use zeroize::Zeroizing;

use super::UnixSeconds;

/// An external issuer.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalIssuer {
    /// `iss`, byte for byte.
    pub issuer: String,
    /// Accepted `aud` values, at least one.
    pub audiences: Vec<String>,
    /// JWS algorithms believed; empty: those its keys allow.
    pub algorithms: Vec<String>,
    /// Claim names.
    pub claims: ClaimNames,
    /// Prefix taken off its scopes.
    pub scope_prefix: Option<String>,
    /// Where its keys are.
    pub source: JwksSource,
    /// The key set in force: inline, or what was read last.
    pub jwks: Value,
    /// Why the last refresh failed, if it did.
    pub refresh_error: Option<String>,
}

impl From<&ExternalIssuer> for IssuerDocument {
    fn from(issuer: &ExternalIssuer) -> Self {
        Self {
            issuer: issuer.issuer.clone(),
            audiences: issuer.audiences.clone(),
            algorithms: issuer.algorithms.clone(),
            claims: issuer.claims.clone(),
            scope_prefix: issuer.scope_prefix.clone(),
            jwks: issuer.jwks.clone(),
        }
    }
}

/// Where an issuer's JWKS comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// Given with the record.
    Inline,
    /// A file in a directory the server's configuration allows.
    File(PathBuf),
    /// Fetched, and refreshed.
    Url(Url),
}

/// The embedded issuer's algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SigningAlgorithm {
    /// ECDSA P-256 (RFC 7518).
    #[default]
    Es256,
    /// RSA PKCS#1 v1.5, 2048 bits (RFC 7518).
    Rs256,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

/// One of the control plane's own keys, for tokens or for cards. Published from creation; signs from `active_from`; gone after `retires_at`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: SigningAlgorithm,
    /// PKCS#8, DER.
    pub private_key: Zeroizing<Vec<u8>>,
    /// Public JWK.
    pub public_jwk: Value,
    /// When it starts to sign.
    pub active_from: UnixSeconds,
    /// When it leaves the JWKS; `None` while it is the newest.
    pub retires_at: Option<UnixSeconds>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("private_key", &"[redacted]")
            .finish_non_exhaustive()
    }
}
