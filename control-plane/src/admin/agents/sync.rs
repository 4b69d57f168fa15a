//! Card sync on demand.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::json;

use super::{agent_id, failure, find, view};
use crate::{
    admin::{
        AdminState, ApiError,
        answer::{Wait, written},
        time::rfc3339,
    },
    card_sync::Outcome,
};

/// `POST /admin/agents/{id}/sync`.
pub(super) async fn sync(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    wait: Wait,
) -> Result<Response, ApiError> {
    let id = agent_id(&id)?;
    find(&state.store.registry(), &id)?;
    let outcome = state.sync.sync(&id).await?;
    let registry = state.store.registry();
    let agent = find(&registry, &id)?;
    if let Outcome::Failed(error) = outcome {
        let field = if agent.card_url.is_some() { "agentCardUrl" } else { "backendUrl" };
        return Err(failure::card(&error, field, &agent.auth).with_status(StatusCode::BAD_GATEWAY));
    }
    let body = json!({
        "status": "synced",
        "agentId": id,
        "lastSynced": rfc3339(state.sync.last_synced(agent)),
        "agentCard": view::card(&state, agent),
    });
    Ok(written(&state.nodes, StatusCode::OK, body, registry.generation, wait).await)
}
