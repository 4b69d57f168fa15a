//! Errors on the wire: A2A's and JSON-RPC's, by code, by reason and by status, in both bindings (v1.0 sections 5.4, 9.5 and 11.6).

use serde_json::{Map, Value, json};
use tollgate_policy::document::{Dialect, Interface, ProtocolVersion};

use super::answer::Answer;
use crate::convert::Refusal;

/// `@type` of the detail that tells errors apart.
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const DOMAIN: &str = "a2a-protocol.org";

/// An error, whoever made it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    /// JSON-RPC code.
    pub(super) code: i64,
    pub(super) message: String,
    /// What came with it, in JSON-RPC's `data` or `google.rpc.Status`'s `details`.
    pub(super) data: Option<Value>,
    /// HTTP status, where it says more than the code: infrastructure's, 401 and above but for what A2A uses.
    pub(super) status: Option<u16>,
}

/// (JSON-RPC code, reason, HTTP status, `google.rpc.Code`), as of 1.0.1.
const KNOWN: [(i64, &str, u16, &str); 14] = [
    (-32001, "TASK_NOT_FOUND", 404, "NOT_FOUND"),
    (-32002, "TASK_NOT_CANCELABLE", 400, "FAILED_PRECONDITION"),
    (-32003, "PUSH_NOTIFICATION_NOT_SUPPORTED", 400, "FAILED_PRECONDITION"),
    (-32004, "UNSUPPORTED_OPERATION", 400, "FAILED_PRECONDITION"),
    (-32005, "CONTENT_TYPE_NOT_SUPPORTED", 400, "INVALID_ARGUMENT"),
    (-32006, "INVALID_AGENT_RESPONSE", 500, "INTERNAL"),
    (-32007, "EXTENDED_AGENT_CARD_NOT_CONFIGURED", 400, "FAILED_PRECONDITION"),
    (-32008, "EXTENSION_SUPPORT_REQUIRED", 400, "FAILED_PRECONDITION"),
    (-32009, "VERSION_NOT_SUPPORTED", 400, "FAILED_PRECONDITION"),
    (-32700, "JSON_PARSE_ERROR", 400, "INVALID_ARGUMENT"),
    (-32600, "INVALID_REQUEST", 400, "INVALID_ARGUMENT"),
    (-32601, "METHOD_NOT_FOUND", 404, "NOT_FOUND"),
    (-32602, "INVALID_PARAMS", 400, "INVALID_ARGUMENT"),
    (-32603, "INTERNAL_ERROR", 500, "INTERNAL"),
];

const INTERNAL: i64 = -32603;
const INVALID_AGENT_RESPONSE: i64 = -32006;

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        Self { code: refusal.code.into(), message: refusal.message.clone(), data: None, status: None }
    }
}

impl Fault {
    /// The agent answered with something that is no A2A.
    pub(super) fn no_answer(message: &str) -> Self {
        Self { code: INVALID_AGENT_RESPONSE, message: message.to_owned(), data: None, status: None }
    }

    /// The error of a JSON-RPC answer.
    pub(super) fn from_rpc(error: &Value, status: u16) -> Self {
        let message = text(error, "message").unwrap_or("the agent answered with an error").to_owned();
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(INTERNAL);
        let data = error.get("data").filter(|data| !data.is_null()).cloned();
        Self { code, message, data, status: of_infrastructure(status) }
    }

