//! Request bodies: JSON, said to be JSON, bounded, read strictly.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt;
use serde_json::Value;

use super::ApiError;
use crate::strict_json;

/// Longest body, in bytes.
pub(super) const MAX_BODY: usize = 1 << 20;
/// How much of a longer one is read to be dropped, in bytes.
const MAX_DROPPED: usize = 8 << 20;

/// Longest body that speaks of many records, in bytes.
const MAX_LONG_BODY: usize = 32 << 20;

/// A JSON body that may speak of many records.
pub(super) struct LongJson(pub(super) Value);

/// A JSON body; an absent one is an empty object.
pub(crate) struct StrictJson(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for StrictJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        json(request, MAX_BODY).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for LongJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        json(request, MAX_LONG_BODY).await.map(Self)
    }
}

async fn json(request: Request, most: usize) -> Result<Value, ApiError> {
    let is_json = says_json(request.headers());
    let bytes = read(request.into_body(), most).await?;
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if !is_json {
        let message = "the body must be sent as Content-Type: application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    strict_json::parse(&bytes).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_JSON", format!("the body is not strict JSON: {error}"))
    })
}

/// All of a body. One that is too long is read a good way further and dropped: answered before it is read, its sender's proxy would see
/// the connection end and not the answer.
async fn read(body: Body, most: usize) -> Result<Vec<u8>, ApiError> {
    let (mut bytes, mut dropped) = (Vec::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let unreadable = |_| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_BODY", "the body could not be read");
        let chunk = chunk.map_err(unreadable)?;
        if dropped == 0 && bytes.len() + chunk.len() <= most {
            bytes.extend_from_slice(&chunk);
        } else {
            dropped += chunk.len();
        }
        if dropped > MAX_DROPPED {
            break;
        }
    }
    if dropped > 0 {
        let message = format!("the body is longer than {} MiB", most >> 20);
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message));
    }
    Ok(bytes)
}

/// `application/json`, with or without parameters.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(written) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    written.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}
