//! What scopes grant: permission rows, and the scopes `agents:{id}:read|write|push` that need no row.

use std::collections::HashMap;
use std::num::NonZeroU32;

use foldhash::fast::FixedState;

use crate::document::{LimitDocument, OperationClass, PermissionDocument};
use crate::fault::ConfigFault;
use crate::glob::Glob;
use crate::ids::{AgentId, Scope};
use crate::limit::{Limit, LimitError, Limits};

/// A set of operation classes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Operations(u8);

/// What a caller holds on one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The classes of operation; empty: nothing at all.
    pub operations: Operations,
    /// How often and how many at once, for this caller and agent; [`Limits::shared`] is always said.
    pub limits: Limits,
}

/// The compiled rows.
#[derive(Debug)]
pub(crate) struct Permissions {
    rows: HashMap<Scope, Row, FixedState>,
    default_limit: Limit,
}

/// One compiled row.
#[derive(Debug)]
struct Row {
    /// Agents named in full, sorted.
    named: Vec<Box<str>>,
    globs: Vec<Glob>,
    operations: Operations,
    limits: Limits,
}

/// The rows and own scopes of one caller, found once for questions about many agents.
pub(crate) struct Holder<'a> {
    rows: Vec<&'a Row>,
    own: Vec<(&'a str, Operations)>,
    default_limit: Limit,
}

impl Operations {
    const CLASSES: [OperationClass; 3] = [OperationClass::Read, OperationClass::Write, OperationClass::Push];
    /// Every class.
    pub const ALL: Self = Self(0b111);

    /// Whether `class` is in the set.
    #[must_use]
    pub fn contains(self, class: OperationClass) -> bool {
        self.0 & Self::from(class).0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every class is in the set.
    #[must_use]
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The classes in the set.
    pub fn iter(self) -> impl Iterator<Item = OperationClass> {
        Self::CLASSES.into_iter().filter(move |class| self.contains(*class))
    }
}

impl From<OperationClass> for Operations {
    fn from(class: OperationClass) -> Self {
        match class {
            OperationClass::Read => Self(0b001),
            OperationClass::Write => Self(0b010),
            OperationClass::Push => Self(0b100),
        }
    }
}

impl FromIterator<OperationClass> for Operations {
    fn from_iter<I: IntoIterator<Item = OperationClass>>(classes: I) -> Self {
        classes.into_iter().map(Self::from).fold(Self::default(), Self::union)
    }
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Permissions {
    /// Compiles rows; `admin` is the scope that no row may give a second meaning.
    pub(crate) fn compile(
        documents: &[PermissionDocument],
        default_limit: Limit,
        admin: &Scope,
        faults: &mut Vec<ConfigFault>,
    ) -> Self {
        let mut rows = HashMap::with_capacity_and_hasher(documents.len(), FixedState::default());
        for (index, document) in documents.iter().enumerate() {
            let path = format!("permissions[{index}]");
            if document.scope == *admin {
                faults.push(ConfigFault::new(format!("{path}.scope"), "is the admin scope, which grants no agent"));
            }
            if heartbeat_scope(&document.scope).is_some() {
                let message = "is the scope of an agent's heartbeats, which grants nothing else";
                faults.push(ConfigFault::new(format!("{path}.scope"), message));
            }
            let row = Row::compile(document, &path, faults);
            if rows.insert(document.scope.clone(), row).is_some() {
                faults.push(ConfigFault::new(format!("{path}.scope"), "has a row already"));
            }
        }
        Self { rows, default_limit }
    }

    /// What `scopes` grant, ready to be asked about agents.
    pub(crate) fn held_by<'a>(&'a self, scopes: &'a [Scope]) -> Holder<'a> {
        Holder {
            rows: scopes.iter().filter_map(|scope| self.rows.get(scope)).collect(),
            own: scopes.iter().filter_map(own_scope).collect(),
            default_limit: self.default_limit,
        }
    }
}

impl Holder<'_> {
    /// What is held on `agent`, whether or not there is such an agent. Only rows that grant it count towards its limit.
    pub(crate) fn grant(&self, agent: &str) -> Grant {
        let own = self.own.iter().filter(|(id, _)| *id == agent).map(|(_, operations)| *operations);
        let own = own.fold(Operations::default(), Operations::union);
        let rows: Vec<&Row> = self.rows.iter().copied().filter(|row| row.covers(agent)).collect();
        let limits = Limits::merged(rows.iter().map(|row| &row.limits));
        Grant {
            operations: rows.iter().map(|row| row.operations).fold(own, Operations::union),
            limits: Limits { shared: Some(limits.shared.unwrap_or(self.default_limit)), ..limits },
        }
    }
}

impl Row {
    fn compile(document: &PermissionDocument, path: &str, faults: &mut Vec<ConfigFault>) -> Self {
        let (mut named, mut globs) = (Vec::new(), Vec::new());
        for (index, text) in document.agents.iter().enumerate() {
            match Glob::parse(text) {
                Some(glob) => match glob.literal() {
                    Some(id) if AgentId::is_valid(id) => named.push(id.into()),
                    None => globs.push(glob),
                    Some(_) => faults.push(not_a_pattern(path, index)),
                },
                None => faults.push(not_a_pattern(path, index)),
            }
        }
        named.sort_unstable();
        let operations = match document.operations.as_slice() {
            [] => [OperationClass::Read, OperationClass::Write].into_iter().collect(),
            classes => classes.iter().copied().collect(),
        };
        Self { named, globs, operations, limits: compile_limits(document, path, faults) }
    }