    /// What an HTTP+JSON answer that is no success says, or any answer of something between gateway and agent.
    pub(super) fn from_http(status: u16, body: &[u8], agent: Dialect) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
        let words = ["message", "detail", "title"].into_iter().find_map(|name| text(error, name));
        let details = error.get("details").or_else(|| error.get("data")).filter(|it| it.is_array()).cloned();
        let reason = details.as_ref().and_then(Value::as_array).into_iter().flatten().find_map(|it| text(it, "reason"));
        let by_reason = reason.and_then(|reason| KNOWN.iter().find(|row| row.1 == reason)).map(|row| row.0);
        let code = by_reason.unwrap_or(match status {
            400 | 422 => -32602,
            404 if words.is_some() && is_a2a(&body, agent) => -32001,
            409 => -32002,
            415 => -32005,
            501 => -32004,
            404 | 405 => INVALID_AGENT_RESPONSE,
            _ => INTERNAL,
        });
        let message = words.map_or_else(|| format!("the agent answered with HTTP status {status}"), str::to_owned);
        Self { code, message, data: details, status: of_infrastructure(status) }
    }

    /// In a client's binding; `id` as JSON-RPC's.
    pub(super) fn answer(&self, dialect: Dialect, id: &Value) -> Answer {
        match dialect.interface() {
            Interface::Rpc => {
                let body = json!({"jsonrpc": "2.0", "id": id, "error": self.rpc(dialect.version())});
                // What cannot even be read is answered as the filter answers it.
                let status = self.status.unwrap_or(if matches!(self.code, -32700 | -32600) { 400 } else { 200 });
                Answer::new(status, "application/json", body.to_string().into_bytes())
            }
            Interface::Rest => {
                let (status, body) = self.http();
                Answer::new(status, super::answer::media_type(dialect), body.to_string().into_bytes())
            }
        }
    }

    /// As the `error` of JSON-RPC.
    pub(super) fn rpc(&self, version: ProtocolVersion) -> Value {
        let mut error = Map::new();
        error.insert("code".into(), self.code.into());
        error.insert("message".into(), self.message.clone().into());
        let info = || (version == ProtocolVersion::V1_0).then(|| self.info()).flatten().map(|info| json!([info]));
        if let Some(data) = self.data.clone().or_else(info) {
            error.insert("data".into(), data);
        }
        Value::Object(error)
    }

    /// As status and body of HTTP+JSON.
    pub(super) fn http(&self) -> (u16, Value) {
        let row = KNOWN.iter().find(|row| row.0 == self.code);
        let status = self.status.unwrap_or(row.map_or(500, |row| row.2));
        let name = match (row, self.status) {
            (Some(row), None) => row.3,
            _ => google_name(status),
        };
        let details = match &self.data {
            Some(Value::Array(details)) => details.clone(),
            Some(other) => {
                vec![json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"data": other}})]
            }
            None => self.info().into_iter().collect(),
        };
        let error = json!({"code": status, "status": name, "message": self.message, "details": details});
        (status, json!({ "error": error }))
    }

    fn info(&self) -> Option<Value> {
        let reason = KNOWN.iter().find(|row| row.0 == self.code)?.1;
        Some(json!({"@type": ERROR_INFO, "reason": reason, "domain": DOMAIN, "metadata": {}}))
    }
}

/// Whether a body is an A2A error's: in an `error`, or, as `a2a-sdk` 0.3 has it over HTTP+JSON, a message and nothing else. From others
/// that is a proxy's.
fn is_a2a(body: &Value, agent: Dialect) -> bool {
    let is_bare = agent == Dialect::HttpJson03 && text(body, "message").is_some();
    body.get("error").is_some() || (is_bare && body.as_object().is_some_and(|body| body.len() == 1))
}

/// A status that is not A2A's to give. An agent that refuses the gateway's credential is a bad gateway to the client: it cannot log in
/// any better.
fn of_infrastructure(status: u16) -> Option<u16> {
    match status {
        401 | 403 | 407 => Some(502),
        408 | 413 | 429 | 502.. => Some(status),
        _ => None,
    }
}

fn google_name(status: u16) -> &'static str {
    match status {
        400 | 413 => "INVALID_ARGUMENT",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Answers a request whose agent is not among the settings: they are on their way, or the agent has just gone.
#[must_use]
pub fn unavailable() -> Answer {
    let error =
        json!({"code": "UNAVAILABLE", "message": "the gateway does not know this agent yet: try again", "details": {}});
    Answer::new(503, "application/json", json!({ "error": error }).to_string().into_bytes())
}

/// Answers a request whose body is encoded.
#[must_use]
pub fn unreadable(interface: Interface) -> Answer {
    let message = "the body must be JSON without content-encoding";
    let fault = Fault { code: -32600, message: message.into(), data: None, status: None };
    Answer { status: 415, ..fault.answer(Dialect::new(interface, ProtocolVersion::V1_0), &Value::Null) }
}

/// Answers a request whose body is longer than `limit` bytes.
#[must_use]
pub fn too_large(interface: Interface, limit: usize) -> Answer {
    let message = format!("the body is longer than {limit} bytes");
    let fault = Fault { code: -32600, message, data: None, status: Some(413) };
    fault.answer(Dialect::new(interface, ProtocolVersion::V1_0), &Value::Null)
}
