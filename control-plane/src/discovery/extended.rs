//! An agent's extended card: asked of the agent for each caller, because what is in it may depend on who asks, then rewritten and signed
//! like the other. The request is read, and the answer written, by the same code that translates calls in Envoy.

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tollgate_a2a::wire::{Answer, Call, NoIds, RequestParts};
use tollgate_policy::document::Interface;

use super::{DiscoveryState, unknown_agent};
use crate::{
    admin::ApiError,
    domain::{Agent, AgentId, IdentityHeaders},
    gate::Visitor,
};

/// It was made for one caller.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-store");

/// HTTP+JSON.
pub(super) async fn rest(
    State(state): State<DiscoveryState>,
    Path(id): Path<String>,
    uri: Uri,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let agent = agent(&state, &id, &*visitor)?;
    let path = uri.path().strip_prefix(&format!("/agents/{id}")).unwrap_or_default();
    let parts = RequestParts { verb: "GET", path, query: uri.query().unwrap_or_default(), body: &[] };
    Ok(answer(&state, &agent, Interface::Rest, &parts, &headers, &*visitor).await)
}

/// JSON-RPC. The filter sends no other method here.
pub(super) async fn rpc(
    State(state): State<DiscoveryState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let agent = agent(&state, &id, &*visitor)?;
    let parts = RequestParts { verb: "POST", path: "", query: "", body: &body };
    Ok(answer(&state, &agent, Interface::Rpc, &parts, &headers, &*visitor).await)
}

fn agent(state: &DiscoveryState, id: &str, visitor: &dyn Visitor) -> Result<Arc<Agent>, ApiError> {
    let id = AgentId::try_from(id).map_err(|_| unknown_agent())?;
    let registry = state.store.registry();
    let agent = registry.agents.get(&id).filter(|agent| agent.is_active());
    agent.filter(|agent| visitor.may_see(&agent.id)).cloned().ok_or_else(unknown_agent)
}

async fn answer(
    state: &DiscoveryState,
    agent: &Agent,
    interface: Interface,
    parts: &RequestParts<'_>,
    asked: &HeaderMap,
    visitor: &dyn Visitor,
) -> Response {
    match ask(state, agent, interface, parts, asked, visitor).await {
        Ok(answer) => respond(answer),
        Err(refused) => respond(refused),
    }
}

async fn ask(
    state: &DiscoveryState,
    agent: &Agent,
    interface: Interface,
    parts: &RequestParts<'_>,
    asked: &HeaderMap,
    visitor: &dyn Visitor,
) -> Result<Answer, Answer> {
    let call = Call::read(interface, parts).map_err(|refused| refused.answer())?;
    let client = call.dialect();
    let spoken = &agent.card.paths.dialects;
    let dialect = spoken.iter().find(|it| **it == client).or(spoken.first()).copied().unwrap_or(client);
    let (outgoing, exchange) = call.write(dialect, &NoIds).map_err(|refused| refused.answer())?;
    let mut headers = HeaderMap::new();
    if let Some(version) = asked.get("a2a-version") {
        headers.insert(HeaderName::from_static("a2a-version"), version.clone());
    }
    if agent.identity_headers == IdentityHeaders::Sent
        && let Ok(client) = HeaderValue::from_str(visitor.client())
    {
        headers.insert(HeaderName::from_static("x-tollgate-client"), client);
    }
    let (status, body) = match state.fetcher.extended(agent, dialect, outgoing, headers).await {
        Ok(answered) => answered,
        Err(error) => {
            tracing::warn!(agent = %agent.id, error = &error as &dyn std::error::Error, "no extended card");
            (StatusCode::BAD_GATEWAY.as_u16(), Vec::new())
        }
    };
    let answer = exchange.unary(status, &body, &NoIds);
    match rewritten(state, agent, interface, &answer) {
        Some(answer) => Ok(answer),
        None if is_error(interface, &answer) => Ok(answer),
        // It is no card, and might name anything.
        None => Err(exchange.unary(StatusCode::BAD_GATEWAY.as_u16(), &[], &NoIds)),
    }
}

fn is_error(interface: Interface, answer: &Answer) -> bool {
    match interface {
        Interface::Rest => !(200..300).contains(&answer.status),
        Interface::Rpc => serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body["error"].is_object()),
    }
}

/// The answer with the card in it as callers get it. `None`: there is none in it.
fn rewritten(state: &DiscoveryState, agent: &Agent, interface: Interface, answer: &Answer) -> Option<Answer> {
    let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
    let card = match interface {
        Interface::Rpc => body.get_mut("result")?,
        Interface::Rest if (200..300).contains(&answer.status) => &mut body,
        Interface::Rest => return None,
    };
    *card = serde_json::from_str(&state.shelf.extended_card(agent, card)?.body).ok()?;
    Some(Answer { body: body.to_string().into_bytes(), ..answer.clone() })
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let content_type = HeaderValue::from_static(answer.content_type.unwrap_or("application/json"));
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, CACHE_CONTROL)];
    (status, headers, answer.body).into_response()
}
