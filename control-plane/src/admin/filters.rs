//! What narrows a listing of agents: `?tag=&capability=&skill=&status=`. Each may come several times, and all must hold. The same
//! words for operators and for callers.

use serde_json::Value;

use super::ApiError;
use crate::domain::{Agent, AgentStatus};

/// Longest value, in bytes.
const MAX_VALUE: usize = 256;

/// What an agent must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filters(Vec<Filter>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Tag(String),
    Capability(String),
    Skill(String),
    Status(AgentStatus),
}

impl Filters {
    /// The parameters.
    pub(crate) const NAMES: [&str; 4] = ["tag", "capability", "skill", "status"];

    /// Reads the query; parameters of other names are others' business.
    ///
    /// # Errors
    /// A value that no agent could have.
    pub(crate) fn read(query: &[(String, String)]) -> Result<Self, ApiError> {
        let mine = query.iter().filter(|(name, _)| Self::NAMES.contains(&name.as_str()));
        mine.map(|(name, value)| Filter::read(name, value)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `agent` has all of it.
    pub(crate) fn hold(&self, agent: &Agent) -> bool {
        self.0.iter().all(|filter| match filter {
            Filter::Tag(tag) => agent.tags.contains(tag) || has_skill_tag(agent, tag),
            Filter::Capability(name) => agent.capabilities.contains(name) || has_card_capability(agent, name),
            Filter::Skill(name) => agent.skills.iter().any(|skill| skill.name == *name) || has_card_skill(agent, name),
            Filter::Status(status) => agent.status == *status,
        })
    }
}

impl Filter {
    fn read(name: &str, value: &str) -> Result<Self, ApiError> {
        let fault = |problem: &str| ApiError::field("INVALID_QUERY", name, format!("{name} {problem}"));
        if value.trim().is_empty() || value.len() > MAX_VALUE {
            return Err(fault("must be a text of 1 to 256 bytes"));
        }
        let text = value.to_owned();
        Ok(match name {
            "tag" => Self::Tag(text),
            "capability" => Self::Capability(text),
            "skill" => Self::Skill(text),
            _ => Self::Status(AgentStatus::try_from(value).map_err(fault)?),
        })
    }
}

fn card_skills(agent: &Agent) -> impl Iterator<Item = &Value> {
    agent.card.document.get("skills").and_then(Value::as_array).into_iter().flatten()
}

fn has_skill_tag(agent: &Agent, tag: &str) -> bool {
    let mut tags = card_skills(agent).filter_map(|skill| skill.get("tags")?.as_array()).flatten();
    tags.any(|found| found.as_str() == Some(tag))
}

/// By its id or its name.
fn has_card_skill(agent: &Agent, name: &str) -> bool {
    let is_called = |skill: &Value, field: &str| skill.get(field).and_then(Value::as_str) == Some(name);
    card_skills(agent).any(|skill| is_called(skill, "id") || is_called(skill, "name"))
}

/// `streaming`, `pushNotifications`, or the URI of an extension.
fn has_card_capability(agent: &Agent, name: &str) -> bool {
    let Some(capabilities) = agent.card.document.get("capabilities") else { return false };
    let extensions = capabilities.get("extensions").and_then(Value::as_array).into_iter().flatten();
    let mut uris = extensions.filter_map(|extension| extension.get("uri")?.as_str());
    capabilities.get(name).and_then(Value::as_bool) == Some(true) || uris.any(|uri| uri == name)
}
