//! A skill as stored: in an agent's record, and in the versions of its card.

use serde::{Deserialize, Serialize};

use crate::domain::Skill;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSkill {
    name: String,
    description: String,
    instructions: String,
    tools: Vec<String>,
}

impl From<&Skill> for StoredSkill {
    fn from(skill: &Skill) -> Self {
        let Skill { name, description, instructions, tools } = skill.clone();
        Self { name, description, instructions, tools }
    }
}

impl From<StoredSkill> for Skill {
    fn from(stored: StoredSkill) -> Self {
        let StoredSkill { name, description, instructions, tools } = stored;
        Self { name, description, instructions, tools }
    }
}
