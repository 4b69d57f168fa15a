//! The request for the agent: its parameters in the agent's model, with the agent's ids, in the agent's binding.

use serde_json::{Map, Value, json};
use tollgate_policy::Operation;
use tollgate_policy::document::{Dialect, Interface, ProtocolVersion};

use super::answer::Exchange;
use super::call::{Call, Refused};
use super::{Ids, method, model, rest};
use crate::convert::{self, Refusal, params_from_hub, params_to_hub};

/// What the agent gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// HTTP's method.
    pub verb: &'static str,
    /// Below the interface's place at the backend, with its query; empty in JSON-RPC.
    pub path: String,
    /// What becomes of `A2A-Version`.
    pub version: VersionHeader,
    /// What answers are taken.
    pub accept: &'static str,
    /// The body and its media type, if there is one.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// What becomes of the request's `A2A-Version` (v1.0 section 3.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionHeader {
    /// It stays as the client sent it, there or not.
    Kept,
    /// It is this.
    Is(&'static str),
    /// It goes: 0.3 has none.
    Removed,
}

impl Call {
    /// The request for an agent that speaks `to`, and what its answer will be translated by.
    ///
    /// # Errors
    /// What the agent's dialect has no place for, or an id that the client was never given.
    pub fn write(mut self, to: Dialect, ids: &dyn Ids) -> Result<(Outgoing, Exchange), Refused> {
        let (from, operation) = (self.dialect, self.operation);
        let id = self.id.clone();
        let refused = |refusal| Refused::new(refusal, from, &id);
        if from == to && !ids.is_active() {
            return Ok(self.unchanged());
        }
        let params = std::mem::take(&mut self.params);
        let params = if from == to {
            owned(operation, params, ids).map_err(refused)?
        } else {
            let hub = params_to_hub(operation, model(from), params).map_err(refused)?;
            params_from_hub(operation, model(to), owned(operation, hub, ids).map_err(refused)?).map_err(refused)?
        };
        let exchange = Exchange::new(from, to, operation, id.clone());
        let outgoing = match to.interface() {
            Interface::Rpc => self.write_rpc(to, params),
            Interface::Rest => write_rest(operation, to, params).map_err(refused)?,
        };
        let version = match to.version() {
            _ if from == to => VersionHeader::Kept,
            ProtocolVersion::V1_0 => VersionHeader::Is("1.0"),
            ProtocolVersion::V0_3 => VersionHeader::Removed,
        };
        Ok((Outgoing { version, ..outgoing }, exchange))
    }

    /// In one dialect, with nobody's ids to replace, it is what it was, byte for byte.
    fn unchanged(self) -> (Outgoing, Exchange) {
        let content_type = match self.dialect.interface() {
            Interface::Rpc => "application/json",
            Interface::Rest => super::answer::media_type(self.dialect),
        };
        let outgoing = Outgoing {
            verb: self.raw.verb,
            path: self.raw.path,
            version: VersionHeader::Kept,
            accept: accept(self.operation, self.dialect),
            body: (!self.raw.body.is_empty()).then_some((content_type, self.raw.body)),
        };
        (outgoing, Exchange::new(self.dialect, self.dialect, self.operation, self.id))
    }

    fn write_rpc(mut self, to: Dialect, params: Value) -> Outgoing {
        let mut envelope = if self.dialect == to {
            std::mem::take(&mut self.envelope)
        } else {
            let method = method::name(self.operation, to.version());
            // HTTP+JSON has no id to answer to, and JSON-RPC answers nothing without one.
            let id = if self.id.is_null() { json!("1") } else { self.id.clone() };
            Map::from_iter([
                ("jsonrpc".to_owned(), json!("2.0")),
                ("id".to_owned(), id),
                ("method".to_owned(), json!(method)),
            ])
        };
        let is_empty = params.as_object().is_some_and(Map::is_empty);
        // 0.3's extended card has no parameters at all.
        if !(is_empty && self.operation == Operation::GetExtendedCard) {
            envelope.insert("params".to_owned(), params);
        }
        Outgoing {
            verb: "POST",
            path: String::new(),
            version: VersionHeader::Kept,
            accept: accept(self.operation, to),
            body: Some(("application/json", Value::Object(envelope).to_string().into_bytes())),
        }
    }
}

fn write_rest(operation: Operation, to: Dialect, params: Value) -> Result<Outgoing, Refusal> {
    let Value::Object(params) = params else {
        return Err(Refusal::new(Refusal::INVALID_PARAMS, "params must be an object"));
    };
    let line = rest::line(operation, to.version(), params)?;
    let body = line.body.map(|body| (super::answer::media_type(to), Value::Object(body).to_string().into_bytes()));
    Ok(Outgoing { verb: line.verb, path: line.path, version: VersionHeader::Kept, accept: accept(operation, to), body })
}

fn accept(operation: Operation, to: Dialect) -> &'static str {
    match (operation, to.interface()) {
        (Operation::SendStreamingMessage | Operation::SubscribeToTask, _) => "text/event-stream, application/json",
        (_, Interface::Rpc) => "application/json",
        (_, Interface::Rest) => "application/a2a+json, application/json",
    }
}

/// The parameters with the agent's ids in them.
fn owned(operation: Operation, mut params: Value, ids: &dyn Ids) -> Result<Value, Refusal> {
    if ids.is_active() {
        convert::visit_params(operation, &mut params, &mut |kind, id| ids.inward(kind, id))?;
        if operation.may_carry_push_config() {
            place(&mut params, ids);
        }
    }
    Ok(params)
}

/// Puts a send that names neither task nor context into a context of the caller's.
fn place(params: &mut Value, ids: &dyn Ids) {
    let Some(params) = params.as_object_mut() else { return };
    let name = if params.contains_key("message") { "message" } else { "request" };
    let Some(message) = params.get_mut(name).and_then(Value::as_object_mut) else { return };
    let names = ["taskId", "task_id", "contextId", "context_id"];
    let is_placed =
        names.iter().any(|name| message.get(*name).and_then(Value::as_str).is_some_and(|id| !id.is_empty()));
    if let (false, Some(context)) = (is_placed, ids.new_context()) {
        message.remove("context_id");
        message.insert("contextId".to_owned(), context.into());
    }
}