    fn covers(&self, agent: &str) -> bool {
        self.named.binary_search_by(|named| (**named).cmp(agent)).is_ok() || self.globs.iter().any(|g| g.matches(agent))
    }
}

fn compile_limits(document: &PermissionDocument, path: &str, faults: &mut Vec<ConfigFault>) -> Limits {
    let mut read = |field: &str, limit: Option<&LimitDocument>| {
        let fault = |error: LimitError| faults.push(ConfigFault::new(format!("{path}.{field}"), error.to_string()));
        limit.and_then(|limit| Limit::try_from(limit).map_err(fault).ok())
    };
    let mut limits = Limits { shared: read("limit", document.limit.as_ref()), ..Limits::default() };
    let own = &document.operation_limits;
    for (class, limit) in [
        (OperationClass::Read, own.read.as_ref()),
        (OperationClass::Write, own.write.as_ref()),
        (OperationClass::Push, own.push.as_ref()),
    ] {
        if let Some(limit) = read(&format!("operationLimits.{}", class_name(class)), limit) {
            limits = limits.with_own(class, limit);
        }
    }
    limits.max_concurrent = document.max_concurrent.and_then(NonZeroU32::new);
    if document.max_concurrent == Some(0) {
        let message = "must be at least 1; to forbid, grant nothing";
        faults.push(ConfigFault::new(format!("{path}.maxConcurrent"), message));
    }
    limits
}

fn not_a_pattern(path: &str, index: usize) -> ConfigFault {
    ConfigFault::new(
        format!("{path}.agents[{index}]"),
        "must be an agent id, or a glob of lower-case letters, digits, hyphens and *",
    )
}

/// The agent and class that `agents:{id}:{class}` names.
fn own_scope(scope: &Scope) -> Option<(&str, Operations)> {
    let (id, class) = scope.as_str().strip_prefix("agents:")?.split_once(':')?;
    let class = match class {
        "read" => OperationClass::Read,
        "write" => OperationClass::Write,
        "push" => OperationClass::Push,
        _ => return None,
    };
    Some((id, class.into()))
}

/// The agent that the holder of `scope` may speak for: `agents:{id}:heartbeat`, whole.
pub(crate) fn heartbeat_scope(scope: &Scope) -> Option<&str> {
    scope.as_str().strip_prefix("agents:")?.strip_suffix(":heartbeat").filter(|id| AgentId::is_valid(id))
}

/// The name of `class` as scopes and documents spell it.
pub(crate) fn class_name(class: OperationClass) -> &'static str {
    match class {
        OperationClass::Read => "read",
        OperationClass::Write => "write",
        OperationClass::Push => "push",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn check(rows: &Value, scopes: &[&str], agent: &str, expect: &[OperationClass]) {
        let rows: Vec<PermissionDocument> = serde_json::from_value(rows.clone()).unwrap();
        let mut faults = Vec::new();
        let admin = Scope::try_from("gateway:admin").unwrap();
        let permissions = Permissions::compile(&rows, Limit::DEFAULT, &admin, &mut faults);
        assert_eq!(faults, []);
        let scopes: Vec<Scope> = scopes.iter().map(|scope| Scope::try_from(*scope).unwrap()).collect();
        let held = permissions.held_by(&scopes).grant(agent).operations;
        assert_eq!(held.iter().collect::<Vec<_>>(), expect, "{scopes:?} on {agent}");
    }

    #[test]
    fn own_scopes_need_no_row_and_match_whole() {
        use OperationClass::{Push, Read, Write};
        check(&json!([]), &["agents:a:read"], "a", &[Read]);
        check(&json!([]), &["agents:a:read", "agents:a:write", "agents:a:push"], "a", &[Read, Write, Push]);
        for scope in
            ["agents:a:read:x", "xagents:a:read", "agents:a", "agents:A:read", "agents:ab:read", "agents::read"]
        {
            check(&json!([]), &[scope], "a", &[]);
        }
    }

    #[test]
    fn the_scope_of_heartbeats_grants_no_operation_and_can_be_given_none() {
        check(&json!([]), &["agents:a:heartbeat"], "a", &[]);
        let rows = json!([{"scope": "agents:a:heartbeat", "agents": ["a"]}]);
        let rows: Vec<PermissionDocument> = serde_json::from_value(rows).unwrap();
        let mut faults = Vec::new();
        let admin = Scope::try_from("gateway:admin").unwrap();
        Permissions::compile(&rows, Limit::DEFAULT, &admin, &mut faults);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].to_string().contains("permissions[0].scope"), "{}", faults[0]);
    }

    #[test]
    fn a_row_without_operations_grants_reading_and_writing() {
        use OperationClass::{Push, Read, Write};
        check(&json!([{"scope": "s", "agents": ["a", "b*"]}]), &["s"], "bc", &[Read, Write]);
        check(&json!([{"scope": "s", "agents": ["a"], "operations": ["push"]}]), &["s"], "a", &[Push]);
        check(&json!([{"scope": "s", "agents": ["a"]}]), &["s2", "S"], "a", &[]);
        check(&json!([{"scope": "s"}]), &["s"], "a", &[]);
    }

    proptest! {
        #[test]
        fn a_scope_more_never_takes_anything_away(mut scopes in prop::collection::vec("agents:[ab]:(read|write|push|x)|s[12]", 0..4), more in "agents:[ab]:(read|write|push)|s[12]") {
            let rows = json!([{"scope": "s1", "agents": ["a*"]}, {"scope": "s2", "agents": ["b"], "operations": ["push"]}]);
            let rows: Vec<PermissionDocument> = serde_json::from_value(rows).unwrap();
            let admin = Scope::try_from("gateway:admin").unwrap();
            let permissions = Permissions::compile(&rows, Limit::DEFAULT, &admin, &mut Vec::new());
            let held = |names: &[String]| {
                let scopes: Vec<Scope> = names.iter().map(|name| Scope::try_from(name.as_str()).unwrap()).collect();
                permissions.held_by(&scopes).grant("a").operations
            };
            let before = held(&scopes);
            scopes.push(more);
            prop_assert_eq!(held(&scopes), held(&scopes).union(before));
        }
    }
}
