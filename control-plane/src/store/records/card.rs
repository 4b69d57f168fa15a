//! A card as stored: the text it came as, from which the document is read again, its paths and what its signatures are worth. Before
//! schema 2 the document was kept instead of the text, and there were no versions and no signatures.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_policy::document::Dialect;
use url::Url;

use super::skill::StoredSkill;
use crate::{
    cards,
    domain::{
        BackendUrl, Card, CardForm, CardKeySource, CardPaths, CardSignatures, CardVersion, SignatureOutcome,
        SignaturePolicy, UnixSeconds, VerifiedSignature,
    },
    strict_json,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredCard {
    /// Schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<Value>,
    /// Since schema 2.
    #[serde(default)]
    text: Option<Arc<str>>,
    #[serde(default = "first")]
    version: u64,
    fetched_at: UnixSeconds,
    etag: Option<String>,
    #[serde(default)]
    signature: StoredOutcome,
    rpc: Option<String>,
    rest: Option<String>,
    #[serde(default)]
    dialects: Option<Vec<Dialect>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredVersion {
    number: u64,
    text: Arc<str>,
    fetched_at: UnixSeconds,
    etag: Option<String>,
    signature: StoredOutcome,
    /// Versions from before skills were part of them have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skills: Vec<StoredSkill>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum StoredOutcome {
    #[default]
    Unchecked,
    Unsigned,
    Ignored,
    Verified {
        key_id: String,
        algorithm: String,
        form: StoredForm,
        uncovered: Vec<String>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredForm {
    Whole,
    KnownFields,
    Sdk,
}

/// What is asked of the card.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSignatures {
    policy: StoredPolicy,
    jwks: Option<Value>,
    jwks_url: Option<Url>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum StoredPolicy {
    #[default]
    Ignore,
    VerifyIfPresent,
    Require,
}

fn first() -> u64 {
    1
}

impl From<&Card> for StoredCard {
    fn from(card: &Card) -> Self {
        Self {
            document: None,
            text: Some(card.text.clone()),
            version: card.version,
            fetched_at: card.fetched_at,
            etag: card.etag.clone(),
            signature: StoredOutcome::from(&card.signature),
            rpc: card.paths.rpc.clone(),
            rest: card.paths.rest.clone(),
            dialects: Some(card.paths.dialects.clone()),
        }
    }
}

impl StoredCard {
    /// The card. `backend`: what a card from before its dialects were kept is read again for.
    pub(super) fn into_domain(self, backend: &BackendUrl) -> Result<Card, String> {
        let stored = self;
        let (document, text) = match (stored.text, stored.document) {
            (Some(text), _) => (strict_json::parse(text.as_bytes()).map_err(|error| format!("card {error}"))?, text),
            (None, Some(document)) => {
                let text = document.to_string().into();
                (document, text)
            }
            (None, None) => return Err("has no card".to_owned()),
        };
        let dialects = stored.dialects.unwrap_or_else(|| cards::card_paths(&document, backend).dialects);
        Ok(Card {
            document,
            text,
            version: stored.version,
            fetched_at: stored.fetched_at,
            etag: stored.etag,
            signature: stored.signature.into(),
            paths: CardPaths { rpc: stored.rpc, rest: stored.rest, dialects },
        })
    }
}

impl From<&CardVersion> for StoredVersion {
    fn from(version: &CardVersion) -> Self {
        Self {
            number: version.number,
            text: version.text.clone(),
            fetched_at: version.fetched_at,
            etag: version.etag.clone(),
            signature: StoredOutcome::from(&version.signature),
            skills: version.skills.iter().map(StoredSkill::from).collect(),
        }
    }
}

impl From<StoredVersion> for CardVersion {
    fn from(stored: StoredVersion) -> Self {
        let StoredVersion { number, text, fetched_at, etag, signature, skills } = stored;
        let skills = skills.into_iter().map(Into::into).collect();
        Self { number, text, fetched_at, etag, signature: signature.into(), skills }
    }
}

impl From<&SignatureOutcome> for StoredOutcome {
    fn from(outcome: &SignatureOutcome) -> Self {
        match outcome {
            SignatureOutcome::Unchecked => Self::Unchecked,
            SignatureOutcome::Unsigned => Self::Unsigned,
            SignatureOutcome::Ignored => Self::Ignored,
            SignatureOutcome::Verified(signature) => Self::Verified {
                key_id: signature.key_id.clone(),
                algorithm: signature.algorithm.clone(),
                form: match signature.form {
                    CardForm::Whole => StoredForm::Whole,
                    CardForm::Known => StoredForm::KnownFields,
                    CardForm::Sdk => StoredForm::Sdk,
                },
                uncovered: signature.uncovered.clone(),
            },
        }
    }
}

impl From<StoredOutcome> for SignatureOutcome {
    fn from(stored: StoredOutcome) -> Self {
        match stored {
            StoredOutcome::Unchecked => Self::Unchecked,
            StoredOutcome::Unsigned => Self::Unsigned,
            StoredOutcome::Ignored => Self::Ignored,
            StoredOutcome::Verified { key_id, algorithm, form, uncovered } => {
                let form = match form {
                    StoredForm::Whole => CardForm::Whole,
                    StoredForm::KnownFields => CardForm::Known,
                    StoredForm::Sdk => CardForm::Sdk,
                };
                Self::Verified(VerifiedSignature { key_id, algorithm, form, uncovered })
            }
        }
    }
}

impl From<&CardSignatures> for StoredSignatures {
    fn from(wanted: &CardSignatures) -> Self {
        let policy = match wanted.policy {
            SignaturePolicy::Ignore => StoredPolicy::Ignore,
            SignaturePolicy::VerifyIfPresent => StoredPolicy::VerifyIfPresent,
            SignaturePolicy::Require => StoredPolicy::Require,
        };
        let (jwks, jwks_url) = match &wanted.keys {
            CardKeySource::None => (None, None),
            CardKeySource::Inline(jwks) => (Some(jwks.clone()), None),
            CardKeySource::Url(url) => (None, Some(url.clone())),
        };
        Self { policy, jwks, jwks_url }
    }
}

impl From<StoredSignatures> for CardSignatures {
    fn from(stored: StoredSignatures) -> Self {
        let policy = match stored.policy {
            StoredPolicy::Ignore => SignaturePolicy::Ignore,
            StoredPolicy::VerifyIfPresent => SignaturePolicy::VerifyIfPresent,
            StoredPolicy::Require => SignaturePolicy::Require,
        };
        let keys = match (stored.jwks_url, stored.jwks) {
            (Some(url), _) => CardKeySource::Url(url),
            (None, Some(jwks)) => CardKeySource::Inline(jwks),
            (None, None) => CardKeySource::None,
        };
        Self { policy, keys }
    }
}
