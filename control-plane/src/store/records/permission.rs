//! A permission row as stored.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use tollgate_policy::document::{LimitDocument, OperationClass, OperationLimitsDocument};

use crate::domain::{Permission, Scope};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    agents: Vec<String>,
    #[serde(default)]
    operations: Vec<OperationClass>,
    #[serde(default)]
    limit: Option<LimitDocument>,
    #[serde(default)]
    operation_limits: OperationLimitsDocument,
    #[serde(default)]
    max_concurrent: Option<NonZeroU32>,
    #[serde(default)]
    managed_by: Option<String>,
}

impl From<&Permission> for Stored {
    fn from(row: &Permission) -> Self {
        Self {
            agents: row.agents.clone(),
            operations: row.operations.clone(),
            limit: row.limit.clone(),
            operation_limits: row.operation_limits.clone(),
            max_concurrent: row.max_concurrent,
            managed_by: row.managed_by.as_ref().map(ToString::to_string),
        }
    }
}

impl Stored {
    pub(super) fn into_domain(self, key: &str) -> Result<Permission, String> {
        let scope = Scope::try_from(key).map_err(|error| error.to_string())?;
        let Self { agents, operations, limit, operation_limits, max_concurrent, managed_by } = self;
        let managed_by = super::lifecycle::managed_by(managed_by)?;
        Ok(Permission { scope, agents, operations, limit, operation_limits, max_concurrent, managed_by })
    }
}
