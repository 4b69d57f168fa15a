//! One agent's card, at each of the places where clients look for it.

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    DiscoveryState,
    conditional::{self, is_current},
    unknown_agent,
};
use crate::{admin::ApiError, cards::ServedCard, domain::AgentId};

/// A card is what one caller may see: no shared cache may keep it.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=60");
/// What everyone may see, any cache may keep.
const OPEN_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// The card of an agent that is listed publicly, whoever asks; of any other, if the caller may see it.
pub(super) async fn card(
    State(state): State<DiscoveryState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let registry = state.store.registry();
    let agent = AgentId::try_from(id).ok().and_then(|id| registry.agents.get(&id));
    let agent = agent.filter(|agent| agent.is_active());
    if let Some(card) = agent.filter(|agent| agent.is_public()).and_then(|agent| state.shelf.card(agent)) {
        let mut response = serve(&card, request.headers());
        open(response.headers_mut(), OPEN_CACHE_CONTROL);
        return Ok(response);
    }
    let visitor = super::visitor(&state, &request)?;
    let agent = agent.filter(|agent| visitor.may_see(&agent.id)).ok_or_else(unknown_agent)?;
    let missing = || ApiError::not_found("AGENT_CARD_NOT_FOUND", "the agent has no card");
    let card = state.shelf.card(agent).ok_or_else(missing)?;
    let mut response = serve(&card, request.headers());
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE_CONTROL);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("authorization"));
    Ok(response)
}

fn serve(card: &ServedCard, asked: &HeaderMap) -> Response {
    let mut response = if is_current(asked, &card.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], card.body.clone()).into_response()
    };
    conditional::tag(response.headers_mut(), &card.etag);
    response
}

/// The headers of a document that is for everyone, scripts of other origins among them (Fetch, CORS protocol).
pub(super) fn open(headers: &mut HeaderMap, cache_control: HeaderValue) {
    headers.insert(header::CACHE_CONTROL, cache_control);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag"));
}
