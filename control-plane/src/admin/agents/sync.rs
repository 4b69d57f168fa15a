//! Card sync on demand: a good card replaces the one there is, a bad or vanished one leaves it and marks the record.

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
    cards::CardError,
    domain::{Agent, Card, Registry, UnixSeconds},
    store::Change,
};

/// `POST /admin/agents/{id}/sync`.
pub(super) async fn sync(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    wait: Wait,
) -> Result<Response, ApiError> {
    let id = agent_id(&id)?;
    let agent = find(&state.store.registry(), &id)?.clone();
    let outcome = state.cards.refetch(&agent, (state.clock)()).await;
    let refusal = outcome.as_ref().err().map(|error| {
        let field = if agent.card_url.is_some() { "agentCardUrl" } else { "backendUrl" };
        failure::card(error, field, &agent.auth).with_status(StatusCode::BAD_GATEWAY)
    });
    let now = (state.clock)();
    let decide = move |registry: &Registry| {
        let current = find(registry, &agent.id)?;
        // Registered anew meanwhile: that registration fetched its own card.
        let is_other = current.backends != agent.backends
            || current.card_url != agent.card_url
            || current.card_signatures != agent.card_signatures;
        let changed = if is_other { None } else { synced(current, &outcome, now) };
        Ok::<_, ApiError>(changed.map(Change::PutAgent).into_iter().collect())
    };
    let generation = state.store.write(decide).await?;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let registry = state.store.registry();
    let agent = find(&registry, &id)?;
    let body = json!({
        "status": "synced",
        "agentId": id,
        "lastSynced": rfc3339(agent.card.fetched_at),
        "agentCard": view::card(&state, agent),
    });
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

/// The record after a sync; `None`: as before.
fn synced(current: &Agent, outcome: &Result<Card, CardError>, now: UnixSeconds) -> Option<Agent> {
    match outcome {
        Err(error) => {
            let sync_error = Some(error.to_string());
            (current.sync_error != sync_error).then(|| Agent { sync_error, ..current.clone() })
        }
        Ok(card) => {
            let agent = current.clone().with_card(card.clone());
            Some(Agent { sync_error: None, updated_at: now, ..agent })
        }
    }
}
