//! `/admin/task-keys`: what seals the ids of tasks towards callers, where an agent keeps its callers' tasks apart. Servers that share
//! a fleet share the keys: one makes it, the others are given it.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{delete, get},
};
use serde_json::{Value, json};

use super::{
    AdminState, ApiError,
    answer::{Wait, written},
    body::StrictJson,
    fields::Faults,
    time::rfc3339,
};
use crate::{
    domain::{Registry, SecretText, TaskKey, TaskKeyId, UnixSeconds},
    store::Change,
};

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route("/admin/task-keys", get(list).post(create)).route("/admin/task-keys/{id}", delete(remove))
}

async fn list(State(state): State<AdminState>) -> Json<Value> {
    let registry = state.store.registry();
    let keys = registry.task_keys_by_age();
    let views: Vec<Value> = keys.iter().enumerate().map(|(index, key)| view(key, index == 0)).collect();
    Json(json!({ "taskKeys": views }))
}

/// A new key seals from now on; the others go on to open. One that is given again is the newest again.
async fn create(
    State(state): State<AdminState>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let given = read(body)?;
    let now = (state.clock)();
    let key = match given {
        None => TaskKey::random(now),
        Some(secret) => TaskKey::new(secret, now).map_err(|error| {
            let faults = Faults::default();
            faults.push("INVALID_FIELD", "secret".to_owned(), error.to_string());
            faults.refuse()
        })?,
    };
    let answer = view(&key, true);
    let decide = move |registry: &Registry| {
        let newest = registry.task_keys_by_age().first().map_or(0, |newest| newest.created_at);
        let created_at: UnixSeconds = key.created_at.max(newest.saturating_add(1));
        Ok::<_, ApiError>(vec![Change::PutTaskKey(TaskKey { created_at, ..key })])
    };
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::CREATED, answer, generation, wait).await)
}

async fn remove(State(state): State<AdminState>, Path(id): Path<String>, wait: Wait) -> Result<Response, ApiError> {
    let not_found = || ApiError::not_found("TASK_KEY_NOT_FOUND", "there is no such task key");
    let id = TaskKeyId::try_from(id.as_str()).map_err(|_| not_found())?;
    let body = json!({"status": "deleted", "taskKeyId": id.as_str()});
    let decide = move |registry: &Registry| {
        if !registry.task_keys.contains_key(&id) {
            return Err(not_found());
        }
        if registry.task_keys.len() == 1 {
            let message = "it is the only one, and without it nobody reaches a task: make another first";
            return Err(ApiError::new(StatusCode::CONFLICT, "LAST_TASK_KEY", message));
        }
        Ok(vec![Change::DeleteTaskKey(id)])
    };
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::OK, body, generation, wait).await)
}

fn read(body: Value) -> Result<Option<SecretText>, ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    let secret = fields.text("secret").map(SecretText::new);
    fields.end();
    faults.finish(Some(secret))
}

/// Without the secret, which no answer has.
fn view(key: &TaskKey, seals: bool) -> Value {
    json!({"taskKeyId": key.id.as_str(), "seals": seals, "createdAt": rfc3339(key.created_at)})
}
