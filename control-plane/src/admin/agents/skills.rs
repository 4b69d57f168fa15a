//! `skills` of a registration, bounded: they travel in the agent's card to whoever reads it.

use std::collections::BTreeSet;

use crate::{admin::fields::Fields, domain::Skill};

/// Skills of one record at most.
const MAX_SKILLS: usize = 64;
/// Tools of one skill at most.
const MAX_TOOLS: usize = 64;
/// Longest name of a skill or of a tool, in bytes.
const MAX_NAME: usize = 128;
/// Longest description, in bytes. Instructions are bounded like every text.
const MAX_DESCRIPTION: usize = 1024;
/// All of a record's skills together, in bytes.
const MAX_TOTAL: usize = 64 << 10;

/// Takes the field of a registration.
pub(super) fn take(fields: &mut Fields<'_>) -> Vec<Skill> {
    let listed = fields.objects("skills").unwrap_or_default();
    if listed.len() > MAX_SKILLS {
        fields.fault("INVALID_FIELD", "skills", format!("must not have more than {MAX_SKILLS} items"));
        return Vec::new();
    }
    let (mut skills, mut names) = (Vec::new(), BTreeSet::new());
    for mut skill in listed {
        let name = take_name(&mut skill);
        if !name.is_empty() && !names.insert(name.clone()) {
            skill.fault("INVALID_FIELD", "name", "stands twice: a skill is known by its name");
        }
        skills.push(take_skill(skill, name));
    }
    let total: usize = skills.iter().map(size).sum();
    if total > MAX_TOTAL {
        fields.fault("INVALID_FIELD", "skills", format!("must not be longer than {MAX_TOTAL} bytes together"));
    }
    skills
}

fn take_name(skill: &mut Fields<'_>) -> String {
    let name = skill.required("name").unwrap_or_default();
    if name.len() > MAX_NAME || name.trim() != name || name.chars().any(char::is_control) {
        skill.fault(
            "INVALID_FIELD",
            "name",
            format!("must be at most {MAX_NAME} bytes, without control characters and space around it"),
        );
    }
    name
}

fn take_skill(mut skill: Fields<'_>, name: String) -> Skill {
    let description = skill.text("description").unwrap_or_default();
    if description.len() > MAX_DESCRIPTION {
        skill.fault("INVALID_FIELD", "description", format!("must not be longer than {MAX_DESCRIPTION} bytes"));
    }
    let instructions = skill.text("instructions").unwrap_or_default();
    let tools = skill.each("tools", tool);
    if tools.len() > MAX_TOOLS {
        skill.fault("INVALID_FIELD", "tools", format!("must not have more than {MAX_TOOLS} items"));
    }
    let distinct: BTreeSet<&String> = tools.iter().collect();
    if distinct.len() < tools.len() {
        skill.fault("INVALID_FIELD", "tools", "must not name a tool twice");
    }
    skill.end();
    Skill { name, description, instructions, tools }
}

/// What MCP servers and function calls name tools with, and a server's name before it.
fn tool(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    if text.len() <= MAX_NAME && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 128 of letters, digits, _ - . / and :")
    }
}

fn size(skill: &Skill) -> usize {
    let tools: usize = skill.tools.iter().map(String::len).sum();
    skill.name.len() + skill.description.len() + skill.instructions.len() + tools
}
