//! An agent in the policy document, and the words for what it speaks.

use serde::{Deserialize, Serialize};

use crate::ids::AgentId;

/// The A2A bindings the gateway carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// JSON-RPC.
    Rpc,
    /// HTTP+JSON.
    Rest,
}

/// An agent as the filter knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentDocument {
    /// Its id: the path segment after `/agents/`.
    pub id: AgentId,
    /// Its cluster. Default `agent-{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Backend path of the JSON-RPC interface. Absent: `/`, unless it is in `without`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<String>,
    /// Backend path that HTTP+JSON operations are appended to, without a trailing slash. Absent: the root, unless it is in `without`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
    /// Interfaces the agent does not offer: requests to them are 404.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Interface>,
    /// What it speaks, where requests in other dialects are translated. Empty or absent: nothing is, and requests pass as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speaks: Vec<Dialect>,
    /// Whose tasks a caller sees.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub task_isolation: TaskIsolation,
    /// The cluster behind which requests are translated. Needed where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated: Option<String>,
    /// What webhooks its callers may register. Absent: whatever the agent takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<WebhooksDocument>,
    /// Whether it has an extended card. The control plane serves it, rewritten like the other; without this it is not offered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extended_card: bool,
    /// Whether its card is for everyone: the control plane serves it without a token. Needs the gateway's own routes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open_card: bool,
    /// The cluster of its gRPC interface. Absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
    /// Whether the backend is told who calls (`x-tollgate-subject`, `x-tollgate-client`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub identity: bool,
    /// The deadline for the whole answer to a request that is not answered with a stream, milliseconds. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How long a stream may be silent, milliseconds: the host has routes that wait so ([`crate::Wait`]). Absent: the host's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_idle_ms: Option<u64>,
    /// How many requests at once, from all callers, on each Envoy; a stream counts for as long as it lives. Absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
}

impl AgentDocument {
    /// An agent of which nothing is said but its id.
    #[must_use]
    pub fn new(id: AgentId) -> Self {
        Self {
            id,
            cluster: None,
            rpc: None,
            rest: None,
            without: Vec::new(),
            speaks: Vec::new(),
            task_isolation: TaskIsolation::None,
            translated: None,
            webhooks: None,
            extended_card: false,
            open_card: false,
            grpc: None,
            identity: false,
            timeout_ms: None,
            stream_idle_ms: None,
            max_concurrent: None,
        }
    }
}

/// A dialect of A2A: a binding in a protocol version. Where an agent does not speak its client's, requests and answers are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// JSON-RPC, protocol 1.0.
    #[serde(rename = "jsonrpc/1.0")]
    JsonRpc1,
    /// JSON-RPC, protocol 0.3.
    #[serde(rename = "jsonrpc/0.3")]
    JsonRpc03,
    /// HTTP+JSON, protocol 1.0.
    #[serde(rename = "http+json/1.0")]
    HttpJson1,
    /// HTTP+JSON, protocol 0.3.
    #[serde(rename = "http+json/0.3")]
    HttpJson03,
}

/// A version of the protocol, as far as it matters (A2A v1.0 section 3.6: major and minor).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// 0.3, and whatever says no version.
    V0_3,
    /// 1.0 and later.
    V1_0,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::JsonRpc1, Self::JsonRpc03, Self::HttpJson1, Self::HttpJson03];

    /// Binding and version together.
    #[must_use]
    pub fn new(interface: Interface, version: ProtocolVersion) -> Self {
        match (interface, version) {
            (Interface::Rpc, ProtocolVersion::V1_0) => Self::JsonRpc1,
            (Interface::Rpc, ProtocolVersion::V0_3) => Self::JsonRpc03,
            (Interface::Rest, ProtocolVersion::V1_0) => Self::HttpJson1,
            (Interface::Rest, ProtocolVersion::V0_3) => Self::HttpJson03,
        }
    }

    /// Its name, as documents write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonRpc1 => "jsonrpc/1.0",
            Self::JsonRpc03 => "jsonrpc/0.3",
            Self::HttpJson1 => "http+json/1.0",
            Self::HttpJson03 => "http+json/0.3",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// Its binding.
    #[must_use]
    pub fn interface(self) -> Interface {
        match self {
            Self::JsonRpc1 | Self::JsonRpc03 => Interface::Rpc,
            Self::HttpJson1 | Self::HttpJson03 => Interface::Rest,
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(self) -> ProtocolVersion {
        match self {
            Self::JsonRpc1 | Self::HttpJson1 => ProtocolVersion::V1_0,
            Self::JsonRpc03 | Self::HttpJson03 => ProtocolVersion::V0_3,
        }
    }
}

/// Whose tasks a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskIsolation {
    /// Whatever the backend shows, which to the backend are those of all callers.
    #[default]
    None,
    /// Its own: tasks, contexts, subscriptions and webhooks of others are not found.
    Caller,
}

/// What webhooks an agent's callers may register.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhooksDocument {
    /// Whether any.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub mode: WebhookMode,
    /// Whether plain http is good enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
    /// Hosts (names or globs) that may be called, private ones among them. Empty or absent: any public host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// Whether an agent's callers may register webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookMode {
    /// Those that pass the checks.
    #[default]
    Checked,
    /// None: the operations answer `PushNotificationNotSupported`.
    Off,
}
