//! A backend's card as callers of the gateway see it: every interface is the gateway's, the security scheme too, signatures are
//! gone (a rewritten URL invalidates them, A2A section 8.4). Total on any JSON; works on values, so that unknown fields survive.

use serde_json::{Map, Value};

use super::{Binding, GatewaySecurity, interfaces};
use crate::{
    config::PublicUrl,
    domain::{AgentId, BackendUrl, CardPaths},
};

/// The gateway that cards are rewritten for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardGateway {
    /// The URL clients use.
    pub public_url: PublicUrl,
    /// How callers get tokens.
    pub security: GatewaySecurity,
}

/// A card and what the gateway knows about its backend.
#[derive(Debug, Clone, Copy)]
pub struct BackendCard<'a> {
    /// The agent.
    pub agent: &'a AgentId,
    /// The card as fetched.
    pub document: &'a Value,
    /// The interfaces that the gateway reaches.
    pub paths: &'a CardPaths,
    /// The backend they are on.
    pub backend: &'a BackendUrl,
}

impl CardGateway {
    /// The interface URL of an agent, for every binding. No trailing slash: HTTP+JSON clients append `/message:send`.
    #[must_use]
    pub fn interface_url(&self, agent: &AgentId) -> String {
        format!("{}/agents/{agent}", self.public_url)
    }

    /// The base URL to hand out. With a trailing slash: `@a2a-js/sdk` resolves the card's place as a relative URL.
    #[must_use]
    pub fn base_url(&self, agent: &AgentId) -> String {
        format!("{}/agents/{agent}/", self.public_url)
    }

    /// Rewrites a card. `None` if it is no JSON object.
    #[must_use]
    pub fn rewrite(&self, card: BackendCard<'_>) -> Option<Value> {
        let mut fields = card.document.as_object()?.clone();
        let url = self.interface_url(card.agent);
        rewrite_modern(&mut fields, card, &url);
        rewrite_old(&mut fields, card, &url);
        fields.shift_remove("signatures");
        // The extended card would come from the backend as it is, with the backend's URLs in it.
        fields.shift_remove("supportsAuthenticatedExtendedCard");
        if let Some(capabilities) = fields.get_mut("capabilities").and_then(Value::as_object_mut) {
            capabilities.shift_remove("extendedAgentCard");
        }
        self.security.write(&mut fields, card.agent);
        Some(Value::Object(fields))
    }
}

fn rewrite_modern(fields: &mut Map<String, Value>, card: BackendCard<'_>, url: &str) {
    let keep = ["url", "protocolBinding", "protocolVersion", "tenant"];
    let listed = carried(fields.get("supportedInterfaces"), "protocolBinding", card);
    let entries = listed.iter().map(|entry| reduced(entry, &keep, url)).collect();
    replace(fields, "supportedInterfaces", entries);
}

/// v0.3: the main interface, and the additional ones. A main interface that is not carried gives way to one that is.
fn rewrite_old(fields: &mut Map<String, Value>, card: BackendCard<'_>, url: &str) {
    let listed = carried(fields.get("additionalInterfaces"), "transport", card);
    let main = fields.get("url").and_then(Value::as_str);
    let main_is_carried = main
        .is_some_and(|main| interfaces::is_carried(interfaces::main_binding(fields), main, card.paths, card.backend));
    let transport = if main_is_carried {
        fields.get("preferredTransport").cloned()
    } else {
        listed.first().and_then(|entry| entry.get("transport").cloned())
    };
    let entries = listed.iter().map(|entry| reduced(entry, &["url", "transport"], url)).collect();
    let was_old = fields.contains_key("url");
    replace(fields, "additionalInterfaces", entries);
    if was_old && (main_is_carried || transport.is_some()) {
        fields.insert("url".into(), url.into());
        if let Some(transport) = transport {
            fields.insert("preferredTransport".into(), transport);
        }
        return;
    }
    for field in ["url", "preferredTransport", "additionalInterfaces", "protocolVersion"] {
        fields.shift_remove(field);
    }
}

/// The entries of a list of interfaces that the gateway carries.
fn carried<'a>(list: Option<&'a Value>, binding: &str, card: BackendCard<'a>) -> Vec<Map<String, Value>> {
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    let is_carried = |entry: &&Value| {
        interfaces::entry(entry, binding).is_some_and(|(binding, url)| {
            binding != Binding::NotCarried && interfaces::is_carried(binding, url, card.paths, card.backend)
        })
    };
    entries.filter(is_carried).filter_map(|entry| entry.as_object().cloned()).collect()
}

/// An interface with its known fields only: a URL could hide in any other.
fn reduced(entry: &Map<String, Value>, keep: &[&str], url: &str) -> Value {
    let known = entry.iter().filter(|(field, _)| keep.contains(&field.as_str()));
    let mut entry: Map<String, Value> = known.map(|(field, value)| (field.clone(), value.clone())).collect();
    entry.insert("url".into(), url.into());
    Value::Object(entry)
}

fn replace(fields: &mut Map<String, Value>, field: &str, entries: Vec<Value>) {
    if entries.is_empty() {
        fields.shift_remove(field);
    } else {
        fields.insert(field.into(), Value::Array(entries));
    }
}
