//! An agent as a request describes it: read from the body whole, every fault named, before anything is fetched or written.

use std::{num::NonZeroU32, time::Duration};

use serde_json::Value;
use url::Url;

use super::{
    card_signatures,
    credentials::{self, Stored},
    pace,
};
use crate::{
    admin::{
        ApiError,
        fields::{Faults, Fields},
    },
    domain::{
        A2aSettings, Agent, AgentId, AgentStatus, Backend, BackendAuth, BackendUrl, Card, CardSignatures,
        CircuitBreaker, Heartbeat, IdentityHeaders, Skill, StatusChange, Timeouts, UnixSeconds,
    },
};

/// Backends of one agent at most.
const MAX_BACKENDS: usize = 32;
/// The one id that would stand where a path of the API does.
const RESERVED_ID: &str = "register";
const MAX_SECONDS: u32 = 86_400;

/// What a registration says.
#[derive(Debug, Clone)]
pub(in crate::admin) struct Draft {
    pub(in crate::admin) id: AgentId,
    name: Option<String>,
    description: Option<String>,
    capabilities: Vec<String>,
    tags: Vec<String>,
    skills: Vec<Skill>,
    pub(in crate::admin) backends: Vec<Backend>,
    /// Field that the first backend's URL was read from.
    pub(super) backend_field: &'static str,
    pub(super) card_url: Option<Url>,
    pub(super) auth: BackendAuth,
    pub(super) card_signatures: CardSignatures,
    health_endpoint: Option<String>,
    heartbeat: Option<Heartbeat>,
    timeouts: Timeouts,
    circuit_breaker: CircuitBreaker,
    max_concurrent: Option<NonZeroU32>,
    pub(in crate::admin) a2a: A2aSettings,
    identity_headers: IdentityHeaders,
    /// `None`: it does not say.
    pub(in crate::admin) status: Option<AgentStatus>,
}

impl Draft {
    /// Reads a body. `id` is the one of the path, if the path has one.
    pub(super) fn read(body: Value, id: Option<AgentId>) -> Result<Self, ApiError> {
        let faults = Faults::default();
        let mut fields = faults.body(body);
        let draft = Self::take(&mut fields, id, |_| Stored::Nothing, &mut None);
        fields.end();
        faults.finish(draft)
    }

    /// Takes the fields of a record. A secret that it leaves out is what `stored` says of the rest of it; `keeps` learns of that.
    pub(in crate::admin) fn take<'s>(
        fields: &mut Fields<'_>,
        id: Option<AgentId>,
        stored: impl FnOnce(&Self) -> Stored<'s>,
        keeps: &mut Option<BackendAuth>,
    ) -> Option<Self> {
        let id = take_id(fields, id);
        let name = match (fields.text("name"), fields.text("displayName")) {
            (Some(name), Some(other)) if name != other => {
                fields.fault("INVALID_FIELD", "displayName", "and name mean the same: give one of them");
                None
            }
            (name, display_name) => name.or(display_name),
        };
        let (backends, backend_field) = take_backends(fields);
        let wanted = fields.object("authConfig");
        let identity = fields.truth("identityHeaders").unwrap_or(false);
        let mut draft = Self {
            name,
            description: fields.text("description"),
            capabilities: fields.texts("capabilities"),
            tags: fields.texts("tags"),
            skills: fields.objects("skills").unwrap_or_default().into_iter().filter_map(take_skill).collect(),
            backend_field,
            card_url: fields.parsed("agentCardUrl", credentials::http_url),
            card_signatures: fields.object("cardSignatures").map(card_signatures::read).unwrap_or_default(),
            health_endpoint: fields.parsed("healthEndpoint", health_endpoint),
            heartbeat: fields.object("heartbeat").and_then(take_heartbeat),
            circuit_breaker: fields.object("circuitBreaker").map(pace::take_breaker).unwrap_or_default(),
            timeouts: fields.object("timeouts").map(pace::take_timeouts).unwrap_or_default(),
            max_concurrent: fields.number("maxConcurrent", 1..=u32::MAX).and_then(NonZeroU32::new),
            a2a: super::a2a::take(fields),
            identity_headers: if identity { IdentityHeaders::Sent } else { IdentityHeaders::Withheld },
            status: fields.parsed("status", |text| AgentStatus::try_from(text)),
            backends: backends.unwrap_or_default(),
            id: id?,
            auth: BackendAuth::None,
        };
        if let Some(wanted) = wanted {
            draft.auth = credentials::read(wanted, &stored(&draft), keeps)?;
        }
        (!draft.backends.is_empty()).then_some(draft)
    }

    /// Whether the agent there is has its card where this says, under the same conditions.
    pub(in crate::admin) fn is_where(&self, agent: &Agent) -> bool {
        self.backends == agent.backends
            && self.card_url == agent.card_url
            && self.auth == agent.auth
            && self.card_signatures == agent.card_signatures
    }

    /// The record: this description, that card, and of the record there was what a registration does not change.
    pub(in crate::admin) fn into_agent(
        self,
        card: Card,
        before: Option<&Agent>,
        (status, status_change): (AgentStatus, StatusChange),
        now: UnixSeconds,
    ) -> Agent {
        let of_card = |field: &str| card.document.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let agent = Agent {
            name: self.name.unwrap_or_else(|| of_card("name")),
            description: self.description.unwrap_or_else(|| of_card("description")),
            id: self.id,
            capabilities: self.capabilities,
            tags: self.tags,
            skills: self.skills,
            backends: self.backends,
            card_url: self.card_url,
            auth: self.auth,
            health_endpoint: self.health_endpoint,
            heartbeat: self.heartbeat,
            timeouts: self.timeouts,
            circuit_breaker: self.circuit_breaker,
            max_concurrent: self.max_concurrent,
            a2a: self.a2a,
            identity_headers: self.identity_headers,
            status,
            status_change,
            card_signatures: self.card_signatures,
            card: before.map_or_else(|| card.clone().into(), |before| before.card.clone()),
            earlier_cards: before.map(|before| before.earlier_cards.clone()).unwrap_or_default(),
            sync_error: None,
            managed_by: before.and_then(|before| before.managed_by.clone()),
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
        };
        agent.with_card(card)
    }
}

