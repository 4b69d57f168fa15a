//! A client of the embedded issuer as stored: only hashes of its secrets.

use serde::{Deserialize, Serialize};

use crate::domain::{Client, ClientId, ClientSecretHash, Scope, UnixSeconds};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    name: String,
    scopes: Vec<Scope>,
    secrets: Vec<StoredHash>,
    disabled: bool,
    created_at: UnixSeconds,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredHash {
    phc: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixSeconds>,
}

impl From<&Client> for Stored {
    fn from(client: &Client) -> Self {
        let hash = |hash: &ClientSecretHash| StoredHash { phc: hash.phc.clone(), expires_at: hash.expires_at };
        Self {
            name: client.name.clone(),
            scopes: client.scopes.clone(),
            secrets: client.secrets.iter().map(hash).collect(),
            disabled: client.disabled,
            created_at: client.created_at,
        }
    }
}

impl Stored {
    pub(super) fn into_domain(self, key: &str) -> Result<Client, String> {
        let hash = |hash: StoredHash| ClientSecretHash { phc: hash.phc, expires_at: hash.expires_at };
        Ok(Client {
            id: ClientId::try_from(key).map_err(|error| error.to_string())?,
            name: self.name,
            scopes: self.scopes,
            secrets: self.secrets.into_iter().map(hash).collect(),
            disabled: self.disabled,
            created_at: self.created_at,
        })
    }
}
