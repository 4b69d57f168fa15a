//! What a signature leaves open: the members of a card that are no part of the form it is over.

use serde_json::{Map, Value};

use super::{
    Form,
    model::{CARD, Kind, Message},
};

/// More are not listed: a card may have any number of members that nobody knows.
const LISTED: usize = 64;
/// v0.3 members that the SDK's form has under the name of the v1.0 member that must not be there for it.
const MAPPED: [(&str, &str); 5] = [
    ("url", "supportedInterfaces"),
    ("preferredTransport", "supportedInterfaces"),
    ("protocolVersion", "supportedInterfaces"),
    ("additionalInterfaces", "supportedInterfaces"),
    ("security", "securityRequirements"),
];

/// The members that a signature over `form` says nothing about, by JSON pointer (RFC 6901), in the card's order; 64 at most. A v0.3
/// security scheme's are among them though the SDK's form has them under other names: rather one too many than one too few.
#[must_use]
pub fn uncovered(card: &Value, form: Form) -> Vec<String> {
    let mut found = Vec::new();
    let Some(fields) = card.as_object().filter(|_| form != Form::Whole) else { return found };
    let is_mapped =
        |name: &str| form == Form::Sdk && MAPPED.iter().any(|(old, new)| *old == name && !fields.contains_key(*new));
    let rest = fields.iter().filter(|(name, _)| *name != "signatures" && !is_mapped(name));
    walk("", rest, &CARD, &mut found);
    found.truncate(LISTED);
    found
}

fn walk<'v>(
    path: &str,
    fields: impl Iterator<Item = (&'v String, &'v Value)>,
    message: &Message,
    found: &mut Vec<String>,
) {
    for (name, value) in fields {
        if found.len() >= LISTED {
            return;
        }
        let at = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (message.field(name).map(|field| field.kind), value) {
            (None, _) => found.push(at),
            (Some(Kind::One(inner)), Value::Object(fields)) => walk(&at, fields.iter(), inner, found),
            (Some(Kind::Named(inner)), Value::Object(entries)) => each(&at, named(entries), inner, found),
            (Some(Kind::Many(inner)), Value::Array(items)) => {
                let items = items.iter().enumerate().map(|(index, item)| (index.to_string(), item));
                each(&at, items, inner, found);
            }
            (Some(_), _) => {}
        }
    }
}

fn named(entries: &Map<String, Value>) -> impl Iterator<Item = (String, &Value)> {
    entries.iter().map(|(name, item)| (name.replace('~', "~0").replace('/', "~1"), item))
}

fn each<'v>(path: &str, items: impl Iterator<Item = (String, &'v Value)>, message: &Message, found: &mut Vec<String>) {
    for (name, item) in items {
        if let Value::Object(fields) = item {
            walk(&format!("{path}/{name}"), fields.iter(), message, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{LISTED, uncovered};
    use crate::cards::canonical::Form;

    fn check(card: &Value, form: Form, expect: &[&str]) {
        assert_eq!(uncovered(card, form), expect, "{form:?}");
    }

    #[test]
    fn what_a_narrower_form_leaves_unsigned_is_named() {
        let card = json!({
            "name": "n", "x/vendor": {"any": 1}, "signatures": [{}], "url": "https://a", "supportedInterfaces": [],
            "capabilities": {"streaming": true, "stateTransitionHistory": true, "extensions": [{"params": {"any": 1}}]},
            "skills": [{"id": "a"}, {"id": "b", "security": []}],
            "securitySchemes": {"k": {"type": "apiKey", "apiKeySecurityScheme": {"name": "x", "in": "header"}}},
        });
        let known = [
            "/x~1vendor",
            "/url",
            "/capabilities/stateTransitionHistory",
            "/skills/1/security",
            "/securitySchemes/k/type",
            "/securitySchemes/k/apiKeySecurityScheme/in",
        ];
        check(&card, Form::Whole, &[]);
        check(&card, Form::Known, &known);
        check(&card, Form::Sdk, &known);
    }

    #[test]
    fn the_sdks_form_has_the_interfaces_of_a_card_that_is_v03_alone() {
        let card = json!({"name": "n", "url": "https://a", "additionalInterfaces": [], "security": [], "x": 1});
        check(&card, Form::Known, &["/url", "/additionalInterfaces", "/security", "/x"]);
        check(&card, Form::Sdk, &["/x"]);
    }

    #[test]
    fn no_card_makes_the_list_long() {
        let card: Map<String, Value> = (0..1000).map(|number| (format!("x-{number}"), json!(1))).collect();
        assert_eq!(uncovered(&Value::Object(card), Form::Known).len(), LISTED);
    }
}
