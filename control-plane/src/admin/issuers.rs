//! `/admin/issuers`: external issuers. Their key set is read and judged by the filter's parser before anything is written.

use std::path::PathBuf;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use tollgate_policy::document::ClaimNames;

use super::{
    AdminState, ApiError,
    agents::http_url,
    answer::{Wait, written},
    body::StrictJson,
    check,
    fields::{Faults, Fields},
    paging::Page,
};
use crate::{
    domain::{ExternalIssuer, JwksSource, Registry},
    issuer::JwksError,
    outbound::OutboundError,
    store::Change,
};

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/admin/issuers", get(list).post(put))
        // An issuer is a URL more often than not.
        .route("/admin/issuers/{*issuer}", get(show).put(put_named).delete(remove))
}

async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &[])?;
    let registry = state.store.registry();
    let cut = page.cut(registry.issuers.values(), |issuer| issuer.issuer.as_str());
    let issuers: Vec<Value> = cut.items.into_iter().map(|issuer| view(issuer)).collect();
    let embedded = state.embedded_issuer.as_deref().map(|issuer| json!({"issuer": issuer}));
    Ok(Json(json!({"issuers": issuers, "embedded": embedded, "nextCursor": cut.next})))
}

async fn show(State(state): State<AdminState>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let registry = state.store.registry();
    registry.issuers.get(&name).map(|issuer| Json(view(issuer))).ok_or_else(|| missing(&name))
}

async fn put(state: State<AdminState>, wait: Wait, StrictJson(body): StrictJson) -> Result<Response, ApiError> {
    store(state.0, read(body, None)?, wait).await
}

async fn put_named(
    state: State<AdminState>,
    Path(name): Path<String>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    store(state.0, read(body, Some(name))?, wait).await
}

async fn store(state: AdminState, mut issuer: ExternalIssuer, wait: Wait) -> Result<Response, ApiError> {
    if state.embedded_issuer.as_ref() == Some(&issuer.issuer) {
        let message = "issuer is the embedded issuer's own name";
        return Err(ApiError::field("ISSUER_EXISTS", "issuer", message).with_status(StatusCode::CONFLICT));
    }
    if issuer.source == JwksSource::Inline {
        check::issuer(&issuer)?;
    } else {
        // The rest of the record is judged before anything is fetched for it.
        check::issuer(&ExternalIssuer { jwks: json!({"keys": []}), ..issuer.clone() })?;
        issuer.jwks = state.keys.read_for(&issuer).await.map_err(|error| refuse(&error, &issuer.source))?;
    }
    let answer = view(&issuer);
    let is_new = !state.store.registry().issuers.contains_key(&issuer.issuer);
    let decide = move |registry: &Registry| {
        let same = registry.issuers.get(&issuer.issuer).is_some_and(|before| **before == issuer);
        Ok::<_, ApiError>(if same { Vec::new() } else { vec![Change::PutIssuer(issuer)] })
    };
    let generation = state.store.write(decide).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(written(&state.nodes, status, answer, generation, wait).await)
}

async fn remove(State(state): State<AdminState>, Path(name): Path<String>, wait: Wait) -> Result<Response, ApiError> {
    let body = json!({"status": "deleted", "issuer": name});
    let decide = move |registry: &Registry| {
        if registry.issuers.contains_key(&name) { Ok(vec![Change::DeleteIssuer(name)]) } else { Err(missing(&name)) }
    };
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

fn missing(name: &str) -> ApiError {
    ApiError::not_found("ISSUER_NOT_FOUND", format!("there is no issuer {name}"))
}

fn read(body: Value, of_path: Option<String>) -> Result<ExternalIssuer, ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    if !fields.has("issuer") && of_path.is_none() {
        fields.missing("MISSING_REQUIRED_FIELD", "issuer");
    }
    let of_body = fields.text("issuer");
    if of_body.is_some() && of_path.is_some() && of_body != of_path {
        fields.fault("INVALID_FIELD", "issuer", "must be the one in the path");
    }
    if !fields.has("audiences") {
        fields.missing("MISSING_REQUIRED_FIELD", "audiences");
    }
    let source = take_source(&mut fields);
    let (audiences, algorithms) = (fields.texts("audiences"), fields.texts("algorithms"));
    let claims = fields.object("claims").map(take_claims).unwrap_or_default();
    let scope_prefix = fields.text("scopePrefix");
    fields.end();
    let issuer = of_path.or(of_body).zip(source).map(|(issuer, (source, jwks))| ExternalIssuer {
        issuer,
        audiences,
        algorithms,
        claims,
        scope_prefix,
        source,
        jwks,
        refresh_error: None,
    });
    faults.finish(issuer)
}

