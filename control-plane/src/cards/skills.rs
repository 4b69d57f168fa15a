//! The skills of an agent's record in its card, as an extension (A2A v1.0 section 4.6, v0.3 section 5.5.2.1: an `AgentExtension`
//! with `uri`, `description`, `required` and `params`). Clients that do not know it lose nothing.

use serde_json::{Map, Value, json};

use crate::domain::Skill;

/// Names the extension: `params.skills` is a list of `name`, `description`, `instructions` and `tools`.
pub const SKILLS_EXTENSION: &str = "urn:tollgate:a2a:skills:v1";

/// Adds the skills to a card, in place of what the agent itself may say under this extension. Without skills, and where the card's
/// capabilities are none, the card stays as it is.
pub fn add_skills(card: &mut Map<String, Value>, skills: &[Skill]) {
    if skills.is_empty() {
        return;
    }
    let capabilities = card.entry("capabilities").or_insert_with(|| json!({}));
    let Some(capabilities) = capabilities.as_object_mut() else { return };
    let listed = capabilities.entry("extensions").or_insert_with(|| json!([]));
    let Some(listed) = listed.as_array_mut() else { return };
    listed.retain(|extension| extension.get("uri").and_then(Value::as_str) != Some(SKILLS_EXTENSION));
    listed.push(extension(skills));
}

fn extension(skills: &[Skill]) -> Value {
    let skills: Vec<Value> = skills
        .iter()
        .map(|skill| {
            json!({
                "name": skill.name,
                "description": skill.description,
                "instructions": skill.instructions,
                "tools": skill.tools,
            })
        })
        .collect();
    json!({
        "uri": SKILLS_EXTENSION,
        "description": "Skills that the agent's operator describes: what each is for, how to use it, and the tools it needs.",
        "required": false,
        "params": {"skills": skills},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(card: Value, expect: &Value) {
        let skill = Skill {
            name: "forecast".to_owned(),
            description: "Tomorrow's weather".to_owned(),
            instructions: String::new(),
            tools: vec!["weather.get".to_owned()],
        };
        let mut fields = card.as_object().unwrap().clone();
        add_skills(&mut fields, &[skill]);
        assert_eq!(&fields["capabilities"], expect, "{card}");
        let mut untouched = card.as_object().unwrap().clone();
        add_skills(&mut untouched, &[]);
        assert_eq!(Value::Object(untouched), card, "there is nothing to add");
    }

    #[test]
    fn skills_are_an_extension_beside_the_agents_own() {
        let description =
            "Skills that the agent's operator describes: what each is for, how to use it, and the tools it needs.";
        let skills = json!([{
            "name": "forecast", "description": "Tomorrow's weather", "instructions": "", "tools": ["weather.get"],
        }]);
        let ours = json!({"uri": SKILLS_EXTENSION, "description": description, "required": false, "params": {"skills": skills}});
        check(json!({}), &json!({"extensions": [ours]}));
        let other = json!({"uri": "urn:other"});
        check(
            json!({"capabilities": {"streaming": true, "extensions": [{"uri": SKILLS_EXTENSION}, other]}}),
            &json!({"streaming": true, "extensions": [other, ours]}),
        );
    }

    #[test]
    fn an_odd_card_stays_odd() {
        for capabilities in [json!(5), json!(null), json!([]), json!({"extensions": 5})] {
            check(json!({"capabilities": capabilities}), &capabilities);
        }
    }
}
