//! The policy document: what the control plane publishes by ECDS, what a mesh writes by hand as the plugin's configuration.
//! One strict form, JSON, versioned; both ends share these types. Meaning is checked when a document is compiled into a
//! [`Policy`](crate::Policy); here are only the shapes. Defaults are omitted when written, so that an agent costs few bytes.

mod agent;

use serde::{Deserialize, Serialize};

use crate::ids::Scope;

pub use agent::{AgentDocument, Dialect, Interface, ProtocolVersion, TaskIsolation, WebhookMode, WebhooksDocument};

/// The only version of the document there is.
pub const VERSION: u32 = 1;

/// Everything the filter needs to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyDocument {
    /// [`VERSION`].
    pub version: u32,
    /// The registry's generation that this document renders; 0 for a document written by hand.
    #[serde(default)]
    pub generation: u64,
    /// The gateway itself.
    pub gateway: GatewayDocument,
    /// Whose tokens are believed. At least one.
    pub issuers: Vec<IssuerDocument>,
    /// What each scope grants.
    #[serde(default)]
    pub permissions: Vec<PermissionDocument>,
    /// The limit where no permission row names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_limit: Option<LimitDocument>,
    /// Every agent that can be reached.
    #[serde(default)]
    pub agents: Vec<AgentDocument>,
    /// Who is cut off, whatever their tokens say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<RevocationDocument>,
}

/// Settings of the gateway as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayDocument {
    /// The URL clients use, without a trailing slash; `WWW-Authenticate` names the resource metadata below it (RFC 9728).
    pub public_url: String,
    /// Seconds of clock difference allowed on `exp` and `nbf`. Default 30, at most 300.
    #[serde(default = "default_leeway")]
    pub leeway_seconds: u32,
    /// Largest body read for a decision, in bytes. Default 1 MiB.
    #[serde(default = "default_body")]
    pub max_body_bytes: u32,
    /// How a body that the decision depends on is read.
    #[serde(default)]
    pub body_mode: BodyMode,
    /// Who cleans the request's headers and rewrites its path.
    #[serde(default)]
    pub host: HostMode,
    /// What becomes of decision records.
    #[serde(default)]
    pub records: RecordMode,
    /// The cluster of the control plane (cards, listing, tokens, admin). Absent: those paths are 404.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane_cluster: Option<String>,
    /// Whether `/admin/…` is reachable through this gateway.
    #[serde(default)]
    pub admin: AdminExposure,
    /// The scope that opens `/admin/…`, and nothing else.
    #[serde(default = "default_admin_scope")]
    pub admin_scope: Scope,
    /// The fleet's ledger of tokens. Absent: each Envoy counts alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaDocument>,
    /// What becomes of a revoked caller's open streams.
    #[serde(default, skip_serializing_if = "is_default")]
    pub revoked_streams: RevokedStreams,
    /// The domain under which each agent has a host for gRPC: `{id}.{grpcDomain}`. Absent: gRPC is not carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_domain: Option<String>,
}

/// Where tokens of the whole fleet are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaDocument {
    /// The cluster of the quota service (`tollgate.quota.v1.QuotaService`).
    pub cluster: String,
    /// What holds while the service does not answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub when_away: QuotaAway,
}

/// What holds while the quota service does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaAway {
    /// Each Envoy goes on with its share: rate and burst divided by the number of Envoys last known.
    #[default]
    FairShare,
    /// What was lent may be spent; then limited requests are refused, 429.
    Refuse,
}

/// What becomes of a revoked caller's open streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedStreams {
    /// They are reset.
    #[default]
    End,
    /// They may finish; only new requests are refused.
    Finish,
}

/// Cuts off whoever has every property named here. At least one of `issuer`, `client`, `subject` and `tokenId`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationDocument {
    /// `iss`, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The client, as the issuer's claim names give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `jti`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// Only tokens with an `iat` before this, or without one. Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_before: Option<u64>,
    /// The first second in which it does not hold any more, since the epoch. Absent: until it is taken out of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// How the filter reads a body (envoy 1.40: `allow_on_headers_stop_iteration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyMode {
    /// Headers wait for the body. Needs the plugin's `allow_on_headers_stop_iteration: true`; without it such requests hang.
    HoldHeaders,
    /// Headers go on, the body is held: for hosts that cannot set the flag. A refused request's headers reach the backend.
    #[default]
    StreamHeaders,
}

