//! A v0.3 card as `a2a-sdk` 1.3.0 reads it: its members under their v1.0 names, where those are not there already
//! (`a2a.client.card_resolver.parse_agent_card`). Only for the form that SDK signs.

use serde_json::{Map, Value, json};

/// v0.3's `type` of a security scheme, and v1.0's member of that kind.
const SCHEMES: [(&str, &str); 5] = [
    ("apiKey", "apiKeySecurityScheme"),
    ("http", "httpAuthSecurityScheme"),
    ("oauth2", "oauth2SecurityScheme"),
    ("openIdConnect", "openIdConnectSecurityScheme"),
    ("mutualTLS", "mtlsSecurityScheme"),
];

/// Rewrites the members. Total on any JSON: what has not the expected shape stays.
pub(super) fn upgrade(card: &mut Map<String, Value>) {
    upgrade_extended(card);
    upgrade_interfaces(card);
    upgrade_requirements(card);
    for skill in card.get_mut("skills").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(skill) = skill.as_object_mut() {
            upgrade_requirements(skill);
        }
    }
    let schemes = card.get_mut("securitySchemes").and_then(Value::as_object_mut);
    schemes.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut).for_each(upgrade_scheme);
}

fn upgrade_extended(card: &mut Map<String, Value>) {
    if card.shift_remove("supportsAuthenticatedExtendedCard") != Some(Value::Bool(true)) {
        return;
    }
    let capabilities = card.entry("capabilities").or_insert_with(|| json!({}));
    if let Some(capabilities) = capabilities.as_object_mut() {
        capabilities.entry("extendedAgentCard").or_insert(Value::Bool(true));
    }
}

fn upgrade_interfaces(card: &mut Map<String, Value>) {
    let url = card.shift_remove("url").filter(|url| url.as_str().is_some_and(|url| !url.is_empty()));
    let transport = card.shift_remove("preferredTransport").unwrap_or_else(|| "JSONRPC".into());
    let version = card.shift_remove("protocolVersion").unwrap_or_else(|| "0.3.0".into());
    let additional = card.shift_remove("additionalInterfaces");
    let Some(url) = url.filter(|_| !card.contains_key("supportedInterfaces")) else { return };
    let entry =
        |url: &Value, binding: &Value| json!({"url": url, "protocolBinding": binding, "protocolVersion": version});
    let mut interfaces = vec![entry(&url, &transport)];
    for interface in additional.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let member = |name: &str| interface.get(name).cloned().unwrap_or_default();
        interfaces.push(entry(&member("url"), &member("transport")));
    }
    card.insert("supportedInterfaces".to_owned(), Value::Array(interfaces));
}

/// `security` of a card or a skill.
fn upgrade_requirements(of: &mut Map<String, Value>) {
    let Some(Value::Array(listed)) = of.shift_remove("security") else { return };
    if of.contains_key("securityRequirements") {
        return;
    }
    let requirement = |schemes: &Value| {
        let schemes = schemes.as_object().into_iter().flatten();
        let schemes: Map<String, Value> =
            schemes.map(|(name, scopes)| (name.clone(), json!({"list": scopes}))).collect();
        json!({"schemes": schemes})
    };
    of.insert("securityRequirements".to_owned(), listed.iter().map(requirement).collect());
}

fn upgrade_scheme(scheme: &mut Map<String, Value>) {
    let Some(kind) = scheme.shift_remove("type") else { return };
    let Some((_, name)) = SCHEMES.iter().find(|(old, _)| kind.as_str() == Some(old)) else { return };
    if kind == "apiKey"
        && let Some(place) = scheme.shift_remove("in")
    {
        scheme.insert("location".to_owned(), place);
    }
    let inner = std::mem::take(scheme);
    scheme.insert((*name).to_owned(), Value::Object(inner));
}
