//! What callers find agents by: the listing, the search and the cards, filtered by the same policy that lets calls through; what agents
//! say of themselves; and the documents
//! that tell clients where tokens come from and by which keys cards are signed. Reached through the gateway. Calls to agents never come here.

mod cards;
mod catalog;
mod conditional;
mod extended;
mod heartbeats;
mod listing;
mod metadata;
mod search;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};

use crate::{
    admin::{ApiError, verify},
    cards::{CARD_KEYS_PATH, CardFetcher, CardShelf},
    gate::{Gate, Visitor},
    health::HealthBoard,
    search::Search,
    store::Store,
};

pub use search::SearchRequest;

/// What the handlers work with. Clones share it.
#[derive(Clone)]
pub struct DiscoveryState {
    /// The registry.
    pub store: Store,
    /// Who sees what.
    pub gate: Arc<dyn Gate>,
    /// Rewritten cards.
    pub shelf: CardShelf,
    /// Asks agents for their extended cards.
    pub fetcher: CardFetcher,
    /// How agents are.
    pub health: HealthBoard,
    /// Issuers whose tokens are believed, besides those in the registry: the embedded one's `iss`.
    pub embedded_issuer: Option<String>,
    /// Finds agents by what they do.
    pub search: Search,
}

/// `/agents/…` for callers with a token, and the open documents under `/.well-known/`.
pub fn router(state: DiscoveryState) -> Router {
    let closed = Router::new()
        .route("/agents", get(listing::list))
        .route("/agents/", get(listing::list))
        .route("/agents/{id}", post(extended::rpc))
        .route("/agents/{id}/", post(extended::rpc))
        .route("/agents/{id}/status", patch(heartbeats::beat).post(heartbeats::beat))
        .route("/search", post(search::search))
        .route("/agents/{id}/extendedAgentCard", get(extended::rest))
        .route("/agents/{id}/v1/card", get(extended::rest))
        .layer(middleware::from_fn_with_state(state.clone(), admit));
    let open = Router::new()
        .route("/.well-known/oauth-protected-resource", get(metadata::gateway))
        .route("/.well-known/oauth-protected-resource/agents", get(metadata::agents))
        .route("/.well-known/oauth-protected-resource/agents/{id}", get(metadata::agent))
        .route("/.well-known/oauth-protected-resource/agents/{id}/", get(metadata::agent))
        .route(CARD_KEYS_PATH, get(metadata::card_keys))
        .route("/.well-known/ai-catalog.json", get(catalog::catalog))
        // Some are open, the others ask for a token themselves.
        .route("/agents/{id}", get(cards::card))
        .route("/agents/{id}/", get(cards::card))
        .route("/agents/{id}/.well-known/agent-card.json", get(cards::card));
    open.merge(closed).with_state(state)
}

/// Lets verified callers in; what they see is decided per agent.
async fn admit(State(state): State<DiscoveryState>, mut request: Request, next: Next) -> Response {
    match visitor(&state, &request) {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// The verified caller, or a refusal that leads to where tokens come from.
fn visitor(state: &DiscoveryState, request: &Request) -> Result<Arc<dyn Visitor>, ApiError> {
    verify(&*state.gate, request).map_err(|refusal| {
        let path = request.uri().path().trim_end_matches('/').trim_end_matches("/.well-known/agent-card.json");
        let public_url = &state.shelf.gateway().public_url;
        refusal.with_resource_metadata(&format!("{public_url}/.well-known/oauth-protected-resource{path}"))
    })
}

/// 404 for an agent that is not there, that is not active, or that is none of the caller's business: all the same.
fn unknown_agent() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "AGENT_NOT_FOUND", "there is no such agent for this caller")
}
