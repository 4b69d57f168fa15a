//! What a change changes, field by field. Of a secret it says that it is another one, and no more.

use serde_json::{Map, Value, json};

use crate::{
    admin::{
        agents::{credentials::secret_of, record::record},
        permissions,
    },
    domain::{Agent, Permission},
};

/// What changes of an agent.
pub(super) fn agents(before: Option<&Agent>, after: &Agent) -> Vec<Value> {
    let (mut old, mut new) = (before.map(record).unwrap_or_default(), record(after));
    let is_other_secret = secret(after).is_some() && before.and_then(secret) != secret(after);
    let mut found = Vec::new();
    if let Some((field, _)) = secret(after).filter(|_| is_other_secret) {
        found.push(json!({"field": field, "secret": "changed"}));
        for record in [&mut old, &mut new] {
            if let Some(Value::Object(auth)) = record.get_mut("authConfig") {
                auth.shift_remove(field.trim_start_matches("authConfig."));
            }
        }
    }
    compare(&Value::Object(old), &Value::Object(new), "", &mut found);
    if let Some(before) = before.filter(|before| before.card.document != after.card.document) {
        let version = |agent: &Agent| format!("version {}", agent.card.version);
        found.push(json!({"field": "agentCard", "before": version(before), "after": version(after)}));
    }
    if let Some(before) = before.filter(|before| before.sync_error != after.sync_error) {
        found.push(json!({"field": "lastSyncError", "before": before.sync_error, "after": after.sync_error}));
    }
    found
}

/// What changes of a permission row.
pub(super) fn permissions(before: Option<&Permission>, after: &Permission) -> Vec<Value> {
    let mut found = Vec::new();
    let old = before.map(permissions::record).unwrap_or_default();
    compare(&Value::Object(old), &Value::Object(permissions::record(after)), "", &mut found);
    found
}

fn secret(agent: &Agent) -> Option<(&'static str, &crate::domain::Secret)> {
    secret_of(&agent.auth)
}

fn compare(before: &Value, after: &Value, path: &str, found: &mut Vec<Value>) {
    let nothing = Map::new();
    let fields = |value: &'_ Value| value.as_object().cloned();
    match (fields(before), fields(after)) {
        (None, None) if before == after => {}
        (None, None) => found.push(json!({"field": path, "before": before, "after": after})),
        (old, new) => {
            let (old, new) = (old.unwrap_or_else(|| nothing.clone()), new.unwrap_or(nothing));
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            for name in new.keys().chain(gone) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let of = |side: &Map<String, Value>| side.get(name).cloned().unwrap_or_default();
                compare(&of(&old), &of(&new), &path, found);
            }
        }
    }
}
