//! Answers to writes: each says its generation, and with `?wait=applied` comes once every connected Envoy has it.

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{AdminState, ApiError};
use crate::{
    domain::Generation,
    xds::{Applied, NodeTable},
};

const DEFAULT_WAIT: Duration = Duration::from_secs(10);
const MAX_WAIT_SECONDS: u64 = 60;

/// What a write waits for before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing: it is on disk.
    Written,
    /// Every connected Envoy's acknowledgement, this long at most.
    Applied(Duration),
}

impl FromRequestParts<AdminState> for Wait {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AdminState) -> Result<Self, ApiError> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Ok(Query(pairs)) = query else {
            return Err(ApiError::field("INVALID_QUERY", "wait", "the query cannot be read"));
        };
        let (mut wait, mut timeout) = (Self::Written, DEFAULT_WAIT);
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("wait", "applied") => wait = Self::Applied(timeout),
                ("wait", _) => return Err(ApiError::field("INVALID_QUERY", "wait", "wait must be \"applied\"")),
                ("timeoutSeconds", text) => timeout = read_timeout(text)?,
                _ => return Err(ApiError::field("INVALID_QUERY", &name, format!("{name} is unknown"))),
            }
        }
        Ok(if wait == Self::Written { wait } else { Self::Applied(timeout) })
    }
}

fn read_timeout(text: &str) -> Result<Duration, ApiError> {
    let seconds = text.parse().ok().filter(|seconds| (1..=MAX_WAIT_SECONDS).contains(seconds));
    let fault = || ApiError::field("INVALID_QUERY", "timeoutSeconds", "timeoutSeconds must be from 1 to 60");
    seconds.map(Duration::from_secs).ok_or_else(fault)
}

/// Answers a write.
pub(super) async fn written(
    nodes: &NodeTable,
    status: StatusCode,
    body: Value,
    generation: Generation,
    wait: Wait,
) -> Response {
    let mut body = match body {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    body.insert("generation".into(), generation.get().into());
    let Wait::Applied(timeout) = wait else { return (status, Json(body)).into_response() };
    let status = match nodes.applied(generation, timeout).await {
        Applied::Everywhere { nodes } => {
            body.insert("applied".into(), true.into());
            body.insert("nodes".into(), nodes.into());
            status
        }
        Applied::Pending { nodes } => {
            let pending = nodes.iter().map(|node| {
                let reason = node.rejection.as_ref().map(|rejection| rejection.reason.as_str());
                json!({"node": node.id, "rejected": reason})
            });
            body.insert("applied".into(), false.into());
            body.insert("pending".into(), pending.collect());
            StatusCode::ACCEPTED
        }
    };
    (status, Json(body)).into_response()
}
