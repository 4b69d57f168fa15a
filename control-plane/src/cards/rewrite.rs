//! A backend's card as callers of the gateway see it: every interface is the gateway's, the security scheme too, signatures are
//! gone (a rewritten URL invalidates them, A2A section 8.4). Total on any JSON; works on values, so that unknown fields survive.

use serde_json::{Map, Value, json};

use tollgate_policy::document::{TaskIsolation, WebhookMode};

use super::{Binding, GatewaySecurity, add_skills, interfaces};
use crate::{
    config::{GrpcDomain, PublicUrl},
    domain::{Agent, AgentId, BackendUrl, CardPaths, Skill, Translation},
};

/// The bindings that every agent has where what it lacks is translated, the one most clients begin with first.
const TRANSLATED: [&str; 2] = ["JSONRPC", "HTTP+JSON"];

/// The gateway that cards are rewritten for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardGateway {
    /// The URL clients use.
    pub public_url: PublicUrl,
    /// How callers get tokens.
    pub security: GatewaySecurity,
    /// The domain below which each agent has a host for gRPC.
    pub grpc_domain: Option<GrpcDomain>,
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
    /// What the gateway adds to it, and takes away.
    pub offer: &'a Offer,
    /// The skills of its record.
    pub skills: &'a [Skill],
}

/// What callers are offered that the card does not say by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// Whether the bindings and versions that the card lacks are translated.
    pub translation: Translation,
    /// The agent's host for gRPC, with its port.
    pub grpc: Option<String>,
    /// Whether callers may register webhooks.
    pub webhooks: WebhookMode,
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

    /// What callers of `agent` are offered. A gRPC call cannot be taken apart, so an agent that keeps its callers' tasks apart has none.
    #[must_use]
    pub fn offer(&self, agent: &Agent) -> Offer {
        let is_open = agent.a2a.grpc.is_some() && agent.a2a.task_isolation == TaskIsolation::None;
        let domain = self.grpc_domain.as_ref().filter(|_| is_open);
        Offer {
            translation: agent.a2a.translation,
            grpc: domain.map(|domain| format!("{}.{domain}:{}", agent.id, self.public_url.port())),
            webhooks: agent.a2a.webhooks.mode,
        }
    }

    /// Rewrites a card. `None` if it is no JSON object.
    #[must_use]
    pub fn rewrite(&self, card: BackendCard<'_>) -> Option<Value> {
        let mut fields = card.document.as_object()?.clone();
        let url = self.interface_url(card.agent);
        // Both halves say what the other one offers too: what it says itself is read before it is rewritten.
        let has_grpc = interfaces::offers_old_grpc(&fields);
        rewrite_modern(&mut fields, card, &url);
        rewrite_old(&mut fields, card, &url, has_grpc);
        fields.shift_remove("signatures");
        rewrite_extended(&mut fields, card);
        if card.offer.webhooks == WebhookMode::Off
            && let Some(capabilities) = fields.get_mut("capabilities").and_then(Value::as_object_mut)
        {
            capabilities.insert("pushNotifications".into(), false.into());
        }
        add_skills(&mut fields, card.skills);
        self.security.write(&mut fields, card.agent);
        Some(Value::Object(fields))
    }
}

/// An extended card is served by the gateway, so it is offered in whichever version the card is read; where the gateway has no way to
/// ask for it, in neither.
fn rewrite_extended(fields: &mut Map<String, Value>, card: BackendCard<'_>) {
    const OLD: &str = "supportsAuthenticatedExtendedCard";
    const MODERN: &str = "extendedAgentCard";
    let modern = fields.get("capabilities").and_then(|it| it.get(MODERN)) == Some(&Value::Bool(true));
    let is_offered = (modern || fields.get(OLD) == Some(&Value::Bool(true))) && !card.paths.dialects.is_empty();
    fields.shift_remove(OLD);
    if is_offered && fields.contains_key("url") {
        fields.insert(OLD.into(), true.into());
    }
    let is_modern = fields.contains_key("supportedInterfaces");
    if let Some(capabilities) = fields.get_mut("capabilities").and_then(Value::as_object_mut) {
        capabilities.shift_remove(MODERN);
        if is_offered && is_modern {
            capabilities.insert(MODERN.into(), true.into());
        }
    }
}

