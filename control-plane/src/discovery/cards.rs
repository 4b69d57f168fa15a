//! One agent's card, at each of the places where clients look for it.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{DiscoveryState, unknown_agent};
use crate::{admin::ApiError, cards::ServedCard, domain::AgentId, gate::Visitor};

/// A card is what one caller may see: no shared cache may keep it.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=60");

pub(super) async fn card(
    State(state): State<DiscoveryState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = AgentId::try_from(id).map_err(|_| unknown_agent())?;
    let registry = state.store.registry();
    let agent = registry.agents.get(&id).filter(|agent| agent.is_active());
    let agent = agent.filter(|agent| visitor.may_see(&agent.id)).ok_or_else(unknown_agent)?;
    let missing = || ApiError::not_found("AGENT_CARD_NOT_FOUND", "the agent has no card");
    let card = state.shelf.card(agent).ok_or_else(missing)?;
    Ok(serve(&card, &headers))
}

fn serve(card: &ServedCard, asked: &HeaderMap) -> Response {
    let mut response = if is_current(asked, &card.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], card.body.clone()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    if let Ok(etag) = HeaderValue::from_str(&card.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// `If-None-Match` (RFC 9110 section 13.1.2): a list of tags, compared weakly, or `*`.
fn is_current(asked: &HeaderMap, etag: &str) -> bool {
    let tags = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
