//! External issuers and the embedded issuer's keys as stored. A private key is sealed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_policy::document::ClaimNames;
use url::Url;

use super::Record;
use crate::domain::{ExternalIssuer, JwksSource, SigningAlgorithm, SigningKey, UnixSeconds};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    audiences: Vec<String>,
    algorithms: Vec<String>,
    claims: ClaimNames,
    scope_prefix: Option<String>,
    source: StoredSource,
    jwks: Value,
    refresh_error: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredSource {
    Inline,
    File(PathBuf),
    Url(Url),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredKey {
    algorithm: StoredAlgorithm,
    sealed_private_key: String,
    public_jwk: Value,
    active_from: UnixSeconds,
    retires_at: Option<UnixSeconds>,
}

#[derive(Serialize, Deserialize)]
enum StoredAlgorithm {
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl From<&ExternalIssuer> for Stored {
    fn from(issuer: &ExternalIssuer) -> Self {
        Self {
            audiences: issuer.audiences.clone(),
            algorithms: issuer.algorithms.clone(),
            claims: issuer.claims.clone(),
            scope_prefix: issuer.scope_prefix.clone(),
            source: match &issuer.source {
                JwksSource::Inline => StoredSource::Inline,
                JwksSource::File(path) => StoredSource::File(path.clone()),
                JwksSource::Url(url) => StoredSource::Url(url.clone()),
            },
            jwks: issuer.jwks.clone(),
            refresh_error: issuer.refresh_error.clone(),
        }
    }
}

impl Stored {
    pub(super) fn into_domain(self, key: &str) -> Result<ExternalIssuer, String> {
        Ok(ExternalIssuer {
            issuer: key.to_owned(),
            audiences: self.audiences,
            algorithms: self.algorithms,
            claims: self.claims,
            scope_prefix: self.scope_prefix,
            source: match self.source {
                StoredSource::Inline => JwksSource::Inline,
                StoredSource::File(path) => JwksSource::File(path),
                StoredSource::Url(url) => JwksSource::Url(url),
            },
            jwks: self.jwks,
            refresh_error: self.refresh_error,
        })
    }
}

impl StoredKey {
    pub(super) fn new(key: &SigningKey, record: Record<'_>) -> Self {
        Self {
            algorithm: match key.algorithm {
                SigningAlgorithm::Es256 => StoredAlgorithm::Es256,
                SigningAlgorithm::Rs256 => StoredAlgorithm::Rs256,
                SigningAlgorithm::EdDsa => StoredAlgorithm::EdDsa,
            },
            sealed_private_key: record.seal("private_key", &key.private_key),
            public_jwk: key.public_jwk.clone(),
            active_from: key.active_from,
            retires_at: key.retires_at,
        }
    }

    pub(super) fn into_domain(self, record: Record<'_>) -> Result<SigningKey, String> {
        Ok(SigningKey {
            kid: record.key.to_owned(),
            algorithm: match self.algorithm {
                StoredAlgorithm::Es256 => SigningAlgorithm::Es256,
                StoredAlgorithm::Rs256 => SigningAlgorithm::Rs256,
                StoredAlgorithm::EdDsa => SigningAlgorithm::EdDsa,
            },
            private_key: record.open("private_key", &self.sealed_private_key)?,
            public_jwk: self.public_jwk,
            active_from: self.active_from,
            retires_at: self.retires_at,
        })
    }
}
