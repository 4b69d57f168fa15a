//! A permission row: what holding a scope grants. Its meaning is the policy crate's, which compiles it.

use std::num::NonZeroU32;

use tollgate_policy::document::{LimitDocument, OperationClass, OperationLimitsDocument, PermissionDocument};

use super::{ApplySet, Scope};

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
    /// How often, for operations of one class, instead of `limit`.
    pub operation_limits: OperationLimitsDocument,
    /// How many at once, for each (caller, agent) on each Envoy.
    pub max_concurrent: Option<NonZeroU32>,
    /// The set of applied files that made it; `None`: it was written by itself.
    pub managed_by: Option<ApplySet>,
}

impl From<&Permission> for PermissionDocument {
    fn from(row: &Permission) -> Self {
        Self {
            scope: row.scope.clone(),
            agents: row.agents.clone(),
            operations: row.operations.clone(),
            limit: row.limit.clone(),
            operation_limits: row.operation_limits.clone(),
            max_concurrent: row.max_concurrent.map(NonZeroU32::get),
        }
    }
}
