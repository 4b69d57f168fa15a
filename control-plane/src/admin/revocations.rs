//! `/admin/revocations`: the kill switch. What is written here is in force on every Envoy as soon as the policy that carries it is.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use tollgate_policy::document::RevocationDocument;

use super::{
    AdminState, ApiError,
    answer::{Wait, written},
    body::StrictJson,
    fields::{Faults, Fields},
    paging::Page,
    time::{parse, rfc3339},
};
use crate::{
    domain::{Registry, Revocation, RevocationId, UnixSeconds},
    gate::Visitor,
    store::Change,
};

/// Longest reason, in bytes.
const MAX_REASON: usize = 500;

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/admin/revocations", get(list).post(create))
        .route("/admin/revocations/{id}", get(show).delete(remove))
}

/// What a request says.
struct Draft {
    cuts_off: RevocationDocument,
    reason: String,
    /// Whether it may cut off whoever asks.
    force: bool,
}

async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &["client", "issuer"])?;
    let wanted = |name: &str| query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
    let (client, issuer) = (wanted("client"), wanted("issuer"));
    let registry = state.store.registry();
    let found = registry.revocations.values().filter(|it| {
        (client.is_none() || it.cuts_off.client.as_deref() == client)
            && (issuer.is_none() || it.cuts_off.issuer.as_deref() == issuer)
    });
    let cut = page.cut(found, |it| it.id.as_str());
    let revocations: Vec<Value> = cut.items.into_iter().map(|it| view(it)).collect();
    Ok(Json(json!({"revocations": revocations, "nextCursor": cut.next})))
}

async fn show(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(view(find(&state.store.registry(), &read_id(&id)?)?)))
}

/// Repeating a request finds the entry it made.
async fn create(
    State(state): State<AdminState>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let now = (state.clock)();
    let Draft { cuts_off, reason, force } = Draft::read(body, now)?;
    if !force && visitor.is_cut_off_by(&cuts_off, now) {
        let message = "this would cut off the client that asks: log in as another, or say \"force\": true";
        return Err(ApiError::new(StatusCode::CONFLICT, "WOULD_REVOKE_YOURSELF", message));
    }
    let created_by = visitor.client().to_owned();
    let made = Revocation { id: RevocationId::random(), cuts_off, reason, created_by, created_at: now };
    let (wanted, offered) = (made.cuts_off.clone(), made.clone());
    let decide = move |registry: &Registry| {
        let put = || Change::PutRevocation(offered);
        Ok::<_, ApiError>(same(registry, &wanted).is_none().then(put).into_iter().collect())
    };
    let generation = state.store.write(decide).await?;
    // Whoever asked first made it; if someone has deleted it again since, this one was.
    let entry = same(&state.store.registry(), &made.cuts_off).cloned().unwrap_or_else(|| Arc::new(made.clone()));
    let status = if entry.id == made.id { StatusCode::CREATED } else { StatusCode::OK };
    Ok(written(&state.nodes, status, view(&entry), generation, wait).await)
}

/// The entry that cuts off exactly these.
fn same<'a>(registry: &'a Registry, cuts_off: &RevocationDocument) -> Option<&'a Arc<Revocation>> {
    registry.revocations.values().find(|it| it.cuts_off == *cuts_off)
}

async fn remove(State(state): State<AdminState>, Path(id): Path<String>, wait: Wait) -> Result<Response, ApiError> {
    let id = read_id(&id)?;
    let body = json!({"status": "deleted", "revocationId": id.as_str()});
    let decide = move |registry: &Registry| find(registry, &id).map(|_| vec![Change::DeleteRevocation(id.clone())]);
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

impl Draft {
    fn read(body: Value, now: UnixSeconds) -> Result<Self, ApiError> {
        let faults = Faults::default();
        let mut fields = faults.body(body);
        let caller = fields.object("caller").map(|mut caller| {
            let named = (caller.required("issuer"), caller.required("client"));
            caller.end();
            named
        });
        for name in ["issuer", "client"] {
            if caller.is_some() && fields.has(name) {
                fields.fault("INVALID_FIELD", name, "is in caller already: give one of them");
            }
        }
        let (of_issuer, of_client) = caller.unwrap_or_default();
        let cuts_off = RevocationDocument {
            issuer: fields.text("issuer").or(of_issuer),
            client: fields.text("client").or(of_client),
            subject: fields.text("subject"),
            token_id: fields.text("tokenId"),
            issued_before: time(&mut fields, "issuedBefore"),
            until: time(&mut fields, "until"),
        };
        let named = [&cuts_off.issuer, &cuts_off.client, &cuts_off.subject, &cuts_off.token_id];
        if named.iter().all(|value| value.is_none()) {
            fields.fault("MISSING_REQUIRED_FIELD", "client", "or issuer, subject, tokenId or caller must be given");
        }
        if cuts_off.until.is_some_and(|until| until <= now) {
            fields.fault("INVALID_FIELD", "until", "has passed already");
        }
        let reason = fields.text("reason").unwrap_or_default();
        if reason.len() > MAX_REASON {
            fields.fault("INVALID_FIELD", "reason", "must not be longer than 500 bytes");
        }
        let force = fields.truth("force").unwrap_or(false);
        fields.end();
        faults.finish(Some(Self { cuts_off, reason, force }))
    }
}

/// A time: RFC 3339, or seconds since the epoch.
fn time(fields: &mut Fields<'_>, name: &str) -> Option<UnixSeconds> {
    let fault = "must be a time such as 2026-01-02T03:04:05Z, or seconds since 1970";
    let value = fields.value(name)?;
    let time = value.as_u64().or_else(|| value.as_str().and_then(parse));
    if time.is_none() {
        fields.fault("INVALID_FIELD", name, fault);
    }
    time
}

fn read_id(text: &str) -> Result<RevocationId, ApiError> {
    let fault = |error| ApiError::field("INVALID_REVOCATION_ID", "revocationId", format!("revocationId {error}"));
    RevocationId::try_from(text).map_err(fault)
}

fn find<'a>(registry: &'a Registry, id: &RevocationId) -> Result<&'a Revocation, ApiError> {
    let missing = || ApiError::not_found("REVOCATION_NOT_FOUND", format!("there is no revocation {id}"));
    registry.revocations.get(id).map(|it| &**it).ok_or_else(missing)
}

fn view(revocation: &Revocation) -> Value {
    let cuts_off = &revocation.cuts_off;
    json!({
        "revocationId": revocation.id.as_str(),
        "issuer": cuts_off.issuer,
        "client": cuts_off.client,
        "subject": cuts_off.subject,
        "tokenId": cuts_off.token_id,
        "issuedBefore": cuts_off.issued_before.map(rfc3339),
        "until": cuts_off.until.map(rfc3339),
        "reason": revocation.reason,
        "createdBy": revocation.created_by,
        "createdAt": rfc3339(revocation.created_at),
    })
}
