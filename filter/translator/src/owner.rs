//! Whose ids are replaced: those of a caller at an agent that keeps its callers' tasks apart, or nobody's.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use tollgate_a2a::convert::Refusal;
use tollgate_a2a::ownership::{IdKind, Owner};
use tollgate_a2a::wire::Ids;

/// A2A v1.0 section 5.4.
const TASK_NOT_FOUND: i32 = -32001;

/// A caller at an agent, if ids matter there.
pub(crate) struct Ownership<'a>(pub(crate) Option<Owner<'a>>);

impl Ids for Ownership<'_> {
    fn is_active(&self) -> bool {
        self.0.is_some()
    }

    fn inward(&self, kind: IdKind, id: &str) -> Result<String, Refusal> {
        let Some(owner) = &self.0 else { return Ok(id.to_owned()) };
        match kind {
            IdKind::Task => owner.open(kind, id).ok_or_else(|| Refusal::new(TASK_NOT_FOUND, "Task not found")),
            IdKind::Context => Ok(owner.context_inward(id)),
        }
    }

    fn outward(&self, kind: IdKind, id: &str) -> Result<String, Refusal> {
        let Some(owner) = &self.0 else { return Ok(id.to_owned()) };
        let shown = match kind {
            IdKind::Task => owner.seal(kind, id),
            IdKind::Context => owner.context_outward(id),
        };
        shown.ok_or_else(|| {
            Refusal::new(Refusal::INVALID_AGENT_RESPONSE, "the agent's answer has an id that cannot be given out")
        })
    }

    fn shows(&self, context: Option<&str>) -> bool {
        self.0.is_none_or(|owner| context.is_some_and(|context| owner.owns(context)))
    }

    fn new_context(&self) -> Option<String> {
        self.0.map(|owner| owner.context_inward(&random_name()))
    }
}

/// 128 bits from the host's random source, in hexadecimal: a fresh `RandomState` is keyed by it.
fn random_name() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}
