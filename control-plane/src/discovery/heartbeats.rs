//! `PATCH` and `POST /agents/{id}/status`: an agent says how it is. Nothing is written: the board remembers, and the fleet hears of it
//! only where it changes what gets calls.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{DiscoveryState, unknown_agent};
use crate::{
    admin::{ApiError, Faults, StrictJson},
    domain::{AgentId, BackendUrl, Standing},
    gate::Visitor,
    health::{Beat, BeatError, Report},
};

/// Longest `detail`, bytes: it is for people.
const MAX_DETAIL: usize = 1024;

pub(super) async fn beat(
    State(state): State<DiscoveryState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    StrictJson(body): StrictJson,
) -> Result<Json<Value>, ApiError> {
    let id = AgentId::try_from(id.as_str()).map_err(|_| unknown_agent())?;
    if !visitor.may_beat(&id) {
        let message = format!("only the agent itself says how it is: the scope agents:{id}:heartbeat is needed");
        let challenge =
            format!("Bearer realm=\"tollgate\", error=\"insufficient_scope\", scope=\"agents:{id}:heartbeat\"");
        return Err(ApiError::new(StatusCode::FORBIDDEN, "INSUFFICIENT_SCOPE", message).with_challenge(&challenge));
    }
    let beaten = state.health.beat(&id, &read(body)?).map_err(refusal)?;
    let state = match beaten.standing {
        Standing::Up => "up",
        Standing::Down => "down",
        Standing::Draining => "draining",
    };
    let within = beaten.rhythm.interval.saturating_mul(beaten.rhythm.misses_allowed.saturating_add(1));
    Ok(Json(json!({
        "agentId": id,
        "standing": state,
        "intervalSeconds": Duration::as_secs(&beaten.rhythm.interval),
        "outAfterSeconds": within.as_secs(),
    })))
}

fn read(body: Value) -> Result<Beat, ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    if !fields.has("status") {
        fields.missing("MISSING_REQUIRED_FIELD", "status");
    }
    let report = fields.parsed("status", report_named);
    let backend = fields.parsed("backend", BackendUrl::parse);
    let detail = fields.parsed("detail", detail);
    fields.end();
    faults.finish(report.map(|report| Beat { report, backend, detail }))
}

fn report_named(text: &str) -> Result<Report, &'static str> {
    match text {
        "healthy" => Ok(Report::Healthy),
        "unhealthy" => Ok(Report::Unhealthy),
        "draining" => Ok(Report::Draining),
        _ => Err("must be \"healthy\", \"unhealthy\" or \"draining\""),
    }
}

fn detail(text: &str) -> Result<String, &'static str> {
    if text.len() <= MAX_DETAIL { Ok(text.to_owned()) } else { Err("must not be longer than 1024 bytes") }
}

fn refusal(error: BeatError) -> ApiError {
    match error {
        BeatError::UnknownAgent => ApiError::not_found("AGENT_NOT_FOUND", error.to_string()),
        BeatError::NotPromised => ApiError::new(StatusCode::CONFLICT, "HEARTBEAT_NOT_PROMISED", error.to_string()),
        BeatError::UnknownBackend => ApiError::field("INVALID_FIELD", "backend", format!("backend {error}")),
    }
}
