//! An agent in the form that a registration takes: what was said of it, nothing that was found out since. What is at its default is left
//! out, and so is a secret; where a secret is kept elsewhere, the reference stands for it.

use std::num::NonZeroU32;

use serde_json::{Map, Value, json};

use super::{credentials::secret_of, view};
use crate::domain::{Agent, Backend, BackendAuth, Secret};

/// The fields of a registration, in the order in which they are written.
pub(in crate::admin) const FIELDS: [&str; 21] = [
    "agentId",
    "name",
    "description",
    "backendUrl",
    "backends",
    "agentCardUrl",
    "authConfig",
    "cardSignatures",
    "capabilities",
    "tags",
    "skills",
    "healthEndpoint",
    "heartbeat",
    "timeouts",
    "circuitBreaker",
    "maxConcurrent",
    "translation",
    "taskIsolation",
    "webhooks",
    "grpcUrl",
    "identityHeaders",
];

/// The record. Its status is there unless it is active: an applied file that does not speak of it leaves it as it is.
pub(in crate::admin) fn record(agent: &Agent) -> Map<String, Value> {
    let mut shown = view::described(agent);
    let of_card = |field: &str| agent.card.document.get(field).and_then(Value::as_str).unwrap_or_default();
    if agent.name == of_card("name") {
        shown.shift_remove("name");
    }
    if agent.description == of_card("description") {
        shown.shift_remove("description");
    }
    if let [Backend { url, priority: 0, weight: NonZeroU32::MIN }] = &agent.backends[..] {
        shown.shift_remove("backends");
        shown.insert("backendUrl".into(), url.url().as_str().into());
    }
    if let Some((field, reference)) = reference(&agent.auth) {
        shown["authConfig"][field] = reference.into();
    }
    let mut record: Map<String, Value> = FIELDS
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), said(field, shown.shift_remove(field)?)?)))
        .collect();
    if !agent.is_active() {
        record.insert("status".into(), agent.status.as_str().into());
    }
    record
}

/// The field of `authConfig` whose secret is here and not written.
pub(in crate::admin) fn withheld(auth: &BackendAuth) -> Option<&'static str> {
    secret_of(auth).filter(|(_, secret)| matches!(secret, Secret::Inline(_))).map(|(field, _)| field)
}

fn reference(auth: &BackendAuth) -> Option<(&'static str, String)> {
    let (field, secret) = secret_of(auth)?;
    let field = field.trim_start_matches("authConfig.");
    match secret {
        Secret::Inline(_) => None,
        Secret::Env(name) => Some((field, format!("env:{name}"))),
        Secret::File(path) => Some((field, format!("file:{}", path.display()))),
    }
}

/// A field's value without what it has by default; `None`: nothing is left.
fn said(field: &str, value: Value) -> Option<Value> {
    let value = without_defaults(value)?;
    let default = match field {
        "authConfig" => json!({"type": "none"}),
        "cardSignatures" => json!({"policy": crate::domain::SignaturePolicy::default().as_str()}),
        "translation" => "auto".into(),
        "taskIsolation" => "none".into(),
        "webhooks" => json!({"mode": "checked"}),
        _ => Value::Null,
    };
    (value != default).then_some(value)
}

/// Null, false, and what is empty say nothing. Key sets are others' documents, and stay as they are.
pub(in crate::admin) fn without_defaults(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(items) => {
            let items: Vec<Value> = items.into_iter().map(|item| without_defaults(item).unwrap_or_default()).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(fields) => {
            let said = fields.into_iter().filter_map(|(name, value)| {
                let value = if name == "jwks" { Some(value) } else { without_defaults(value) };
                Some((name, value?))
            });
            let said: Map<String, Value> = said.collect();
            (!said.is_empty()).then_some(Value::Object(said))
        }
        value => Some(value),
    }
}
