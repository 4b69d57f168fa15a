//! What becomes of the cards that a source has: pending agents, where nobody has registered, proposed or decided anything yet.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use serde_json::Value;
use url::Url;

use super::{Findings, Found, Skipped, id};
use crate::{
    cards::{CardPlace, FoundCard},
    domain::{
        A2aSettings, Agent, AgentDiscovery, AgentId, AgentStatus, Backend, BackendAuth, CardSignatures, CircuitBreaker,
        HealthCheck, IdentityHeaders, Listed, Registry, StatusChange, Timeouts, UnixSeconds,
    },
    store::Change,
};

/// Longest name taken from a card, in characters.
const MAX_NAME: usize = 256;
/// Longest description, likewise.
const MAX_DESCRIPTION: usize = 4096;

/// Whether an agent's card is there already, however it came to be registered and whatever was decided of it.
pub(super) fn is_known(registry: &Registry, card_url: &Url) -> bool {
    registry.agents.values().any(|agent| CardPlace::from(&**agent).url() == *card_url)
}

/// The changes that propose what is new, and what to say of it all.
pub(super) fn decide(
    registry: &Registry,
    source: &Url,
    found: Vec<Found>,
    most: usize,
    now: UnixSeconds,
) -> (Vec<Change>, Findings) {
    let is_waiting = |agent: &&Arc<Agent>| {
        agent.status == AgentStatus::Pending && agent.discovery.proposed_by.as_ref() == Some(source)
    };
    let mut room = most.saturating_sub(registry.agents.values().filter(is_waiting).count());
    let (mut proposed, mut findings) = (BTreeMap::new(), Findings::default());
    for Found { card_url, found } in found {
        let is_taken = |id: &AgentId| registry.agents.contains_key(id) || proposed.contains_key(id);
        let name = text(&found, "name", MAX_NAME);
        let id = id::ids(&name, &card_url).into_iter().find(|id| !is_taken(id));
        match id {
            _ if is_known(registry, &card_url) => findings.known += 1,
            None => {
                findings.skip(Skipped::new(&card_url, "the ids that it could have are taken: register it yourself"))
            }
            Some(_) if room == 0 => {
                let reason = format!("{most} agents of this source wait already: decide on them first");
                findings.skip(Skipped::new(&card_url, reason));
            }
            Some(id) => {
                room -= 1;
                findings.proposed.push(id.clone());
                proposed.insert(id.clone(), pending(id, name, card_url, found, source, now));
            }
        }
    }
    (proposed.into_values().map(Change::PutAgent).collect(), findings)
}

/// As an operator would have registered it by its card alone.
fn pending(id: AgentId, name: String, card_url: Url, found: FoundCard, source: &Url, now: UnixSeconds) -> Agent {
    let description = text(&found, "description", MAX_DESCRIPTION);
    Agent {
        name: if name.is_empty() { id.to_string() } else { name },
        id,
        description,
        capabilities: Vec::new(),
        tags: Vec::new(),
        skills: Vec::new(),
        backends: vec![Backend { url: found.backend, priority: 0, weight: NonZeroU32::MIN }],
        card_url: Some(card_url),
        auth: BackendAuth::None,
        health_endpoint: None,
        health_check: HealthCheck::default(),
        heartbeat: None,
        timeouts: Timeouts::default(),
        circuit_breaker: CircuitBreaker::default(),
        a2a: A2aSettings::default(),
        discovery: AgentDiscovery { listed: Listed::Private, proposed_by: Some(source.clone()) },
        identity_headers: IdentityHeaders::Withheld,
        max_concurrent: None,
        status: AgentStatus::Pending,
        status_change: StatusChange { at: now, ..StatusChange::default() },
        card_signatures: CardSignatures::default(),
        card: Arc::new(found.card),
        earlier_cards: Vec::new(),
        sync_error: None,
        managed_by: None,
        created_at: now,
        updated_at: now,
    }
}

fn text(found: &FoundCard, field: &str, most: usize) -> String {
    let text = found.card.document.get(field).and_then(Value::as_str).unwrap_or_default();
    text.trim().chars().take(most).collect()
}
