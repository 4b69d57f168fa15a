//! A revocation as stored.

use serde::{Deserialize, Serialize};
use tollgate_policy::document::RevocationDocument;

use crate::domain::{Revocation, RevocationId, UnixSeconds};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    cuts_off: RevocationDocument,
    reason: String,
    created_by: String,
    created_at: UnixSeconds,
}

impl From<&Revocation> for Stored {
    fn from(revocation: &Revocation) -> Self {
        Self {
            cuts_off: revocation.cuts_off.clone(),
            reason: revocation.reason.clone(),
            created_by: revocation.created_by.clone(),
            created_at: revocation.created_at,
        }
    }
}

impl Stored {
    pub(super) fn into_domain(self, key: &str) -> Result<Revocation, String> {
        let Self { cuts_off, reason, created_by, created_at } = self;
        let id = RevocationId::try_from(key).map_err(|error| error.to_string())?;
        Ok(Revocation { id, cuts_off, reason, created_by, created_at })
    }
}
