//! The bodies of denials: A2A v1.0 sections 5.4 and 9.5 for the two HTTP bindings, `{"error":{code,message,details}}` for the rest.
//! Typed, so that members come in the order they are read in, whatever features `serde_json` is built with.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message;
use serde::Serialize;

use super::{Binding, Reason};

/// The domain of our `google.rpc.ErrorInfo`.
const DOMAIN: &str = "tollgate";
/// The domain of A2A's own errors (v1.0 section 9.5).
const A2A_DOMAIN: &str = "a2a-protocol.org";

/// `{"error": …}`.
#[derive(Serialize)]
struct Envelope<E> {
    error: E,
}

/// JSON-RPC 2.0 section 5.1.
#[derive(Serialize)]
struct RpcError<'a> {
    code: i32,
    message: &'a str,
    data: [ErrorInfo<'a>; 1],
}

/// `google.rpc.Status` as JSON.
#[derive(Serialize)]
struct StatusError<'a> {
    code: u16,
    status: &'static str,
    message: &'a str,
    details: [ErrorInfo<'a>; 1],
}

/// The gateway's own form.
#[derive(Serialize)]
struct GatewayError<'a> {
    code: String,
    message: &'a str,
    details: Metadata<'a, u64>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Serialize)]
struct ErrorInfo<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    reason: String,
    domain: &'static str,
    metadata: Metadata<'a, String>,
}

/// `R`: a number in our own form, text in `google.rpc.ErrorInfo`, whose metadata is a map of texts.
#[derive(Serialize)]
struct Metadata<'a, R> {
    #[serde(rename = "agentId", skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(rename = "retryAfterSeconds", skip_serializing_if = "Option::is_none")]
    retry_after: Option<R>,
}

/// The media type of a denial's body.
pub(super) fn content_type(binding: &Binding) -> &'static str {
    match binding {
        Binding::HttpJson => "application/a2a+json",
        Binding::Grpc => "application/grpc",
        Binding::JsonRpc(_) | Binding::Gateway => "application/json",
    }
}

/// The body, for any binding that has one.
pub(super) fn render(reason: &Reason, message: &str, binding: &Binding, agent: Option<&str>) -> String {
    match binding {
        Binding::JsonRpc(id) => {
            let error = json(&RpcError { code: reason.rpc_code(), message, data: [info(reason, agent)] });
            // The id is JSON already.
            format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.as_json())
        }
        Binding::HttpJson => {
            let (code, status) = (reason.status(), reason.google_status());
            json(&Envelope { error: StatusError { code, status, message, details: [info(reason, agent)] } })
        }
        Binding::Gateway | Binding::Grpc => {
            let code = reason.code().to_ascii_uppercase();
            json(&Envelope {
                error: GatewayError { code, message, details: Metadata { agent, retry_after: reason.retry_after() } },
            })
        }
    }
}

fn info<'a>(reason: &Reason, agent: Option<&'a str>) -> ErrorInfo<'a> {
    ErrorInfo {
        kind: "type.googleapis.com/google.rpc.ErrorInfo",
        reason: reason.code().to_ascii_uppercase(),
        domain: if reason.is_of_a2a() { A2A_DOMAIN } else { DOMAIN },
        metadata: Metadata { agent, retry_after: reason.retry_after().map(|seconds| seconds.to_string()) },
    }
}

/// `google.rpc.Status`, as gRPC's trailer has it: base64 (gRPC over HTTP/2, "Custom-Metadata"). A2A v1.0 section 10.6 puts the reason there.
pub(super) fn details(reason: &Reason, message: &str, agent: Option<&str>) -> String {
    let info = info(reason, agent);
    let named = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
    let metadata = [
        named("agentId", info.metadata.agent.map(str::to_owned)),
        named("retryAfterSeconds", info.metadata.retry_after),
    ];
    let value = RpcErrorInfo {
        reason: info.reason,
        domain: info.domain.to_owned(),
        metadata: metadata.into_iter().flatten().collect(),
    };
    let detail = RpcAny { type_url: info.kind.to_owned(), value: value.encode_to_vec() };
    let status = RpcStatus { code: reason.grpc_status(), message: message.to_owned(), details: vec![detail] };
    STANDARD_NO_PAD.encode(status.encode_to_vec())
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcAny>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct RpcAny {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
struct RpcErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

/// Strings and numbers always serialise; an empty body would still be a denial.
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}
