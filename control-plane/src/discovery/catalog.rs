//! `/.well-known/ai-catalog.json`: the agents that everyone may know of (AI Catalog 1.0). Only what stands in their cards, which are
//! open too, is said of them; of the others, nothing, not even how many there are.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{DiscoveryState, cards, conditional};
use crate::domain::Agent;

const CATALOG_TYPE: HeaderValue = HeaderValue::from_static("application/ai-catalog+json");
const CARD_TYPE: &str = "application/a2a-agent-card+json";
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The catalogue.
pub(super) async fn catalog(State(state): State<DiscoveryState>, asked: HeaderMap) -> Response {
    let registry = state.store.registry();
    let open = registry.agents.values().filter(|agent| agent.is_active() && agent.is_public());
    let entries: Vec<Value> = open.filter_map(|agent| entry(&state, agent)).collect();
    let body = json!({"specVersion": "1.0", "entries": entries}).to_string();
    let etag = conditional::etag(&Sha256::digest(body.as_bytes()));
    let mut response = if conditional::is_current(&asked, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, CATALOG_TYPE)], body).into_response()
    };
    cards::open(response.headers_mut(), CACHE_CONTROL);
    conditional::tag(response.headers_mut(), &etag);
    response
}

/// `None`: its card cannot be shown.
fn entry(state: &DiscoveryState, agent: &Agent) -> Option<Value> {
    state.shelf.card(agent)?;
    let (public_url, id) = (&state.shelf.gateway().public_url, &agent.id);
    let name = agent.card.document.get("name").and_then(Value::as_str).unwrap_or(id.as_str());
    let url = Url::parse(public_url.as_str()).ok()?;
    let publisher = url.host_str()?;
    Some(json!({
        "identifier": format!("urn:air:{publisher}:a2a:{id}"),
        "displayName": name,
        // What the field was called before, and is still read as.
        "type": CARD_TYPE,
        "mediaType": CARD_TYPE,
        "url": format!("{public_url}/agents/{id}/.well-known/agent-card.json"),
    }))
}
