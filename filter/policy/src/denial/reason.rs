//! Why a request is refused, and what that is in each protocol. One table: HTTP status, code, JSON-RPC code, gRPC status.

use std::borrow::Cow;

use crate::a2a::grpc::GrpcFault;
use crate::a2a::jsonrpc::RpcFaultKind;
use crate::a2a::webhook::WebhookFault;
use crate::document::OperationClass;
use crate::json::JsonFault;
use crate::local_reply::LocalReply;
use crate::path::PathFault;
use crate::permissions::class_name;
use crate::quota::Exhausted;
use crate::token::TokenFault;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The path is not in normal form.
    Path(PathFault),
    /// A token in the query, beside a header.
    TokenInQuery,
    /// No verified caller.
    Token(TokenFault),
    /// A token in the query, and no header.
    TokenOnlyInQuery,
    /// The body of a JSON-RPC call cannot be read.
    Rpc(RpcFaultKind),
    /// The body of an HTTP+JSON send cannot be read.
    Send(crate::a2a::push::SendFault),
    /// The body must be read, and is announced as something that cannot be.
    Media,
    /// The body must be read, and is too long. The limit, bytes.
    TooLarge(usize),
    /// The caller does not hold this class on the agent.
    Scope(OperationClass),
    /// The caller does not hold the admin scope.
    AdminScope(String),
    /// A method no version of A2A has.
    UnknownMethod,
    /// No such agent, told only to those who hold something on that id.
    UnknownAgent,
    /// The body of a gRPC call cannot be read.
    Grpc(GrpcFault),
    /// The webhook it registers is not allowed.
    Webhook(WebhookFault),
    /// The agent's webhooks are switched off.
    PushOff,
    /// The agent's extended card is not offered.
    NoExtendedCard,
    /// The agent keeps its callers' tasks apart, which in gRPC it cannot.
    GrpcIsolated,
    /// No such path.
    NotFound,
    /// The path is known, the verb is not.
    WrongVerb(&'static str),
    /// No policy is in force yet.
    NoPolicy,
    /// The caller has spent what it may.
    RateLimited(Exhausted),
    /// The agent refused the gateway's own credential.
    BackendRefused,
    /// The host had no answer of the agent's, and says why.
    NoAnswer(LocalReply),
    /// Too many of the caller's requests, or of all callers', are under way at this agent.
    Overloaded,
}

