//! A refused request, rendered in the binding its caller speaks. A denial is a value: it knows its status, its code, its words.

mod body;
mod reason;

use std::sync::Arc;

use crate::a2a::jsonrpc::RequestId;
use crate::record;
use crate::token::Caller;

pub use reason::Reason;

/// The binding a caller speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// A2A's JSON-RPC; the request's `id`, if it was read.
    JsonRpc(RequestId),
    /// A2A's HTTP+JSON.
    HttpJson,
    /// gRPC: the answer is in trailers.
    Grpc,
    /// The gateway's own API.
    Gateway,
}

/// A refused request.
#[derive(Debug, Clone)]
pub struct Denial {
    status: u16,
    code: &'static str,
    grpc_status: Option<u32>,
    headers: Vec<(&'static str, String)>,
    body: String,
    record: Arc<str>,
}

/// What a denial tells of, beside its reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) public_url: &'a str,
    pub(crate) caller: Option<&'a Caller>,
    pub(crate) agent: Option<&'a str>,
    pub(crate) operation: &'a str,
}

impl Denial {
    /// Refuses for `reason`, in `binding`.
    pub(crate) fn new(reason: &Reason, binding: &Binding, context: Context<'_>) -> Self {
        let message = reason.message();
        let mut headers = vec![("content-type", body::content_type(binding).to_owned())];
        headers.extend(reason.headers(context.public_url, context.agent));
        headers.extend(reason.retry_after().map(|seconds| ("retry-after", seconds.to_string())));
        let is_grpc = *binding == Binding::Grpc;
        if is_grpc {
            headers.push(("grpc-status-details-bin", body::details(reason, &message, context.agent)));
        }
        Self {
            status: match binding {
                Binding::JsonRpc(_) => reason.rpc_http_status(),
                _ => reason.status(),
            },
            code: reason.code(),
            grpc_status: is_grpc.then(|| reason.grpc_status()),
            headers,
            body: if is_grpc { message.into_owned() } else { body::render(reason, &message, binding, context.agent) },
            record: record::render(context.caller, context.agent, context.operation, reason.code()),
        }
    }

    /// No policy is in force yet: 503.
    #[must_use]
    pub fn unavailable() -> Self {
        let context = Context { public_url: "", caller: None, agent: None, operation: "none" };
        Self::new(&Reason::NoPolicy, &Binding::Gateway, context)
    }

    /// HTTP status. Meaningless beside a gRPC status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Stable code, for metrics and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where the caller speaks gRPC: the status (grpc/grpc `statuscodes.md`), [`Denial::body`] being its message.
    #[must_use]
    pub fn grpc_status(&self) -> Option<u32> {
        self.grpc_status
    }

    /// Headers, `content-type` among them.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The decision record, one JSON object.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }
}

#[cfg(test)]
mod tests;
