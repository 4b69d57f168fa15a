//! The embedded issuer over HTTP: token endpoint, metadata, key set. Thin: reading is `request`'s, making is `Issuer`'s.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};

use super::{
    Issuer, claims,
    metadata::{self, JWKS_PATH, METADATA_PATH, TOKEN_PATH},
    request::{Refusal, TokenRequest},
    secrets::Verdict,
};
use crate::domain::{Client, ClientId, Scope};

/// No token request is longer.
const MAX_REQUEST_BYTES: usize = 16 << 10;

/// The issuer's routes.
pub fn router(issuer: Issuer) -> Router {
    Router::new()
        .route(TOKEN_PATH, post(token))
        .route(METADATA_PATH, get(server_metadata))
        .route(JWKS_PATH, get(key_set))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(issuer)
}

async fn token(State(issuer): State<Issuer>, headers: HeaderMap, body: Bytes) -> Response {
    match issuer.answer(&headers, &body).await {
        Ok(answer) => (NOT_STORED, Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn server_metadata(State(issuer): State<Issuer>) -> Response {
    let document = metadata::server_metadata(&issuer.inner.settings, &issuer.inner.public_url);
    (CACHED, Json(document)).into_response()
}

async fn key_set(State(issuer): State<Issuer>) -> Response {
    (CACHED, Json(metadata::key_set(&issuer.inner.store.registry()))).into_response()
}

const NOT_STORED: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// Shorter than `issuer.overlap_seconds` can be, so that a new key is seen before it signs.
const CACHED: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))];

impl Issuer {
    /// The token response of RFC 6749 section 5.1.
    async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let request = TokenRequest::read(headers, body)?;
        let client = self.authenticated(&request).await?;
        self.check_targets(&request.resources)?;
        let scopes = granted(&client, request.scope.as_deref())?;
        let now = (self.inner.clock)();
        let made = self.mint(&client, &scopes, now).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "no token could be made");
            Refusal::ServerError
        })?;
        Ok(json!({
            "access_token": made.token,
            "token_type": "Bearer",
            "expires_in": made.expires_in,
            "scope": claims::join(&scopes),
        }))
    }

    async fn authenticated(&self, request: &TokenRequest) -> Result<Client, Refusal> {
        let registry = self.inner.store.registry();
        let id = ClientId::try_from(request.client_id.as_str()).ok();
        let client = id.and_then(|id| registry.clients.get(&id));
        let now = (self.inner.clock)();
        match self.inner.secrets.check(client.map(AsRef::as_ref), request.secret.clone(), now).await {
            Verdict::Busy => Err(Refusal::Busy),
            Verdict::Wrong => Err(Refusal::InvalidClient),
            Verdict::Right => match client {
                Some(client) if !client.disabled => Ok((**client).clone()),
                _ => Err(Refusal::InvalidClient),
            },
        }
    }

    /// A token is good for the whole gateway, so a resource must be the gateway or something below it (RFC 8707 section 2).
    fn check_targets(&self, resources: &[String]) -> Result<(), Refusal> {
        let ours = [self.inner.settings.audience.as_str(), self.inner.public_url.as_str()];
        let below = |resource: &str, base: &str| {
            resource
                .strip_prefix(base.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let fits = |resource: &String| ours.iter().any(|base| below(resource, base));
        if resources.iter().all(fits) { Ok(()) } else { Err(Refusal::InvalidTarget) }
    }
}

/// The scopes asked for, if the client may have them all; all of its own if it does not say.
fn granted(client: &Client, asked: Option<&str>) -> Result<Vec<Scope>, Refusal> {
    let Some(asked) = asked else { return Ok(client.scopes.clone()) };
    let mut scopes = Vec::new();
    for word in asked.split(' ').filter(|word| !word.is_empty()) {
        let scope = Scope::try_from(word).map_err(|_| Refusal::InvalidScope)?;
        if !client.scopes.contains(&scope) {
            return Err(Refusal::InvalidScope);
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code(), "error_description": self.description() });
        let mut response = (self.status(), NOT_STORED, Json(body)).into_response();
        match self {
            Self::InvalidClient => {
                let challenge = HeaderValue::from_static("Basic realm=\"tollgate\", charset=\"UTF-8\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::Busy => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
