//! `GET /agents`: the cards of active agents that the caller may reach, as a bare array. `?tag=` and `?capability=` narrow it, both
//! may come several times (all must hold); `?limit=&cursor=` page it, and then `Link` (RFC 8288) leads to the next page.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::DiscoveryState;
use crate::{
    admin::{ApiError, Page},
    domain::Agent,
    gate::Visitor,
    search::is_found,
};

pub(super) async fn list(
    State(state): State<DiscoveryState>,
    Query(query): Query<Vec<(String, String)>>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
) -> Result<Response, ApiError> {
    let page = Page::read(&query, &["tag", "capability"])?;
    let registry = state.store.registry();
    let wanted = |agent: &&Arc<Agent>| is_found(agent, &*visitor) && matches(agent, &query);
    let cut = page.cut(registry.agents.values().filter(wanted), |agent| agent.id.as_str());
    // A card that cannot be shown is left out: the others' callers have nothing to do with it.
    let cards: Vec<_> = cut.items.iter().filter_map(|agent| state.shelf.card(agent)).collect();
    let bodies: Vec<&str> = cards.iter().map(|card| card.body.as_str()).collect();
    let body = format!("[{}]", bodies.join(","));
    let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    if let Some(link) = cut.next.and_then(|cursor| HeaderValue::from_str(&next_page(&query, &cursor)).ok()) {
        headers.insert(header::LINK, link);
    }
    Ok(response)
}

fn matches(agent: &Agent, query: &[(String, String)]) -> bool {
    query.iter().all(|(name, value)| match name.as_str() {
        "tag" => agent.tags.contains(value) || has_skill_tag(agent, value),
        "capability" => agent.capabilities.contains(value) || has_card_capability(agent, value),
        _ => true,
    })
}

fn has_skill_tag(agent: &Agent, tag: &str) -> bool {
    let skills = agent.card.document.get("skills").and_then(Value::as_array).into_iter().flatten();
    let mut tags = skills.filter_map(|skill| skill.get("tags")?.as_array()).flatten();
    tags.any(|found| found.as_str() == Some(tag))
}

/// `streaming`, `pushNotifications`, or the URI of an extension.
fn has_card_capability(agent: &Agent, name: &str) -> bool {
    let Some(capabilities) = agent.card.document.get("capabilities") else { return false };
    let extensions = capabilities.get("extensions").and_then(Value::as_array).into_iter().flatten();
    let mut uris = extensions.filter_map(|extension| extension.get("uri")?.as_str());
    capabilities.get(name).and_then(Value::as_bool) == Some(true) || uris.any(|uri| uri == name)
}

fn next_page(query: &[(String, String)], cursor: &str) -> String {
    let kept = query.iter().filter(|(name, _)| name != "cursor");
    let query =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("cursor", cursor).finish();
    format!("</agents?{query}>; rel=\"next\"")
}
