//! A permission row: what holding a scope grants. Its meaning is the policy crate's, which compiles it.

use tollgate_policy::document::{LimitDocument, OperationClass, PermissionDocument};

use super::Scope;

/// What a scope grants.
#[derive(Debug, Clone, PartialEq)]
pub struct Permission {
    /// The scope, compared whole.
    pub scope: Scope,
    /// Agent ids or globs.
    pub agents: Vec<String>,
    /// Classes of operation; empty: read and write.
    pub operations: Vec<OperationClass>,
    /// How often, for each (caller, agent).
    pub limit: Option<LimitDocument>,
}

impl From<&Permission> for PermissionDocument {
    fn from(row: &Permission) -> Self {
        Self {
            scope: row.scope.clone(),
            agents: row.agents.clone(),
            operations: row.operations.clone(),
            limit: row.limit.clone(),
            operation_limits: Default::default(),
            max_concurrent: None,
        }
    }
}
