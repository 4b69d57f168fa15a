//! Registration. Idempotent, and atomic: the card is fetched and all is checked before the one write, so a registration that fails
//! changes nothing.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::json;

use super::{agent_id, credentials::secret_of, draft::Draft, failure, status, view};
use crate::{
    admin::{
        AdminState, ApiError,
        answer::{Wait, written},
        body::StrictJson,
    },
    cards::CardPlace,
    domain::{Agent, Card, Registry},
    gate::Visitor,
    store::Change,
};

/// `POST /admin/agents/register`.
pub(super) async fn register(
    State(state): State<AdminState>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    store(state, &*visitor, Draft::read(body, None)?, wait).await
}

/// `PUT /admin/agents/{id}`.
pub(super) async fn put(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let id = agent_id(&id)?;
    store(state, &*visitor, Draft::read(body, Some(id))?, wait).await
}

async fn store(state: AdminState, visitor: &dyn Visitor, draft: Draft, wait: Wait) -> Result<Response, ApiError> {
    let card = checked_card(&state, &draft).await?;
    let (id, change) = (draft.id.clone(), status::changed_by(visitor, (state.clock)()));
    let is_new = !state.store.registry().agents.contains_key(&id);
    let decide = move |registry: &Registry| {
        let before = registry.agents.get(&draft.id).map(|agent| &**agent);
        let now = change.at;
        let standing = match before {
            None => (draft.status.unwrap_or_default(), change),
            Some(before) => status::of_registration(before, draft.status, change)?,
        };
        let agent = draft.into_agent(card, before, standing, now);
        let same = before.is_some_and(|before| is_same(before, &agent));
        Ok::<_, ApiError>(if same { Vec::new() } else { vec![Change::PutAgent(agent)] })
    };
    let generation = state.store.write(decide).await?;
    let registry = state.store.registry();
    let agent = super::find(&registry, &id)?;
    let body = json!({
        "status": "registered",
        "agentId": id,
        "agentStatus": agent.status.as_str(),
        "gatewayUrl": state.shelf.gateway().base_url(&id),
        "agentCard": view::card(&state, agent),
    });
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(written(&state.nodes, status, body, generation, wait).await)
}

/// Everything about a draft that is checked outside of it: that its secret can be read, that its hosts may be reached, its card.
pub(in crate::admin) async fn checked_card(state: &AdminState, draft: &Draft) -> Result<Card, ApiError> {
    if let Some((field, secret)) = secret_of(&draft.auth) {
        let unreadable = |error| ApiError::field("UNREADABLE_SECRET", field, format!("{field}: {error}"));
        state.secrets.resolve(secret).map_err(unreadable)?;
    }
    for (index, backend) in draft.backends.iter().enumerate() {
        let field = if index == 0 { draft.backend_field.to_owned() } else { format!("backends[{index}].url") };
        state.outbound.vet(backend.url.url()).await.map_err(|error| failure::outbound(&error, &field))?;
    }
    if let crate::domain::BackendAuth::OAuthClientCredentials(client) = &draft.auth {
        let field = "authConfig.tokenUrl";
        state.outbound.vet(&client.token_url).await.map_err(|error| failure::outbound(&error, field))?;
    }
    // Asked for even where the card needs none: wrong credentials are to be found now, not by the first caller.
    state.broker.header(&draft.auth).await.map_err(|error| failure::credential(&error, &draft.auth))?;
    let field = if draft.card_url.is_some() { "agentCardUrl" } else { draft.backend_field };
    let place = CardPlace {
        backends: &draft.backends,
        card_url: draft.card_url.as_ref(),
        auth: &draft.auth,
        signatures: &draft.card_signatures,
    };
    state.cards.verifier().can_satisfy(&draft.card_signatures).map_err(|error| failure::signature(&error))?;
    let card = state.cards.fetch(place, (state.clock)()).await;
    card.map_err(|error| failure::card(&error, field, &draft.auth))
}

/// Whether a registration says nothing new.
pub(in crate::admin) fn is_same(before: &Agent, after: &Agent) -> bool {
    let card = Card { fetched_at: before.card.fetched_at, ..(*after.card).clone() };
    let after = Agent { card: card.into(), updated_at: before.updated_at, ..after.clone() };
    *before == after
}
