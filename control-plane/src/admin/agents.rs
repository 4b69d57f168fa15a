//! `/admin/agents`: registration, its opposite, card sync, a card's versions, and status. Everything is read, checked and fetched first; then there is
//! one write, or none.

mod a2a;
mod card_signatures;
pub(super) mod credentials;
mod draft;
mod failure;
mod listing;
mod pace;
pub(super) mod record;
mod register;
pub(super) mod status;
mod sync;
mod versions;
mod view;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, patch, post},
};
use serde_json::{Value, json};

use super::{
    AdminState, ApiError,
    answer::{Wait, written},
};
use crate::{
    domain::{Agent, AgentId, Registry},
    store::Change,
};

pub(super) use credentials::http_url;
pub(super) use draft::Draft;
pub(super) use register::{checked_card, is_same};

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/admin/agents", get(listing::list))
        .route("/admin/agents/register", post(register::register))
        .route("/admin/agents/{id}", get(show).put(register::put).delete(remove))
        .route("/admin/agents/{id}/sync", post(sync::sync))
        .route("/admin/agents/{id}/card/versions", get(versions::list))
        .route("/admin/agents/{id}/card/diff", get(versions::diff))
        .route("/admin/agents/{id}/card/original", get(versions::original))
        .route("/admin/agents/{id}/status", patch(status::set).post(status::set))
}

async fn show(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let registry = state.store.registry();
    let agent = find(&registry, &agent_id(&id)?)?;
    Ok(Json(view::full(&state, agent)))
}

async fn remove(State(state): State<AdminState>, Path(id): Path<String>, wait: Wait) -> Result<Response, ApiError> {
    let id = agent_id(&id)?;
    let gone = id.clone();
    let decide = move |registry: &Registry| find(registry, &gone).map(|_| vec![Change::DeleteAgent(gone.clone())]);
    let generation = state.store.write(decide).await?;
    let body = json!({"status": "deleted", "agentId": id});
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

/// The id of a path.
fn agent_id(text: &str) -> Result<AgentId, ApiError> {
    AgentId::try_from(text).map_err(|error| ApiError::field("INVALID_AGENT_ID", "agentId", format!("agentId {error}")))
}

fn find<'a>(registry: &'a Registry, id: &AgentId) -> Result<&'a Agent, ApiError> {
    let missing = || ApiError::not_found("AGENT_NOT_FOUND", format!("there is no agent {id}"));
    registry.agents.get(id).map(|agent| &**agent).ok_or_else(missing)
}