/// Where the keys are: exactly one of `jwks`, `jwksUrl`, `jwksFile`.
fn take_source(fields: &mut Fields<'_>) -> Option<(JwksSource, Value)> {
    let mut given = vec!["jwks", "jwksUrl", "jwksFile"];
    given.retain(|name| fields.has(name));
    let unread = json!({"keys": []});
    match given[..] {
        ["jwks"] => Some((JwksSource::Inline, fields.value("jwks")?)),
        ["jwksUrl"] => Some((JwksSource::Url(fields.parsed("jwksUrl", http_url)?), unread)),
        ["jwksFile"] => Some((JwksSource::File(PathBuf::from(fields.text("jwksFile")?)), unread)),
        [] => {
            fields.fault("MISSING_REQUIRED_FIELD", "jwksUrl", "is required (or jwks, or jwksFile)");
            None
        }
        _ => {
            fields.ignore(&given);
            fields.fault("INVALID_FIELD", given[1], "is one too many: give one of jwks, jwksUrl, jwksFile");
            None
        }
    }
}

fn take_claims(mut fields: Fields<'_>) -> ClaimNames {
    let (client, scope) = (fields.texts("client"), fields.texts("scope"));
    fields.end();
    let usual = ClaimNames::default();
    ClaimNames {
        client: if client.is_empty() { usual.client } else { client },
        scope: if scope.is_empty() { usual.scope } else { scope },
    }
}

fn refuse(error: &JwksError, source: &JwksSource) -> ApiError {
    let field = match source {
        JwksSource::Inline => "jwks",
        JwksSource::Url(_) => "jwksUrl",
        JwksSource::File(_) => "jwksFile",
    };
    let (code, status) = match error {
        JwksError::Fetch(OutboundError::NotAllowed { .. } | OutboundError::Scheme) => {
            ("URL_NOT_ALLOWED", StatusCode::BAD_REQUEST)
        }
        JwksError::Fetch(_) => ("JWKS_UNREACHABLE", StatusCode::UNPROCESSABLE_ENTITY),
        JwksError::File(_) => ("JWKS_UNREADABLE", StatusCode::BAD_REQUEST),
        JwksError::Shape | JwksError::Unusable(_) => ("INVALID_JWKS", StatusCode::UNPROCESSABLE_ENTITY),
    };
    ApiError::field(code, field, format!("{field}: {error}")).with_status(status)
}

fn view(issuer: &ExternalIssuer) -> Value {
    let mut view = json!({
        "issuer": issuer.issuer,
        "audiences": issuer.audiences,
        "algorithms": issuer.algorithms,
        "claims": issuer.claims,
        "scopePrefix": issuer.scope_prefix,
        "keyIds": key_ids(&issuer.jwks),
        "lastRefreshError": issuer.refresh_error,
    });
    match &issuer.source {
        JwksSource::Inline => view["jwks"] = issuer.jwks.clone(),
        JwksSource::Url(url) => view["jwksUrl"] = url.as_str().into(),
        JwksSource::File(path) => view["jwksFile"] = path.display().to_string().into(),
    }
    view
}

fn key_ids(jwks: &Value) -> Vec<&str> {
    let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.filter_map(|key| key.get("kid").and_then(Value::as_str)).collect()
}
