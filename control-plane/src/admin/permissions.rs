//! `/admin/permissions`: rows that say what a scope grants. What a row may say is the filter's to judge, by its own parser.

use std::num::NonZeroU32;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde_json::{Map, Value, json};
use tollgate_policy::document::{LimitDocument, OperationClass, OperationLimitsDocument};

use super::{
    AdminState, ApiError,
    agents::record::without_defaults,
    answer::{Wait, written},
    body::StrictJson,
    check,
    fields::{Faults, Fields},
    paging::Page,
};
use crate::{
    domain::{Permission, Registry, Scope},
    store::Change,
};

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/admin/permissions", get(list))
        // A scope may have slashes in it.
        .route("/admin/permissions/{*scope}", get(show).put(put).delete(remove))
}

async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &[])?;
    let registry = state.store.registry();
    let cut = page.cut(registry.permissions.values(), |row| row.scope.as_str());
    let rows: Vec<Value> = cut.items.into_iter().map(|row| view(row)).collect();
    Ok(Json(json!({"permissions": rows, "nextCursor": cut.next})))
}

async fn show(State(state): State<AdminState>, Path(scope): Path<String>) -> Result<Json<Value>, ApiError> {
    let scope = read_scope(&scope)?;
    let registry = state.store.registry();
    registry.permissions.get(&scope).map(|row| Json(view(row))).ok_or_else(|| missing(&scope))
}

async fn put(
    State(state): State<AdminState>,
    Path(scope): Path<String>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let row = read(body, read_scope(&scope)?)?;
    check::permission(&row)?;
    let answer = view(&row);
    let is_new = !state.store.registry().permissions.contains_key(&row.scope);
    let decide = move |registry: &Registry| {
        let before = registry.permissions.get(&row.scope);
        let row = Permission { managed_by: before.and_then(|before| before.managed_by.clone()), ..row };
        let same = before.is_some_and(|before| **before == row);
        Ok::<_, ApiError>(if same { Vec::new() } else { vec![Change::PutPermission(row)] })
    };
    let generation = state.store.write(decide).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(written(&state.nodes, status, answer, generation, wait).await)
}

async fn remove(State(state): State<AdminState>, Path(scope): Path<String>, wait: Wait) -> Result<Response, ApiError> {
    let scope = read_scope(&scope)?;
    let body = json!({"status": "deleted", "scope": scope});
    let decide = move |registry: &Registry| {
        if registry.permissions.contains_key(&scope) {
            Ok(vec![Change::DeletePermission(scope)])
        } else {
            Err(missing(&scope))
        }
    };
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

fn read_scope(text: &str) -> Result<Scope, ApiError> {
    Scope::try_from(text).map_err(|error| ApiError::field("INVALID_SCOPE", "scope", format!("scope {error}")))
}

fn missing(scope: &Scope) -> ApiError {
    ApiError::not_found("PERMISSION_NOT_FOUND", format!("there is no permission row for {scope}"))
}

/// Reads a row.
fn read(body: Value, scope: Scope) -> Result<Permission, ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    if fields.parsed("scope", |text| Scope::try_from(text)).is_some_and(|of_body| of_body != scope) {
        fields.fault("INVALID_FIELD", "scope", "must be the one in the path");
    }
    let row = take(&mut fields, Some(scope));
    fields.end();
    faults.finish(row)
}

/// The scope of a row that names it itself.
pub(super) fn take_scope(fields: &mut Fields<'_>) -> Option<Scope> {
    if !fields.has("scope") {
        fields.missing("MISSING_REQUIRED_FIELD", "scope");
    }
    fields.parsed("scope", |text| Scope::try_from(text))
}

/// The rest of a row. `allowedAgents` is the AWS sample's name for `agents`.
pub(super) fn take(fields: &mut Fields<'_>, scope: Option<Scope>) -> Option<Permission> {
    let name = if fields.has("allowedAgents") && !fields.has("agents") { "allowedAgents" } else { "agents" };
    if !fields.has(name) {
        fields.missing("MISSING_REQUIRED_FIELD", "agents");
    }
    let agents = fields.texts(name);
    let operations = fields.each("operations", operation);
    let limit = fields.object("limit").map(read_limit);
    let operation_limits = fields.object("operationLimits").map(read_operation_limits).unwrap_or_default();
    let max_concurrent = fields.number("maxConcurrent", 1..=u32::MAX).and_then(NonZeroU32::new);
    Some(Permission { scope: scope?, agents, operations, limit, operation_limits, max_concurrent, managed_by: None })
}

fn operation(text: &str) -> Result<OperationClass, &'static str> {
    match text {
        "read" => Ok(OperationClass::Read),
        "write" => Ok(OperationClass::Write),
        "push" => Ok(OperationClass::Push),
        _ => Err("must be read, write or push"),
    }
}

fn read_limit(mut fields: Fields<'_>) -> LimitDocument {
    let requests_per_minute = fields.number("requestsPerMinute", 1..=u32::MAX);
    let burst = fields.number("burst", 1..=u32::MAX);
    let unlimited = fields.truth("unlimited").unwrap_or(false);
    fields.end();
    LimitDocument { requests_per_minute, burst, unlimited }
}

fn read_operation_limits(mut fields: Fields<'_>) -> OperationLimitsDocument {
    let limits = OperationLimitsDocument {
        read: fields.object("read").map(read_limit),
        write: fields.object("write").map(read_limit),
        push: fields.object("push").map(read_limit),
    };
    fields.end();
    limits
}

fn view(row: &Permission) -> Value {
    let defaults = [OperationClass::Read, OperationClass::Write];
    let operations = if row.operations.is_empty() { &defaults[..] } else { &row.operations };
    json!({
        "scope": row.scope,
        "agents": row.agents,
        "operations": operations,
        "limit": row.limit,
        "operationLimits": row.operation_limits,
        "maxConcurrent": row.max_concurrent,
    })
}

/// A row in the form that apply takes; what is at its default is left out.
pub(super) fn record(row: &Permission) -> Map<String, Value> {
    let Value::Object(mut shown) = view(row) else { return Map::new() };
    shown.insert("operations".into(), json!(row.operations));
    let said = shown.into_iter().filter_map(|(name, value)| {
        // Agents are said even where there are none.
        let value = if name == "agents" { value } else { without_defaults(value)? };
        Some((name, value))
    });
    said.collect()
}
