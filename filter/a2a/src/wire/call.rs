//! A client's request, read: strictly, because the filter that decided about it read it the same way.

use serde_json::{Map, Value};
use tollgate_policy::a2a::http_json::{self, Asked};
use tollgate_policy::a2a::{jsonrpc, push};
use tollgate_policy::document::{Dialect, Interface, ProtocolVersion};
use tollgate_policy::{Operation, json::JsonFault};

use super::answer::Answer;
use super::fault::Fault;
use super::{method, rest};
use crate::convert::Refusal;

/// What a client wrote.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// HTTP's method.
    pub verb: &'a str,
    /// What follows the agent's place, as it came: `""` or `/` in JSON-RPC, `/tasks/t1` in HTTP+JSON.
    pub path: &'a str,
    /// Without its question mark.
    pub query: &'a str,
    /// The body; empty where there is none.
    pub body: &'a [u8],
}

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub(super) dialect: Dialect,
    pub(super) operation: Operation,
    /// JSON-RPC's; null in HTTP+JSON.
    pub(super) id: Value,
    /// What JSON-RPC's envelope holds beside its parameters.
    pub(super) envelope: Map<String, Value>,
    /// Parameters in the model of the client's dialect; those of HTTP+JSON's path and query among them.
    pub(super) params: Value,
    /// As it came.
    pub(super) raw: Raw,
}

/// A request as it came: what the agent gets where nothing is to be changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raw {
    pub(super) verb: &'static str,
    /// With its query.
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

impl Raw {
    fn new(parts: &RequestParts<'_>) -> Self {
        let verb = match parts.verb {
            "GET" => "GET",
            "DELETE" => "DELETE",
            _ => "POST",
        };
        let separator = if parts.query.is_empty() { "" } else { "?" };
        let path = format!("{}{separator}{}", parts.path.trim_end_matches('/'), parts.query);
        Self { verb, path, body: parts.body.to_vec() }
    }
}

/// A request that is refused, with what its answer needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    refusal: Refusal,
    dialect: Dialect,
    id: Value,
}

impl Refused {
    pub(super) fn new(refusal: Refusal, dialect: Dialect, id: &Value) -> Self {
        Self { refusal, dialect, id: id.clone() }
    }

    /// The answer, in the client's binding.
    #[must_use]
    pub fn answer(&self) -> Answer {
        Fault::from(&self.refusal).answer(self.dialect, &self.id)
    }
}

impl Call {
    /// Reads a request in the binding `interface`. In JSON-RPC the method tells the version, in HTTP+JSON the path does.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(interface: Interface, parts: &RequestParts<'_>) -> Result<Self, Refused> {
        match interface {
            Interface::Rpc => Self::read_rpc(parts),
            Interface::Rest => Self::read_rest(parts),
        }
    }

    /// The dialect the client speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it asks for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    fn read_rpc(parts: &RequestParts<'_>) -> Result<Self, Refused> {
        let body = parts.body;
        let unknown = Dialect::JsonRpc1;
        let request = jsonrpc::read(body).map_err(|fault| {
            let id = serde_json::from_str(fault.id.as_json()).unwrap_or_default();
            let is_parse_error = fault.kind == jsonrpc::RpcFaultKind::Json(JsonFault::Malformed);
            let code = if is_parse_error { PARSE_ERROR } else { INVALID_REQUEST };
            Refused::new(Refusal::new(code, fault.kind.to_string()), unknown, &id)
        })?;
        let id: Value = serde_json::from_str(request.id.as_json()).unwrap_or_default();
        let dialect = Dialect::new(Interface::Rpc, method::version(&request.method));
        let refused = |code, message: &str| Refused::new(Refusal::new(code, message), dialect, &id);
        let operation = Operation::from_method(&request.method);
        let operation = operation.ok_or_else(|| refused(METHOD_NOT_FOUND, "the method is not one of A2A's"))?;
        let Ok(Value::Object(mut envelope)) = serde_json::from_slice(body) else {
            return Err(refused(PARSE_ERROR, "the body is not one JSON object"));
        };
        let params = envelope.remove("params").unwrap_or_else(|| Value::Object(Map::new()));
        Ok(Self { dialect, operation, id, envelope, params, raw: Raw::new(parts) })
    }

    fn read_rest(parts: &RequestParts<'_>) -> Result<Self, Refused> {
        let is_v03 = parts.path.starts_with("/v1/");
        let version = if is_v03 { ProtocolVersion::V0_3 } else { ProtocolVersion::V1_0 };
        let dialect = Dialect::new(Interface::Rest, version);
        let refused = |refusal| Refused::new(refusal, dialect, &Value::Null);
        let Asked::Operation(operation) = http_json::classify(parts.verb.as_bytes(), parts.path) else {
            return Err(refused(Refusal::new(METHOD_NOT_FOUND, "there is nothing at this path")));
        };
        let mut params = match parts.body.trim_ascii() {
            [] => Map::new(),
            body => {
                push::search(body).map_err(|fault| refused(Refusal::new(PARSE_ERROR, format!("the body {fault}"))))?;
                match serde_json::from_slice(body) {
                    Ok(Value::Object(params)) => params,
                    _ => return Err(refused(Refusal::new(PARSE_ERROR, "the body is not a JSON object"))),
                }
            }
        };
        params.extend(rest::parameters(operation, parts.verb, parts.path, parts.query).map_err(refused)?);
        let (id, envelope, params) = (Value::Null, Map::new(), Value::Object(params));
        Ok(Self { dialect, operation, id, envelope, params, raw: Raw::new(parts) })
    }
}

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
