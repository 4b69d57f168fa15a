//! What a refused request gets: `{"error": {"code", "message", "details"}}`. One type for admin and discovery.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::fields::Faults;
use crate::store::{StoreError, WriteError};

/// A refusal, ready to be sent. Boxed, as it is the rare outcome of everything.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError(Box<Refusal>);

#[derive(Debug, Clone, PartialEq)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Map<String, Value>,
    challenge: Option<HeaderValue>,
}

impl ApiError {
    /// A refusal without details.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal { status, code, message: message.into(), details: Map::new(), challenge: None }))
    }

    /// 400 for one field of the body or query.
    #[must_use]
    pub fn field(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message).detail("field", field)
    }

    /// The same with another detail.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(name.to_owned(), value.into());
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The same with a `WWW-Authenticate` header.
    #[must_use]
    pub fn with_challenge(mut self, challenge: &str) -> Self {
        self.0.challenge = HeaderValue::from_str(challenge).ok();
        self
    }

    /// The same, its challenge naming the resource's metadata (RFC 9728 section 5.1).
    #[must_use]
    pub fn with_resource_metadata(self, url: &str) -> Self {
        let written = self.0.challenge.as_ref().and_then(|challenge| challenge.to_str().ok());
        match written.map(|challenge| format!("{challenge}, resource_metadata=\"{url}\"")) {
            Some(challenge) => self.with_challenge(&challenge),
            None => self,
        }
    }

    /// 404 for a thing that is not there.
    #[must_use]
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl ApiError {
    /// Notes the refusal among the faults of a request that speaks of several records: of the one at `place`.
    pub(super) fn push_into(self, faults: &Faults, place: &str) {
        let Refusal { code, message, details, .. } = *self.0;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let at = |field: &str| if field.is_empty() { place.to_owned() } else { format!("{place}.{field}") };
        match details.get("faults").and_then(Value::as_array) {
            Some(several) => {
                several.iter().for_each(|it| faults.push(code, at(&text(&it["field"])), text(&it["message"])))
            }
            None => {
                let field = details.get("field").map(text).unwrap_or_default();
                // The message of a single field begins with its name, which the place has already.
                let message =
                    message.strip_prefix(&field).map_or(&*message, |rest| rest.trim_start_matches([':', ' ']));
                faults.push(code, at(&field), message);
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refusal { status, code, message, details, challenge } = *self.0;
        let body = json!({"error": {"code": code, "message": message, "details": details}});
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<WriteError<Self>> for ApiError {
    fn from(error: WriteError<Self>) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal,
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    /// What went wrong on the disk is for the log, not for the client.
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a write failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "STORE_FAILED", "the registry could not be written: see the log")
    }
}
