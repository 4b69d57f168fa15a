//! The translation's settings from the registry: which agents speak what, whose tasks are kept apart, and the keys that do it.

use tollgate_a2a::settings::{KeyDocument, SettingsDocument, TranslatedAgent, VERSION};

use crate::{
    config::Config,
    domain::{Agent, Registry, Translation},
};

/// Renders the registry.
#[must_use]
pub fn translation_document(registry: &Registry, config: &Config) -> SettingsDocument {
    let active = registry.agents.values().filter(|agent| agent.is_active());
    let keys = registry.task_keys_by_age().into_iter();
    SettingsDocument {
        version: VERSION,
        max_body_bytes: config.gateway.max_body_bytes,
        keys: keys.map(|key| KeyDocument { id: key.id.to_string(), secret: key.secret.expose().to_owned() }).collect(),
        agents: active.filter(|agent| agent.needs_translation()).map(|agent| entry(agent)).collect(),
    }
}

fn entry(agent: &Agent) -> TranslatedAgent {
    let paths = &agent.card.paths;
    TranslatedAgent {
        id: agent.id.to_string(),
        speaks: paths.dialects.clone(),
        rpc: paths.rpc.clone().filter(|path| path != "/"),
        rest: paths.rest.clone().filter(|path| !path.is_empty()),
        as_it_is: agent.a2a.translation == Translation::Off,
        task_isolation: agent.a2a.task_isolation,
    }
}
