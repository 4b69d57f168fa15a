//! `/admin/agents/{id}/status`: an agent's way through its life. Who asked is in the record, from their verified token.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Map, Value, json};

use super::{agent_id, find};
use crate::{
    admin::{
        AdminState, ApiError,
        answer::{Wait, written},
        body::StrictJson,
        fields::Faults,
        time::rfc3339,
    },
    domain::{Agent, AgentId, AgentStatus, ChangedBy, Registry, StatusChange, TransitionError, UnixSeconds},
    gate::Visitor,
    store::Change,
};

/// `PATCH /admin/agents/{id}/status`, and `POST`.
pub(super) async fn set(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let (id, (status, reason)) = (agent_id(&id)?, read(body)?);
    let change = StatusChange { reason, ..changed_by(&*visitor, (state.clock)()) };
    let changed = id.clone();
    let decide = move |registry: &Registry| {
        let agent = find(registry, &changed)?;
        let moved = agent.clone().moved_to(status, change).map_err(|error| refusal(&changed, error))?;
        Ok::<_, ApiError>(if moved == *agent { Vec::new() } else { vec![Change::PutAgent(moved)] })
    };
    let generation = state.store.write(decide).await?;
    let body = json!({"status": "updated", "agentId": id, "newStatus": status.as_str()});
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

/// A change by this caller, now.
pub(in crate::admin) fn changed_by(visitor: &dyn Visitor, now: UnixSeconds) -> StatusChange {
    let by = ChangedBy::Caller { client: visitor.client().to_owned(), subject: visitor.subject().map(str::to_owned) };
    StatusChange { by, at: now, reason: None }
}

/// What a registration of an agent makes of its status. A new one begins where it was asked to, or active. One that is there stays
/// where it is unless told otherwise, and a registration never makes it active: that is a decision of its own, and so is reviving what is
/// retired.
pub(in crate::admin) fn of_registration(
    before: &Agent,
    asked: Option<AgentStatus>,
    change: StatusChange,
) -> Result<(AgentStatus, StatusChange), ApiError> {
    if before.status == AgentStatus::Retired && asked != Some(AgentStatus::Retired) {
        return Err(refusal(&before.id, TransitionError::Retired));
    }
    match asked {
        Some(status) if status != AgentStatus::Active && status != before.status => {
            before.status.check(status).map_err(|error| refusal(&before.id, error))?;
            Ok((status, change))
        }
        _ => Ok((before.status, before.status_change.clone())),
    }
}

/// What an applied record makes of an agent's status. What it says is wanted, and followed by the ways there are; what it does not say stays.
pub(in crate::admin) fn of_apply(
    before: &Agent,
    asked: Option<AgentStatus>,
    change: StatusChange,
) -> Result<(AgentStatus, StatusChange), ApiError> {
    match asked {
        None if before.status == AgentStatus::Retired => Err(refusal(&before.id, TransitionError::Retired)),
        Some(status) if status != before.status => {
            before.status.check(status).map_err(|error| refusal(&before.id, error))?;
            Ok((status, change))
        }
        _ => Ok((before.status, before.status_change.clone())),
    }
}

/// 409: it is not in a state to go there.
pub(in crate::admin) fn refusal(id: &AgentId, error: TransitionError) -> ApiError {
    let code = match error {
        TransitionError::Retired => "AGENT_RETIRED",
        TransitionError::NoWay { .. } => "INVALID_STATUS_CHANGE",
    };
    ApiError::field(code, "status", format!("agent {id} {error}")).with_status(StatusCode::CONFLICT)
}

/// The fields of a record that say how its status came about.
pub(super) fn show(agent: &Agent, record: &mut Map<String, Value>) {
    let change = &agent.status_change;
    let by = match &change.by {
        ChangedBy::System => json!({"kind": "system"}),
        ChangedBy::Caller { client, subject } => json!({"kind": "caller", "client": client, "subject": subject}),
    };
    let at = (change.at > 0).then(|| rfc3339(change.at));
    record.insert("statusChange".into(), json!({"changedBy": by, "changedAt": at, "reason": change.reason}));
}

fn read(body: Value) -> Result<(AgentStatus, Option<String>), ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    if !fields.has("status") {
        fields.missing("INVALID_STATUS", "status");
    }
    let status = fields.text("status").and_then(|text| {
        let named = AgentStatus::try_from(text.as_str());
        named.map_err(|problem| fields.fault("INVALID_STATUS", "status", problem)).ok()
    });
    let reason = fields.text("reason");
    fields.end();
    faults.finish(status.map(|status| (status, reason)))
}
