//! The admin API, for holders of the admin scope: agents, permissions, clients, issuers, nodes, usage. Bodies are read strictly, all is
//! checked before anything is written, and a write says its generation. Served on the private listener and, where the settings
//! allow it, behind the gateway. What the records mean is the domain's; keeping them, the store's.

mod agents;
mod answer;
mod apply;
mod backup;
mod body;
mod check;
mod clients;
mod error;
mod fields;
mod filters;
mod issuers;
mod nodes;
mod openapi;
mod paging;
mod permissions;
mod revocations;
#[cfg(test)]
pub(crate) mod scene;
mod sources;
mod task_keys;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use crate::{
    broker::Broker,
    card_sync::CardSync,
    cards::{CardFetcher, CardShelf},
    domain::{UnixSeconds, time},
    gate::{Gate, Unverified, Visitor},
    health::HealthBoard,
    issuer::JwksReader,
    outbound::Outbound,
    quota::{FleetTable, UsageTable},
    secrets::SecretSource,
    sources::Sources,
    store::Store,
    xds::NodeTable,
};
pub(crate) use body::StrictJson;
pub use error::ApiError;
pub(crate) use fields::Faults;
pub(crate) use filters::Filters;
pub(crate) use paging::Page;

/// What the handlers work with. Clones share it.
#[derive(Clone)]
pub struct AdminState {
    /// The registry.
    pub store: Store,
    /// Who may.
    pub gate: Arc<dyn Gate>,
    /// Fetches cards.
    pub cards: CardFetcher,
    /// Fetches them again.
    pub sync: CardSync,
    /// Where new agents are looked for.
    pub sources: Sources,
    /// Rewritten cards.
    pub shelf: CardShelf,
    /// How agents' credentials stand.
    pub broker: Broker,
    /// How their backends are.
    pub health: HealthBoard,
    /// Reads secrets, to say at once if one cannot be read.
    pub secrets: SecretSource,
    /// Vets URLs.
    pub outbound: Outbound,
    /// Reads issuers' key sets.
    pub keys: JwksReader,
    /// Envoys and what they have.
    pub nodes: NodeTable,
    /// What the Envoys' exchanges of tokens say.
    pub fleet: FleetTable,
    /// Who used what.
    pub usage: UsageTable,
    /// `iss` of the embedded issuer, if there is one.
    pub embedded_issuer: Option<String>,
    /// The time.
    pub clock: fn() -> UnixSeconds,
}

impl AdminState {
    fn issues_tokens(&self) -> bool {
        self.embedded_issuer.is_some()
    }
}

/// Everything under `/admin`.
pub fn router(state: AdminState) -> Router {
    Router::new()
        .merge(agents::routes())
        .merge(apply::routes())
        .merge(backup::routes())
        .merge(permissions::routes())
        .merge(clients::routes())
        .merge(issuers::routes())
        .merge(nodes::routes())
        .merge(revocations::routes())
        .merge(sources::routes())
        .merge(task_keys::routes())
        .merge(usage::routes())
        .merge(openapi::routes())
        .route("/admin", axum::routing::any(unknown_path))
        .route("/admin/{*rest}", axum::routing::any(unknown_path))
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn_with_state(state.clone(), admit))
        .layer(DefaultBodyLimit::max(body::MAX_BODY))
        .with_state(state)
}

/// Lets administrators in, and says in the log who wrote.
async fn admit(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let visitor = match verify(&*state.gate, &request) {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal.into_response(),
    };
    if !visitor.is_admin() {
        let message = "the admin API needs the admin scope";
        let challenge = "Bearer realm=\"tollgate\", error=\"insufficient_scope\"";
        let refusal = ApiError::new(StatusCode::FORBIDDEN, "ADMIN_PERMISSION_REQUIRED", message);
        return refusal.with_challenge(challenge).into_response();
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut request = request;
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    // Some answers hold a new secret.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !method.is_safe() {
        tracing::info!(client = visitor.client(), %method, path, status = response.status().as_u16(), "admin");
    }
    response
}

/// The verified caller of a request.
///
/// # Errors
/// 401, or 503 while nothing is published.
pub(crate) fn verify(gate: &dyn Gate, request: &Request) -> Result<Arc<dyn Visitor>, ApiError> {
    let mut sent = request.headers().get_all(header::AUTHORIZATION).iter();
    let (first, second) = (sent.next(), sent.next());
    let description = match second {
        Some(_) => Unverified::BadToken { description: "there is more than one Authorization header" },
        None => match gate.admit(first.map(|value| value.as_bytes())) {
            Ok(visitor) => return Ok(visitor),
            Err(reason) => reason,
        },
    };
    Err(match description {
        Unverified::NoToken => ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "a bearer token is needed")
            .with_challenge("Bearer realm=\"tollgate\""),
        Unverified::BadToken { description } => {
            let challenge =
                format!("Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"{description}\"");
            ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", description).with_challenge(&challenge)
        }
        Unverified::NotReady => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", "the server has not published its policy yet")
        }
    })
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("NOT_FOUND", "there is nothing at this path: GET /admin/openapi.json lists what there is")
}

async fn unknown_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this path does not take that method")
}
