//! Open documents: protected resource metadata (RFC 9728), which leads an OAuth client from a 401 to the issuers, and the keys that cards
//! are signed with.
//! They say the same of every agent id, known or not, so they give nobody a way to guess ids.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::IntoResponse,
};
use serde_json::{Value, json};

use super::{DiscoveryState, unknown_agent};
use crate::{admin::ApiError, cards::card_key_set, domain::AgentId};

/// The gateway as a whole.
pub(super) async fn gateway(State(state): State<DiscoveryState>) -> Json<Value> {
    Json(resource(&state, "", None))
}

/// The listing.
pub(super) async fn agents(State(state): State<DiscoveryState>) -> Json<Value> {
    Json(resource(&state, "/agents", None))
}

/// One agent.
pub(super) async fn agent(
    State(state): State<DiscoveryState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = AgentId::try_from(id).map_err(|_| unknown_agent())?;
    Ok(Json(resource(&state, &format!("/agents/{id}"), Some(&id))))
}

/// The keys that cards are signed with. Kept for less time than a new key is published before it signs.
pub(super) async fn card_keys(State(state): State<DiscoveryState>) -> impl IntoResponse {
    let keys = card_key_set(&state.store.registry());
    ([(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))], Json(keys))
}

fn resource(state: &DiscoveryState, path: &str, agent: Option<&AgentId>) -> Value {
    let registry = state.store.registry();
    let issuers: Vec<&str> =
        state.embedded_issuer.as_deref().into_iter().chain(registry.issuers.keys().map(String::as_str)).collect();
    let mut document = json!({
        "resource": format!("{}{path}", state.shelf.gateway().public_url),
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
    });
    if let Some(agent) = agent {
        document["scopes_supported"] = json!([format!("agents:{agent}:read"), format!("agents:{agent}:write")]);
    }
    document
}
