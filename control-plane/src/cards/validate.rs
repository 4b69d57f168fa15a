//! Whether a document is a card: the fields that A2A v1.0 and v0.3 require, and the types of those the gateway reads. A card
//! may be both at once (`a2a-sdk` 1.3.0 writes such hybrids); then both halves must hold. Fields nobody here knows pass.

use serde_json::Value;
use url::Url;

use super::{
    Binding,
    at::{At, ObjectAt},
};

/// What is wrong with a card, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} {problem}")]
pub struct CardFault {
    /// JSON path in the card, such as `skills[0].tags`; `$` is the card itself.
    pub path: String,
    /// What is wrong; no text of the card is in it.
    pub problem: &'static str,
}

/// Longest URL of an interface, in bytes.
const MAX_URL: usize = 2048;

/// Checks a card.
///
/// # Errors
/// The first fault, by its JSON path.
pub fn validate(card: &Value) -> Result<(), CardFault> {
    let card = At::root(card).object()?;
    for field in ["name", "description", "version"] {
        card.required(field)?.text()?;
    }
    check_capabilities(&card.required("capabilities")?.object()?)?;
    for field in ["defaultInputModes", "defaultOutputModes"] {
        card.required(field)?.texts()?;
    }
    for skill in card.required("skills")?.items()? {
        check_skill(&skill.object()?)?;
    }
    for field in ["documentationUrl", "iconUrl", "protocolVersion", "preferredTransport"] {
        card.if_present(field, |value| value.text())?;
    }
    card.if_present("securitySchemes", At::object)?;
    card.if_present("provider", At::object)?;
    check_interfaces(&card)
}

fn check_capabilities(capabilities: &ObjectAt<'_>) -> Result<(), CardFault> {
    for field in ["streaming", "pushNotifications", "stateTransitionHistory", "extendedAgentCard"] {
        capabilities.if_present(field, |value| value.truth())?;
    }
    capabilities.if_present("extensions", |extensions| {
        extensions.items()?.into_iter().try_for_each(|extension| extension.object()?.required("uri")?.text().map(drop))
    })
}

fn check_skill(skill: &ObjectAt<'_>) -> Result<(), CardFault> {
    for field in ["id", "name", "description"] {
        skill.required(field)?.text()?;
    }
    skill.required("tags")?.texts()?;
    for field in ["examples", "inputModes", "outputModes"] {
        skill.if_present(field, |value| value.texts())?;
    }
    Ok(())
}

fn check_interfaces(card: &ObjectAt<'_>) -> Result<(), CardFault> {
    let (modern, main) = (card.optional("supportedInterfaces"), card.optional("url"));
    if modern.is_none() && main.is_none() {
        let problem = "is missing: a v1.0 card has supportedInterfaces, a v0.3 card has url";
        return Err(card.fault("supportedInterfaces", problem));
    }
    for interface in modern.map_or(Ok(Vec::new()), |list| list.items())? {
        let interface = interface.object()?;
        interface.required("protocolVersion")?.text()?;
        interface.if_present("tenant", |tenant| tenant.text())?;
        check_url(&interface, "protocolBinding")?;
    }
    if let Some(url) = main {
        let transport = card.optional("preferredTransport").map_or(Ok("JSONRPC"), |value| value.text())?;
        check_place(&url, Binding::named(transport))?;
    }
    for interface in card.optional("additionalInterfaces").map_or(Ok(Vec::new()), |list| list.items())? {
        check_url(&interface.object()?, "transport")?;
    }
    Ok(())
}

fn check_url(interface: &ObjectAt<'_>, binding: &str) -> Result<(), CardFault> {
    let binding = Binding::named(interface.required(binding)?.text()?);
    check_place(&interface.required("url")?, binding)
}

/// URLs of bindings that the gateway carries must say where to go; those of others only have to be text.
fn check_place(url: &At<'_>, binding: Binding) -> Result<(), CardFault> {
    let text = url.text()?;
    if matches!(binding, Binding::Grpc | Binding::NotCarried) {
        return Ok(());
    }
    if text.len() > MAX_URL {
        return Err(url.fault("is longer than 2048 bytes"));
    }
    let parsed = Url::parse(text).map_err(|_| url.fault("is not an absolute URL"))?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return Err(url.fault("is not an http or https URL"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(url.fault("must not have a query or a fragment"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cards::samples;

    fn check(pointer: &str, value: Value, expect: Result<(), &str>) {
        let mut card = samples::hybrid("http://backend.example");
        *card.pointer_mut(pointer).unwrap() = value;
        assert_eq!(validate(&card).map_err(|fault| fault.to_string()), expect.map_err(str::to_owned), "{pointer}");
    }

    #[test]
    fn takes_cards_of_both_versions_and_hybrids() {
        for card in [samples::hybrid("http://b"), samples::modern("http://b"), samples::old("http://b")] {
            assert_eq!(validate(&card), Ok(()), "{card}");
        }
    }

    #[test]
    fn names_each_missing_field_by_its_path() {
        for field in ["name", "description", "version", "capabilities", "defaultInputModes", "skills"] {
            let mut card = samples::modern("http://b");
            card.as_object_mut().unwrap().remove(field);
            assert_eq!(validate(&card).unwrap_err().to_string(), format!("{field} is missing"));
        }
        let mut card = samples::modern("http://b");
        card.as_object_mut().unwrap().remove("supportedInterfaces");
        assert_eq!(validate(&card).unwrap_err().path, "supportedInterfaces");
    }

    #[test]
    fn names_each_odd_value_by_its_path() {
        check("/skills/0/tags", json!([1]), Err("skills[0].tags[0] must be a string"));
        check("/skills/0", json!("x"), Err("skills[0] must be an object"));
        check("/capabilities/streaming", json!("yes"), Err("capabilities.streaming must be true or false"));
        check("/name", json!(7), Err("name must be a string"));
        check("/url", json!("/relative"), Err("url is not an absolute URL"));
        check(
            "/supportedInterfaces/0/url",
            json!("ftp://b/"),
            Err("supportedInterfaces[0].url is not an http or https URL"),
        );
        check(
            "/additionalInterfaces/0/url",
            json!("http://b/?a=b"),
            Err("additionalInterfaces[0].url must not have a query or a fragment"),
        );
        check("", json!([]), Err("$ must be an object"));
        check("/documentationUrl", json!(null), Ok(()));
    }
}
