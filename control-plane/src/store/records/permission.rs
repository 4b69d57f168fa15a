//! A permission row as stored.

use serde::{Deserialize, Serialize};
use tollgate_policy::document::{LimitDocument, OperationClass};

use crate::domain::{Permission, Scope};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    agents: Vec<String>,
    #[serde(default)]
    operations: Vec<OperationClass>,
    #[serde(default)]
    limit: Option<LimitDocument>,
}

impl From<&Permission> for Stored {
    fn from(row: &Permission) -> Self {
        Self { agents: row.agents.clone(), operations: row.operations.clone(), limit: row.limit.clone() }
    }
}

impl Stored {
    pub(super) fn into_domain(self, key: &str) -> Result<Permission, String> {
        let scope = Scope::try_from(key).map_err(|error| error.to_string())?;
        Ok(Permission { scope, agents: self.agents, operations: self.operations, limit: self.limit })
    }
}
