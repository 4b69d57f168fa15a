//! `/admin/clients`: the embedded issuer's clients. A secret is in the one answer that makes it, and nowhere else.

mod secret;
mod view;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::{get, patch, post},
};
use serde_json::{Value, json};
use tollgate_policy::document::RevocationDocument;

use super::{
    AdminState, ApiError,
    answer::{Wait, written},
    body::StrictJson,
    fields::{Faults, Fields},
    paging::Page,
};
use crate::{
    domain::{Client, ClientId, Registry, Revocation, RevocationId, Scope, UnixSeconds},
    store::Change,
};

/// Longest that a token of the embedded issuer can be good for, leeway included, seconds.
const LONGEST_TOKEN: u64 = 86_400 + 300;

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/admin/clients", get(list).post(secret::create))
        .route("/admin/clients/{id}", get(show).put(put).delete(remove))
        .route("/admin/clients/{id}/rotate", post(secret::rotate))
        .route("/admin/clients/{id}/status", patch(set_status).post(set_status))
}

/// What a request says about a client.
struct Draft {
    id: ClientId,
    name: String,
    scopes: Vec<Scope>,
}

impl Draft {
    fn read(body: Value, id: impl FnOnce(&mut Fields<'_>) -> Option<ClientId>) -> Result<Self, ApiError> {
        let faults = Faults::default();
        let mut fields = faults.body(body);
        let id = id(&mut fields);
        let name = fields.text("name");
        let scopes = fields.each("scopes", |text| Scope::try_from(text));
        fields.end();
        let draft = id.map(|id| Self { name: name.unwrap_or_else(|| id.to_string()), id, scopes });
        faults.finish(draft)
    }
}

async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &[])?;
    let registry = state.store.registry();
    let cut = page.cut(registry.clients.values(), |client| client.id.as_str());
    let clients: Vec<Value> = cut.items.into_iter().map(|client| view::client(client)).collect();
    Ok(Json(json!({"clients": clients, "nextCursor": cut.next})))
}

async fn show(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let registry = state.store.registry();
    Ok(Json(view::client(find(&registry, &client_id(&id)?)?)))
}

/// Changes name and scopes; tokens that are out keep theirs until they expire.
async fn put(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let id = client_id(&id)?;
    let draft = Draft::read(body, |fields| {
        if fields.parsed("clientId", |text| ClientId::try_from(text)).is_some_and(|of_body| of_body != id) {
            fields.fault("INVALID_FIELD", "clientId", "must be the one in the path");
        }
        Some(id.clone())
    })?;
    change(state, id, wait, move |client| Client { name: draft.name, scopes: draft.scopes, ..client.clone() }).await
}

async fn set_status(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let disabled = read_disabled(body)?;
    change(state, client_id(&id)?, wait, move |client| Client { disabled, ..client.clone() }).await
}

fn read_disabled(body: Value) -> Result<bool, ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    if !fields.has("status") {
        fields.missing("INVALID_STATUS", "status");
    }
    let disabled = fields.parsed("status", |text| match text {
        "active" => Ok(false),
        "inactive" => Ok(true),
        _ => Err("must be \"active\" or \"inactive\""),
    });
    fields.end();
    faults.finish(disabled)
}

async fn change(
    state: AdminState,
    id: ClientId,
    wait: Wait,
    change: impl FnOnce(&Client) -> Client + Send + 'static,
) -> Result<Response, ApiError> {
    let changed = id.clone();
    let decide = move |registry: &Registry| {
        let before = find(registry, &changed)?;
        let after = change(before);
        Ok::<_, ApiError>(if *before == after { Vec::new() } else { vec![Change::PutClient(after)] })
    };
    let generation = state.store.write(decide).await?;
    let body = view::client(find(&state.store.registry(), &id)?);
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

async fn remove(State(state): State<AdminState>, Path(id): Path<String>, wait: Wait) -> Result<Response, ApiError> {
    let id = client_id(&id)?;
    let body = json!({"status": "deleted", "clientId": id.as_str()});
    let outlived = state.embedded_issuer.clone().map(|issuer| outlived(issuer, &id, (state.clock)()));
    let decide = move |registry: &Registry| {
        find(registry, &id)?;
        let revoked = outlived.into_iter().map(Change::PutRevocation);
        Ok::<_, ApiError>(revoked.chain([Change::DeleteClient(id)]).collect())
    };
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

/// The tokens that a deleted client left behind. A client made anew of the same id has newer ones.
fn outlived(issuer: String, id: &ClientId, now: UnixSeconds) -> Revocation {
    Revocation {
        id: RevocationId::random(),
        cuts_off: RevocationDocument {
            issuer: Some(issuer),
            client: Some(id.to_string()),
            issued_before: Some(now + 1),
            until: Some(now + LONGEST_TOKEN),
            ..RevocationDocument::default()
        },
        reason: "the client was deleted".to_owned(),
        created_by: String::new(),
        created_at: now,
    }
}

fn client_id(text: &str) -> Result<ClientId, ApiError> {
    let fault = |error| ApiError::field("INVALID_CLIENT_ID", "clientId", format!("clientId {error}"));
    ClientId::try_from(text).map_err(fault)
}

fn find<'a>(registry: &'a Registry, id: &ClientId) -> Result<&'a Client, ApiError> {
    let missing = || ApiError::not_found("CLIENT_NOT_FOUND", format!("there is no client {id}"));
    registry.clients.get(id).map(|client| &**client).ok_or_else(missing)
}
