//! An agent's record as stored. Its card has a module of its own.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Record,
    a2a::StoredA2a,
    auth::StoredAuth,
    card::{StoredCard, StoredSignatures, StoredVersion},
    discovery::StoredDiscovery,
    health::StoredHealthCheck,
    lifecycle::{self, StoredStatus},
    pace::StoredBreaker,
    skill::StoredSkill,
};
use crate::domain::{
    Agent, AgentId, Backend, BackendUrl, Heartbeat, IdentityHeaders, Skill, Timeouts, UnixSeconds, millis,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    name: String,
    description: String,
    capabilities: Vec<String>,
    tags: Vec<String>,
    skills: Vec<StoredSkill>,
    backends: Vec<StoredBackend>,
    card_url: Option<Url>,
    auth: StoredAuth,
    health_endpoint: Option<String>,
    #[serde(default)]
    health_check: StoredHealthCheck,
    heartbeat: Option<StoredHeartbeat>,
    request_timeout_ms: Option<u64>,
    stream_idle_ms: Option<u64>,
    #[serde(default)]
    connect_timeout_ms: Option<u64>,
    #[serde(default)]
    circuit_breaker: StoredBreaker,
    identity_headers: bool,
    #[serde(default)]
    max_concurrent: Option<NonZeroU32>,
    #[serde(default)]
    a2a: StoredA2a,
    #[serde(default)]
    discovery: StoredDiscovery,
    /// What records before schema 3 have for `status`.
    #[serde(default, skip_serializing)]
    active: Option<bool>,
    #[serde(default)]
    status: Option<StoredStatus>,
    #[serde(default)]
    card_signatures: StoredSignatures,
    card: StoredCard,
    #[serde(default)]
    earlier_cards: Vec<StoredVersion>,
    sync_error: Option<String>,
    #[serde(default)]
    managed_by: Option<String>,
    created_at: UnixSeconds,
    updated_at: UnixSeconds,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBackend {
    url: String,
    priority: u32,
    weight: NonZeroU32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredHeartbeat {
    interval_ms: u64,
    misses_allowed: u32,
}

impl Stored {
    pub(super) fn new(agent: &Agent, record: Record<'_>) -> Self {
        Self {
            name: agent.name.clone(),
            description: agent.description.clone(),
            capabilities: agent.capabilities.clone(),
            tags: agent.tags.clone(),
            skills: agent.skills.iter().map(StoredSkill::from).collect(),
            backends: agent.backends.iter().map(StoredBackend::from).collect(),
            card_url: agent.card_url.clone(),
            auth: StoredAuth::new(&agent.auth, record),
            health_endpoint: agent.health_endpoint.clone(),
            health_check: agent.health_check.into(),
            heartbeat: agent.heartbeat.map(StoredHeartbeat::from),
            request_timeout_ms: agent.timeouts.request.map(millis),
            stream_idle_ms: agent.timeouts.stream_idle.map(millis),
            connect_timeout_ms: agent.timeouts.connect.map(millis),
            circuit_breaker: agent.circuit_breaker.into(),
            identity_headers: agent.identity_headers == IdentityHeaders::Sent,
            max_concurrent: agent.max_concurrent,
            a2a: StoredA2a::from(&agent.a2a),
            discovery: StoredDiscovery::from(&agent.discovery),
            active: None,
            status: Some(StoredStatus::new(agent.status, &agent.status_change)),
            card_signatures: StoredSignatures::from(&agent.card_signatures),
            card: StoredCard::from(agent.card.as_ref()),
            earlier_cards: agent.earlier_cards.iter().map(|version| StoredVersion::from(&**version)).collect(),
            sync_error: agent.sync_error.clone(),
            managed_by: agent.managed_by.as_ref().map(ToString::to_string),
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }

    pub(super) fn into_domain(self, record: Record<'_>) -> Result<Agent, String> {
        let backends: Vec<Backend> = self.backends.into_iter().map(Backend::try_from).collect::<Result<_, String>>()?;
        if backends.is_empty() {
            return Err("has no backend".to_owned());
        }
        let backend = backends[0].url.clone();
        let (status, status_change) = lifecycle::read(self.status, self.active)?;
        Ok(Agent {
            id: AgentId::try_from(record.key).map_err(|error| error.to_string())?,
            name: self.name,
            description: self.description,
            capabilities: self.capabilities,
            tags: self.tags,
            skills: self.skills.into_iter().map(Skill::from).collect(),
            backends,
            card_url: self.card_url,
            auth: self.auth.into_domain(record)?,
            health_endpoint: self.health_endpoint,
            health_check: self.health_check.into(),
            heartbeat: self.heartbeat.map(Heartbeat::from),
            timeouts: Timeouts {
                request: self.request_timeout_ms.map(Duration::from_millis),
                stream_idle: self.stream_idle_ms.map(Duration::from_millis),
                connect: self.connect_timeout_ms.map(Duration::from_millis),
            },
            circuit_breaker: self.circuit_breaker.into(),
            identity_headers: if self.identity_headers { IdentityHeaders::Sent } else { IdentityHeaders::Withheld },
            max_concurrent: self.max_concurrent,
            a2a: self.a2a.try_into()?,
            discovery: self.discovery.into(),
            status,
            status_change,
            card_signatures: self.card_signatures.into(),
            card: Arc::new(self.card.into_domain(&backend)?),
            earlier_cards: self.earlier_cards.into_iter().map(|version| Arc::new(version.into())).collect(),
            sync_error: self.sync_error,
            managed_by: lifecycle::managed_by(self.managed_by)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl From<&Backend> for StoredBackend {
    fn from(backend: &Backend) -> Self {
        Self { url: backend.url.url().to_string(), priority: backend.priority, weight: backend.weight }
    }
}

impl TryFrom<StoredBackend> for Backend {
    type Error = String;

    fn try_from(stored: StoredBackend) -> Result<Self, String> {
        let url = BackendUrl::parse(&stored.url).map_err(|error| format!("backend {error}"))?;
        Ok(Self { url, priority: stored.priority, weight: stored.weight })
    }
}

impl From<Heartbeat> for StoredHeartbeat {
    fn from(heartbeat: Heartbeat) -> Self {
        Self { interval_ms: millis(heartbeat.interval), misses_allowed: heartbeat.misses_allowed }
    }
}

impl From<StoredHeartbeat> for Heartbeat {
    fn from(stored: StoredHeartbeat) -> Self {
        Self { interval: Duration::from_millis(stored.interval_ms), misses_allowed: stored.misses_allowed }
    }
}
