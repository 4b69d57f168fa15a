//! How an agent's backends are looked after, as a registration says it and as the record shows it.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    admin::{fields::Fields, time::rfc3339},
    domain::{Agent, Backend, HealthCheck, HealthTarget},
    health::{AgentView, BackendView, HealthBoard, NodeSight},
};

/// Longest time between two checks, seconds. Envoy would take more; nobody would call that a check.
const MAX_INTERVAL: u32 = 3600;
const MAX_THRESHOLD: u32 = 100;

/// Takes `healthCheck`.
pub(super) fn take(fields: &mut Fields<'_>) -> HealthCheck {
    fields.object("healthCheck").and_then(read).unwrap_or_default()
}

/// `None`: at fault, and the fault is noted.
fn read(mut fields: Fields<'_>) -> Option<HealthCheck> {
    let standard = HealthCheck::default();
    let interval = seconds(&mut fields, "intervalSeconds").unwrap_or(standard.interval);
    let given = seconds(&mut fields, "timeoutSeconds");
    let threshold = |fields: &mut Fields<'_>, name| fields.number(name, 1..=MAX_THRESHOLD).and_then(NonZeroU32::new);
    let check = HealthCheck {
        interval,
        timeout: given.unwrap_or(standard.timeout.min(interval)),
        unhealthy_threshold: threshold(&mut fields, "unhealthyThreshold").unwrap_or(standard.unhealthy_threshold),
        healthy_threshold: threshold(&mut fields, "healthyThreshold").unwrap_or(standard.healthy_threshold),
    };
    if check.timeout > check.interval {
        fields.fault("INVALID_FIELD", "timeoutSeconds", "must not be longer than intervalSeconds");
    }
    fields.end();
    Some(check)
}

fn seconds(fields: &mut Fields<'_>, name: &str) -> Option<Duration> {
    fields.number(name, 1..=MAX_INTERVAL).map(|count| Duration::from_secs(count.into()))
}

/// Takes `healthEndpoint`: something that can be asked of `backends`. Without any, their own fault says enough.
pub(super) fn take_endpoint(fields: &mut Fields<'_>, backends: Option<&[Backend]>) -> Option<String> {
    let backends = backends.unwrap_or_default();
    let endpoint = fields.text("healthEndpoint")?;
    match HealthTarget::read(&endpoint, backends) {
        Err(error) if !backends.is_empty() => {
            fields.fault("INVALID_FIELD", "healthEndpoint", error.to_string());
            None
        }
        _ => Some(endpoint),
    }
}

/// Adds what was said to a record.
pub(super) fn describe(agent: &Agent, record: &mut Map<String, Value>) {
    record.insert("healthEndpoint".into(), agent.health_endpoint.clone().into());
    record.insert("healthCheck".into(), checks(agent.health_check));
    let beat = agent.heartbeat;
    let beat =
        beat.map(|beat| json!({"intervalSeconds": beat.interval.as_secs(), "missesAllowed": beat.misses_allowed}));
    record.insert("heartbeat".into(), beat.into());
}

/// `healthCheck`.
pub(super) fn checks(check: HealthCheck) -> Value {
    json!({
        "intervalSeconds": check.interval.as_secs(), "timeoutSeconds": check.timeout.as_secs(),
        "unhealthyThreshold": check.unhealthy_threshold, "healthyThreshold": check.healthy_threshold,
    })
}

/// Adds how it is.
pub(super) fn show(board: &HealthBoard, agent: &Agent, record: &mut Map<String, Value>) {
    record.insert("health".into(), whole(&board.view(agent)));
}

fn whole(view: &AgentView) -> Value {
    json!({"state": view.state().as_str(), "backends": view.backends.iter().map(backend).collect::<Vec<_>>()})
}

fn backend(view: &BackendView) -> Value {
    json!({
        "url": view.url,
        "state": view.state.as_str(),
        "reason": view.reason,
        "detail": view.detail,
        "since": view.since.map(rfc3339),
        "lastHeartbeat": view.last_beat.map(rfc3339),
        "nodes": view.nodes.iter().map(node).collect::<Vec<_>>(),
    })
}

fn node(sight: &NodeSight) -> Value {
    json!({
        "nodeId": sight.node,
        "state": sight.state.as_str(),
        "reason": sight.reason,
        "since": rfc3339(sight.since),
        "stale": sight.is_stale,
    })
}
