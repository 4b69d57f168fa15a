//! `/admin/agents/{id}/card/…`: the versions of a card, what changed between two of them, and the document as the agent gave it.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{agent_id, card_signatures, find};
use crate::{
    admin::{AdminState, ApiError, time::rfc3339},
    cards::{Change, add_skills, difference},
    domain::{Agent, CardVersion},
    strict_json,
};

type Pairs = Query<Vec<(String, String)>>;

/// `GET /admin/agents/{id}/card/versions`: the newest first.
pub(super) async fn list(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let registry = state.store.registry();
    let agent = find(&registry, &agent_id(&id)?)?;
    let versions: Vec<Value> = agent.card_versions().iter().rev().map(view).collect();
    Ok(Json(json!({"agentId": agent.id, "current": agent.card.version, "versions": versions})))
}

/// `GET /admin/agents/{id}/card/original?version=`: byte for byte as fetched; the current version unless another is asked for.
pub(super) async fn original(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    Query(query): Pairs,
) -> Result<Response, ApiError> {
    let registry = state.store.registry();
    let agent = find(&registry, &agent_id(&id)?)?;
    let [number] = numbers(&query, ["version"])?;
    let version = pick(agent, "version", number.unwrap_or(agent.card.version))?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], version.text.to_string()).into_response())
}

/// `GET /admin/agents/{id}/card/diff?from=&to=`: between the version before the current one and the current one, unless others are
/// asked for.
pub(super) async fn diff(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    Query(query): Pairs,
) -> Result<Json<Value>, ApiError> {
    let registry = state.store.registry();
    let agent = find(&registry, &agent_id(&id)?)?;
    let [from, to] = numbers(&query, ["from", "to"])?;
    let to = pick(agent, "to", to.unwrap_or(agent.card.version))?;
    let oldest = agent.card_versions().first().map_or(to.number, |version| version.number);
    let from = pick(agent, "from", from.unwrap_or(to.number.saturating_sub(1).max(oldest)))?;
    let changes: Vec<Value> = difference(&document(&from)?, &document(&to)?).into_iter().map(change).collect();
    Ok(Json(json!({"agentId": agent.id, "from": from.number, "to": to.number, "changes": changes})))
}

fn view(version: &CardVersion) -> Value {
    let hash: String = Sha256::digest(version.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "version": version.number,
        "fetchedAt": rfc3339(version.fetched_at),
        "etag": version.etag,
        "sha256": hash,
        "signature": card_signatures::outcome(&version.signature),
        "skills": version.skills.iter().map(|skill| &skill.name).collect::<Vec<_>>(),
    })
}

fn change(change: Change) -> Value {
    let mut view = json!({"pointer": change.pointer, "kind": change.kind.as_str()});
    for (name, value) in [("before", change.before), ("after", change.after)] {
        if let Some(value) = value {
            view[name] = value;
        }
    }
    view
}

/// The query's numbers by name; anything else in it is refused.
fn numbers<const N: usize>(query: &[(String, String)], names: [&str; N]) -> Result<[Option<u64>; N], ApiError> {
    let mut found = [None; N];
    for (name, text) in query {
        let place = names.iter().position(|known| known == name);
        let unknown = || ApiError::field("INVALID_QUERY", name, format!("{name} is unknown"));
        let number = text.parse().ok().filter(|number| *number > 0);
        let wrong = || ApiError::field("INVALID_QUERY", name, format!("{name} must be the number of a version"));
        found[place.ok_or_else(unknown)?] = Some(number.ok_or_else(wrong)?);
    }
    Ok(found)
}

fn pick(agent: &Agent, field: &str, number: u64) -> Result<CardVersion, ApiError> {
    let versions = agent.card_versions();
    let kept: Vec<String> = versions.iter().map(|version| version.number.to_string()).collect();
    let missing = || {
        let message = format!("there is no card version {number} of {}: there are {}", agent.id, kept.join(", "));
        ApiError::not_found("CARD_VERSION_NOT_FOUND", message).detail("field", field)
    };
    versions.iter().find(|version| version.number == number).cloned().ok_or_else(missing)
}

/// What the version says: the agent's document with the skills that the record added to it.
fn document(version: &CardVersion) -> Result<Value, ApiError> {
    let unreadable = |_| ApiError::not_found("CARD_VERSION_NOT_FOUND", "the version's document cannot be read");
    let mut document = strict_json::parse(version.text.as_bytes()).map_err(unreadable)?;
    if let Value::Object(fields) = &mut document {
        add_skills(fields, &version.skills);
    }
    Ok(document)
}