impl Reason {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.row().0
    }

    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(fault) => fault.code(),
            _ => self.row().1,
        }
    }

    /// `google.rpc.Code` name, the `status` of HTTP+JSON errors and the code of the gateway's own.
    #[must_use]
    pub fn google_status(&self) -> &'static str {
        match self.grpc_status() {
            3 => "INVALID_ARGUMENT",
            4 => "DEADLINE_EXCEEDED",
            5 => "NOT_FOUND",
            7 => "PERMISSION_DENIED",
            8 => "RESOURCE_EXHAUSTED",
            9 => "FAILED_PRECONDITION",
            12 => "UNIMPLEMENTED",
            14 => "UNAVAILABLE",
            _ => "UNAUTHENTICATED",
        }
    }

    /// gRPC status.
    #[must_use]
    pub fn grpc_status(&self) -> u32 {
        self.row().3
    }

    /// JSON-RPC error code. Those of this gateway lie in -32040 to -32049, which A2A leaves free.
    #[must_use]
    pub fn rpc_code(&self) -> i32 {
        self.row().2
    }

    /// The status in JSON-RPC. What the protocol itself has an error for is answered as agents answer it, with 200: clients take any other
    /// status for a failure of the transport, and do not look for the error.
    pub(super) fn rpc_http_status(&self) -> u16 {
        let is_of_protocol = self.is_of_a2a() || matches!(self, Self::UnknownMethod | Self::Webhook(_));
        if is_of_protocol { 200 } else { self.status() }
    }

    /// Whether it is one of A2A's own errors, by which clients tell what to do.
    pub(super) fn is_of_a2a(&self) -> bool {
        matches!(self.rpc_code(), -32009..=-32001)
    }

    /// (HTTP, code, JSON-RPC, gRPC).
    fn row(&self) -> (u16, &'static str, i32, u32) {
        match self {
            Self::Path(_) => (400, "bad_path", -32600, 3),
            Self::TokenInQuery => (400, "token_in_query", -32600, 3),
            Self::Token(_) => (401, "token", -32041, 16),
            Self::TokenOnlyInQuery => (401, "token_in_query", -32041, 16),
            Self::Rpc(RpcFaultKind::Json(JsonFault::Malformed)) => (400, "parse_error", -32700, 3),
            Self::Rpc(_) | Self::Send(_) | Self::Grpc(_) => (400, "invalid_request", -32600, 3),
            Self::Media => (415, "unsupported_media_type", -32600, 3),
            Self::TooLarge(_) => (413, "body_too_large", -32600, 8),
            Self::Scope(_) | Self::AdminScope(_) => (403, "insufficient_scope", -32043, 7),
            Self::UnknownMethod => (403, "unknown_operation", -32601, 12),
            Self::UnknownAgent => (404, "unknown_agent", -32044, 5),
            Self::Webhook(_) => (400, "webhook_refused", -32602, 3),
            // A2A's own errors (v1.0 section 5.4).
            Self::PushOff => (400, "push_notification_not_supported", -32003, 9),
            Self::NoExtendedCard => (400, "extended_agent_card_not_configured", -32007, 9),
            Self::GrpcIsolated => (400, "unsupported_operation", -32004, 12),
            Self::NotFound => (404, "not_found", -32044, 12),
            Self::WrongVerb(_) => (405, "method_not_allowed", -32600, 12),
            Self::NoPolicy => (503, "no_policy", -32045, 14),
            Self::RateLimited(_) => (429, "rate_limited", -32042, 8),
            Self::BackendRefused => (502, "backend_refused_credential", -32047, 14),
            Self::NoAnswer(LocalReply::NoHealthyBackend) => (503, "no_healthy_backend", -32048, 14),
            Self::NoAnswer(LocalReply::Unreachable) => (503, "backend_unreachable", -32048, 14),
            Self::NoAnswer(LocalReply::Overflow) => (503, "backend_overloaded", -32046, 14),
            Self::NoAnswer(LocalReply::NoCredential) => (502, "no_backend_credential", -32047, 14),
            Self::NoAnswer(LocalReply::Broken) => (502, "backend_connection_broken", -32048, 14),
            Self::NoAnswer(LocalReply::Timeout) => (504, "backend_timeout", -32049, 4),
            Self::Overloaded => (503, "too_many_concurrent", -32046, 14),
        }
    }

    /// Words for people.
    #[must_use]
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Path(fault) => fault.to_string().into(),
            Self::TokenInQuery | Self::TokenOnlyInQuery => {
                "tokens are not accepted in the query: send Authorization: Bearer".into()
            }
            Self::Token(fault) => fault.description().into(),
            Self::Rpc(fault) => fault.to_string().into(),
            Self::Send(fault) => format!("the body {fault}").into(),
            Self::Grpc(fault) => format!("the body {fault}").into(),
            Self::Webhook(fault) => format!("the webhook's configuration is refused: {fault}").into(),
            Self::PushOff => "this agent's webhooks are switched off".into(),
            Self::NoExtendedCard => "this agent offers no extended card here".into(),
            Self::GrpcIsolated => "this agent keeps its callers' tasks apart: use JSON-RPC or HTTP+JSON".into(),
            Self::Media => "the body must be application/json without content-encoding".into(),
            Self::TooLarge(limit) => format!("the body is longer than {limit} bytes").into(),
            Self::Scope(class) => {
                format!("the token's scopes do not grant {} on this agent", class_name(*class)).into()
            }
            Self::AdminScope(scope) => format!("the admin API needs the scope {scope}").into(),
            Self::UnknownMethod => "the method is not one of A2A's".into(),
            Self::UnknownAgent => "there is no such agent, or it is not active".into(),
            Self::NotFound => "there is nothing at this path".into(),
            Self::WrongVerb(allow) => format!("the method must be one of {allow}").into(),
            Self::NoPolicy => "the gateway has no policy yet".into(),
            Self::RateLimited(Exhausted { retry_after, .. }) => {
                format!("the rate limit for this agent is used up: try again in {retry_after} s").into()
            }
            Self::BackendRefused => {
                "the agent refused the gateway's own credential, which is fetched anew: try again".into()
            }
            Self::NoAnswer(reply) => reply.message().into(),
            Self::Overloaded => "too many requests are under way at this agent: try again".into(),
        }
    }

    /// Seconds after which the same request may pass.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(exhausted) => Some(exhausted.retry_after),
            Self::Overloaded | Self::NoPolicy | Self::BackendRefused => Some(1),
            Self::NoAnswer(reply) => reply.retry_after(),
            _ => None,
        }
    }

    /// Headers beyond `content-type`.
    pub(super) fn headers(&self, public_url: &str, agent: Option<&str>) -> Vec<(&'static str, String)> {
        let challenge = |error: &str| ("www-authenticate", challenge(public_url, agent, error));
        match self {
            Self::Token(fault) if fault.is_absence() => vec![challenge(&hint(agent))],
            Self::Token(fault) => {
                vec![challenge(&format!(", error=\"invalid_token\", error_description=\"{}\"", fault.description()))]
            }
            Self::TokenOnlyInQuery => {
                vec![challenge(&format!(", error=\"invalid_request\", error_description=\"{}\"", self.message()))]
            }
            Self::Scope(class) => {
                let scope = agent.map(|id| format!(", scope=\"agents:{id}:{}\"", class_name(*class)));
                vec![challenge(&format!(", error=\"insufficient_scope\"{}", scope.unwrap_or_default()))]
            }
            Self::AdminScope(scope) => {
                vec![challenge(&format!(", error=\"insufficient_scope\", scope=\"{scope}\""))]
            }
            Self::WrongVerb(allow) => vec![("allow", (*allow).to_owned())],
            Self::RateLimited(exhausted) => vec![
                ("ratelimit", exhausted.header()),
                ("ratelimit-policy", exhausted.quota.policy_header().to_owned()),
            ],
            _ => Vec::new(),
        }
    }
}

/// A challenge (RFC 6750 section 3, RFC 9728 section 5.1).
fn challenge(public_url: &str, agent: Option<&str>, error: &str) -> String {
    let below = agent.map(|id| format!("/agents/{id}")).unwrap_or_default();
    let metadata = format!("{public_url}/.well-known/oauth-protected-resource{below}");
    format!("Bearer realm=\"tollgate\"{error}, resource_metadata=\"{metadata}\"")
}

/// The scopes worth asking for, where no token came.
fn hint(agent: Option<&str>) -> String {
    agent.map(|id| format!(", scope=\"agents:{id}:read agents:{id}:write\"")).unwrap_or_default()
}
