//! The translation's settings from the registry: the keys that keep callers' tasks apart. What it must know of an agent, the filter tells
//! it with each request.

use tollgate_a2a::settings::{KeyDocument, SettingsDocument, VERSION};

use crate::{config::Config, domain::Registry};

/// Renders the registry.
#[must_use]
pub fn translation_document(registry: &Registry, config: &Config) -> SettingsDocument {
    let keys = registry.task_keys_by_age().into_iter();
    SettingsDocument {
        version: VERSION,
        max_body_bytes: config.gateway.max_body_bytes,
        keys: keys.map(|key| KeyDocument { id: key.id.to_string(), secret: key.secret.expose().to_owned() }).collect(),
    }
}