fn rewrite_modern(fields: &mut Map<String, Value>, card: BackendCard<'_>, url: &str) {
    let keep = ["url", "protocolBinding", "protocolVersion", "tenant"];
    let listed = fields.get("supportedInterfaces").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut entries: Vec<Value> = Vec::new();
    for entry in &listed {
        match (interfaces::entry(entry, "protocolBinding"), entry.as_object(), &card.offer.grpc) {
            (Some((Binding::Grpc, _)), Some(entry), Some(host)) => entries.push(reduced(entry, &keep, host)),
            (Some((binding, at)), Some(entry), _) if interfaces::is_carried(binding, at, card.paths, card.backend) => {
                entries.push(reduced(entry, &keep, url));
            }
            _ => {}
        }
    }
    if is_translated(card) {
        let tenant = entries.first().and_then(|entry| entry.get("tenant").cloned());
        for binding in TRANSLATED {
            if !entries.iter().any(|entry| is_v1(entry) && entry["protocolBinding"] == binding) {
                let mut entry = json!({"url": url, "protocolBinding": binding, "protocolVersion": "1.0"});
                if let Some(tenant) = &tenant {
                    entry["tenant"] = tenant.clone();
                }
                entries.push(entry);
            }
        }
    }
    replace(fields, "supportedInterfaces", entries);
}

fn is_v1(entry: &Value) -> bool {
    !entry["protocolVersion"].as_str().is_some_and(|version| version.starts_with("0."))
}

/// Whether every client is served, whatever it speaks: there must be something to translate to.
fn is_translated(card: BackendCard<'_>) -> bool {
    card.offer.translation == Translation::Auto && !card.paths.dialects.is_empty()
}

/// v0.3: the main interface, and the additional ones. A main interface that is not carried gives way to one that is; where the card
/// has none, translation gives it one.
fn rewrite_old(fields: &mut Map<String, Value>, card: BackendCard<'_>, url: &str, has_grpc: bool) {
    let listed = carried(fields.get("additionalInterfaces"), "transport", card);
    let main = fields.get("url").and_then(Value::as_str);
    let main_is_carried = main
        .is_some_and(|main| interfaces::is_carried(interfaces::main_binding(fields), main, card.paths, card.backend));
    let was_old = fields.contains_key("url");
    let mut entries: Vec<Value> = listed.iter().map(|entry| reduced(entry, &["url", "transport"], url)).collect();
    let transport = if main_is_carried {
        // Anything but a word is nothing a client goes by, and may hold whatever.
        fields.get("preferredTransport").filter(|transport| transport.is_string()).cloned()
    } else {
        listed.first().and_then(|entry| entry.get("transport").cloned()).filter(|_| was_old)
    };
    let transport = transport.or_else(|| is_translated(card).then(|| TRANSLATED[0].into()));
    if is_translated(card) {
        for binding in TRANSLATED {
            let is_main = transport.as_ref().is_some_and(|main| main == binding);
            if !is_main && !entries.iter().any(|entry| entry["transport"] == binding) {
                entries.push(json!({"url": url, "transport": binding}));
            }
        }
        if !was_old {
            fields.insert("protocolVersion".into(), "0.3.0".into());
        }
    }
    if let Some(host) = card.offer.grpc.as_ref().filter(|_| has_grpc) {
        entries.push(json!({"url": host, "transport": "GRPC"}));
    }
    replace(fields, "additionalInterfaces", entries);
    if (was_old && main_is_carried) || transport.is_some() {
        fields.insert("url".into(), url.into());
        match transport {
            Some(transport) => fields.insert("preferredTransport".into(), transport),
            None => fields.shift_remove("preferredTransport"),
        };
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
        interfaces::entry(entry, binding)
            .is_some_and(|(binding, url)| interfaces::is_carried(binding, url, card.paths, card.backend))
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