fn take_id(fields: &mut Fields<'_>, of_path: Option<AgentId>) -> Option<AgentId> {
    if !fields.has("agentId") && of_path.is_none() {
        fields.missing("MISSING_REQUIRED_FIELD", "agentId");
    }
    let of_body = fields.parsed("agentId", |text| AgentId::try_from(text));
    if of_body.as_ref().or(of_path.as_ref()).is_some_and(|id| id.as_str() == RESERVED_ID) {
        fields.fault("INVALID_FIELD", "agentId", "is reserved: /admin/agents/register is a path of this API");
        return None;
    }
    match (of_path, of_body) {
        (Some(of_path), Some(of_body)) if of_path != of_body => {
            fields.fault("INVALID_FIELD", "agentId", "must be the one in the path");
            None
        }
        (of_path, of_body) => of_path.or(of_body),
    }
}

fn take_backends(fields: &mut Fields<'_>) -> (Option<Vec<Backend>>, &'static str) {
    match (fields.has("backendUrl"), fields.has("backends")) {
        (true, true) => {
            fields.fault("INVALID_FIELD", "backends", "and backendUrl mean the same: give one of them");
            fields.ignore(&["backendUrl", "backends"]);
            (None, "backends")
        }
        (false, false) => {
            fields.missing("MISSING_REQUIRED_FIELD", "backendUrl");
            (None, "backendUrl")
        }
        (true, false) => {
            let url = fields.parsed("backendUrl", BackendUrl::parse);
            (url.map(|url| vec![Backend { url, priority: 0, weight: NonZeroU32::MIN }]), "backendUrl")
        }
        (false, true) => (take_list(fields), "backends[0].url"),
    }
}

fn take_list(fields: &mut Fields<'_>) -> Option<Vec<Backend>> {
    let listed = fields.objects("backends")?;
    if listed.is_empty() || listed.len() > MAX_BACKENDS {
        fields.fault("INVALID_FIELD", "backends", "must have 1 to 32 items");
        return None;
    }
    let backends: Option<Vec<Backend>> = listed.into_iter().map(take_backend).collect();
    let backends = backends?;
    // They are endpoints of one cluster: what differs is only where they are.
    let shape = |backend: &Backend| (backend.url.is_tls(), backend.url.base_path().to_owned());
    if backends.iter().any(|backend| shape(backend) != shape(&backends[0])) {
        fields.fault("INVALID_FIELD", "backends", "must all have the same scheme and path");
        return None;
    }
    Some(backends)
}

fn take_backend(mut fields: Fields<'_>) -> Option<Backend> {
    if !fields.has("url") {
        fields.missing("MISSING_REQUIRED_FIELD", "url");
    }
    let url = fields.parsed("url", BackendUrl::parse);
    // Envoy's priorities leave no gaps and its weights are small numbers (endpoint.v3).
    let priority = fields.number("priority", 0..=127).unwrap_or(0);
    let weight = fields.number("weight", 1..=1_000_000).and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    fields.end();
    Some(Backend { url: url?, priority, weight })
}

fn take_skill(mut fields: Fields<'_>) -> Option<Skill> {
    if !fields.has("name") {
        fields.missing("MISSING_REQUIRED_FIELD", "name");
    }
    let name = fields.text("name");
    let skill = Skill {
        description: fields.text("description").unwrap_or_default(),
        instructions: fields.text("instructions").unwrap_or_default(),
        tools: fields.texts("tools"),
        name: name.unwrap_or_default(),
    };
    fields.end();
    Some(skill)
}

fn take_heartbeat(mut fields: Fields<'_>) -> Option<Heartbeat> {
    for name in ["intervalSeconds", "missesAllowed"] {
        if !fields.has(name) {
            fields.missing("MISSING_REQUIRED_FIELD", name);
        }
    }
    let interval = fields.number("intervalSeconds", 1..=MAX_SECONDS);
    let misses_allowed = fields.number("missesAllowed", 1..=1000);
    fields.end();
    Some(Heartbeat { interval: seconds(interval?), misses_allowed: misses_allowed? })
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// A path on the backend, or a URL.
fn health_endpoint(text: &str) -> Result<String, &'static str> {
    if !text.starts_with('/') || text.starts_with("//") {
        credentials::http_url(text).map_err(|_| "must be a path or an http or https URL")?;
    }
    Ok(text.to_owned())
}
