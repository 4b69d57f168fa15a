//! Request bodies: JSON, said to be JSON, bounded, read strictly.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde_json::Value;

use super::ApiError;
use crate::strict_json;

/// Longest body, in bytes.
pub(super) const MAX_BODY: usize = 1 << 20;

/// A JSON body; an absent one is an empty object.
pub(super) struct StrictJson(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for StrictJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = says_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "the body is longer than 1 MiB")
            }
            _ => ApiError::new(StatusCode::BAD_REQUEST, "INVALID_BODY", "the body could not be read"),
        })?;
        if bytes.is_empty() {
            return Ok(Self(Value::Object(serde_json::Map::new())));
        }
        if !is_json {
            let message = "the body must be sent as Content-Type: application/json";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
        }
        let value = strict_json::parse(&bytes).map_err(|error| {
            ApiError::new(StatusCode::BAD_REQUEST, "INVALID_JSON", format!("the body is not strict JSON: {error}"))
        })?;
        Ok(Self(value))
    }
}

/// `application/json`, with or without parameters.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(written) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    written.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}
