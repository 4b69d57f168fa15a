//! The translation's settings from the registry: which agents speak what, whose tasks are kept apart, and the keys that do it.

use tollgate_a2a::settings::{KeyDocument, SettingsDocument, TranslatedAgent, VERSION};
use tollgate_policy::document::TaskIsolation;

use super::document::is_active;
use crate::{
    config::Config,
    domain::{Agent, Registry, Translation},
};

/// Renders the registry. An agent whose card offers nothing over HTTP has nothing to translate.
#[must_use]
pub fn translation_document(registry: &Registry, config: &Config) -> SettingsDocument {
    let active = registry.agents.values().filter(|agent| is_active(agent));
    let keys = registry.task_keys_by_age().into_iter();
    SettingsDocument {
        version: VERSION,
        max_body_bytes: config.gateway.max_body_bytes,
        keys: keys.map(|key| KeyDocument { id: key.id.to_string(), secret: key.secret.expose().to_owned() }).collect(),
        agents: active.filter(|agent| is_taken_apart(agent)).map(|agent| entry(agent)).collect(),
    }
}

/// Whether any of the agent's requests may come to the translation.
pub(super) fn is_taken_apart(agent: &Agent) -> bool {
    let settings = &agent.a2a;
    let is_needed = settings.translation == Translation::Auto || settings.task_isolation == TaskIsolation::Caller;
    is_needed && !agent.card.paths.dialects.is_empty()
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