/// What becomes of decision records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordMode {
    /// One for each request in filter state `wasm.tollgate`, for access logs.
    #[default]
    FilterState,
    /// None is written: it costs some 3 % of throughput, and no access log reads it.
    Off,
}

/// Who does the header work around the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostMode {
    /// Our own listener and routes: Envoy removed forged headers before the filter, the route rewrites and removes `authorization`.
    Gateway,
    /// Someone else's routes: the filter removes `authorization` and `x-tollgate-*` itself and leaves path and cluster alone.
    #[default]
    Standalone,
}

/// Whether the admin API is reachable through the public listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminExposure {
    /// `/admin/…` goes to the control plane for holders of the admin scope.
    Public,
    /// `/admin/…` is 404 here.
    #[default]
    Private,
}

/// A token issuer and what is believed of its tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerDocument {
    /// Compared byte for byte with `iss`.
    pub issuer: String,
    /// One of these must be in `aud`, byte for byte. At least one.
    pub audiences: Vec<String>,
    /// JWS algorithms believed from this issuer (RFC 7518, 8037, 8812): `RS256`, `RS384`, `RS512`, `PS256`, `ES256`, `ES256K`, `EdDSA`.
    /// Empty or absent: those that the keys allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// Where identity and scopes stand in the claims.
    #[serde(default, skip_serializing_if = "ClaimNames::is_default")]
    pub claims: ClaimNames,
    /// A prefix taken off each scope of this issuer; scopes without it are ignored then. Absent: scopes are compared whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_prefix: Option<String>,
    /// Its public keys (RFC 7517). No name may stand twice in it.
    #[serde(deserialize_with = "crate::token::json::strict_value")]
    pub jwks: serde_json::Value,
}

/// The claims that carry identity, first present wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClaimNames {
    /// The client: default `client_id`, then `azp`, then `sub`.
    pub client: Vec<String>,
    /// Scopes, a space-delimited string or a list: default `scope`, then `scp`.
    pub scope: Vec<String>,
}

/// One permission row: what holding a scope grants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionDocument {
    /// The scope, compared whole.
    pub scope: Scope,
    /// Agent ids or globs (`*` any run of characters).
    #[serde(default)]
    pub agents: Vec<String>,
    /// The classes of operation granted. Empty or absent: read and write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationClass>,
    /// How often, for each (caller, agent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitDocument>,
    /// How often, for operations of one class, instead of `limit` and from a bucket of their own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub operation_limits: OperationLimitsDocument,
    /// How many at once, for each (caller, agent) on each Envoy; a stream counts for as long as it lives. Absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
}

/// Limits of single classes of operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperationLimitsDocument {
    /// Of reading tasks and cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<LimitDocument>,
    /// Of sending and cancelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<LimitDocument>,
    /// Of webhook configurations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<LimitDocument>,
}

/// The classes an operation can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationClass {
    /// Reads tasks and cards.
    Read,
    /// Sends and cancels.
    Write,
    /// Reads and writes webhook configurations: egress, and secrets.
    Push,
}

/// A token bucket. Exactly one of `unlimited: true` and `requestsPerMinute`; zero is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitDocument {
    /// Refill, requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Bucket size, requests. Default: `requestsPerMinute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// No limit at all, said out loud.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlimited: bool,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Self { client: names(&["client_id", "azp", "sub"]), scope: names(&["scope", "scp"]) }
    }
}

impl ClaimNames {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_leeway() -> u32 {
    30
}

fn default_body() -> u32 {
    1 << 20
}

#[expect(clippy::unwrap_used, reason = "a constant that the tests parse")]
fn default_admin_scope() -> Scope {
    Scope::try_from("gateway:admin").unwrap()
}
