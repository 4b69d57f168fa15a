//! The three JSON models of A2A, and the ways between them. The model of 1.0 is the hub: everything goes there and from there.
//!
//! A member that a model does not know stays where it is. What the other version has no place for is refused, never dropped:
//!
//! - 1.0 to 0.3: a `tenant`; a history length of zero is sent as it is, though 0.3 agents read it as no limit; a webhook in a send that
//!   is for another task than the message's; `pageSize` and `pageToken` of webhooks (JSON-RPC); the metadata of a cancellation, the
//!   `referenceTaskIds` of a message and ids with a slash in webhooks' names (HTTP+JSON); an answer's `nextPageToken` (JSON-RPC); a message
//!   without a role; a part without content, or whose metadata would be taken for the gateway's own notes (see `part`).
//! - 0.3 to 1.0: more than one scheme of authentication; the metadata of reads and of webhook operations; a webhook read by its task alone.
//! - [`Operation::ListTasks`] does not exist in 0.3.
//!
//! `final` of a status update is left out of 1.0, where the state and the end of the stream say it, and told to 0.3 clients by the state.
//! Every function is total: JSON of the wrong shape is refused, -32602 in a request, -32006 in a result.

mod event;
pub mod ids;
mod message;
mod object;
mod params;
mod part;
mod push;
pub mod refusal;
mod task;
mod way;

use serde_json::{Value, json};
use tollgate_policy::Operation;

pub use ids::{visit_params, visit_result};
pub use refusal::Refusal;
use way::{Cargo, Older, Towards, Way};

/// A JSON model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// ProtoJSON of package `lf.a2a.v1`: protocol 1.0, both bindings.
    V1,
    /// The JSON schema of protocol 0.3, as its JSON-RPC binding carries it.
    V03Rpc,
    /// ProtoJSON of package `a2a.v1`: protocol 0.3, as its HTTP+JSON binding carries it.
    V03Rest,
}

impl Model {
    fn way(self, towards: Towards, cargo: Cargo) -> Option<Way> {
        let older = match self {
            Self::V1 => return None,
            Self::V03Rpc => Older::Rpc,
            Self::V03Rest => Older::Rest,
        };
        Some(Way { older, towards, cargo })
    }
}

/// The parameters of a request in `model`, in the hub's.
///
/// # Errors
/// Parameters of the wrong shape, or that 1.0 has no place for.
pub fn params_to_hub(operation: Operation, model: Model, params: Value) -> Result<Value, Refusal> {
    params_along(operation, model.way(Towards::Hub, Cargo::Request), params)
}

/// The parameters of a request in the hub's model, in `model`. A send always says whether the agent must wait.
///
/// # Errors
/// Parameters of the wrong shape, or that `model` has no place for.
pub fn params_from_hub(operation: Operation, model: Model, params: Value) -> Result<Value, Refusal> {
    params_along(operation, model.way(Towards::Older, Cargo::Request), params)
}

/// The answer of an agent that speaks `model`, in the hub's; of a streaming operation, one event.
///
/// # Errors
/// An answer of the wrong shape, or that 1.0 has no place for.
pub fn result_to_hub(operation: Operation, model: Model, result: Value) -> Result<Value, Refusal> {
    result_along(operation, model.way(Towards::Hub, Cargo::Result), result)
}

/// The answer in the hub's model, for a client that speaks `model`; of a streaming operation, one event.
///
/// # Errors
/// An answer of the wrong shape, or that `model` has no place for.
pub fn result_from_hub(operation: Operation, model: Model, result: Value) -> Result<Value, Refusal> {
    result_along(operation, model.way(Towards::Older, Cargo::Result), result)
}

/// One event of a stream of an agent that speaks `model`, in the hub's: an object with one of `task`, `message`, `statusUpdate`,
/// `artifactUpdate`.
///
/// # Errors
/// As [`result_to_hub`].
pub fn event_to_hub(model: Model, event: Value) -> Result<Value, Refusal> {
    result_to_hub(Operation::SendStreamingMessage, model, event)
}

/// One event of a stream in the hub's model, for a client that speaks `model`.
///
/// # Errors
/// As [`result_from_hub`].
pub fn event_from_hub(model: Model, event: Value) -> Result<Value, Refusal> {
    result_from_hub(Operation::SendStreamingMessage, model, event)
}

fn params_along(operation: Operation, way: Option<Way>, params: Value) -> Result<Value, Refusal> {
    let Some(way) = way else { return Ok(params) };
    match operation {
        Operation::SendMessage | Operation::SendStreamingMessage => params::send(params, way),
        Operation::GetTask | Operation::CancelTask | Operation::SubscribeToTask => params::task(operation, params, way),
        Operation::ListTasks => Err(unsupported(operation)),
        Operation::CreatePushConfig => push::create(params, way),
        Operation::GetPushConfig | Operation::ListPushConfigs | Operation::DeletePushConfig => {
            params::webhooks(operation, params, way)
        }
        Operation::GetExtendedCard => params::card(params, way),
    }
}

fn result_along(operation: Operation, way: Option<Way>, result: Value) -> Result<Value, Refusal> {
    let Some(way) = way else { return Ok(result) };
    match operation {
        Operation::SendMessage => event::answer(result, way),
        Operation::SendStreamingMessage | Operation::SubscribeToTask => event::event(result, way),
        Operation::GetTask | Operation::CancelTask => task::task(result, way),
        Operation::ListTasks => Err(unsupported(operation)),
        Operation::CreatePushConfig | Operation::GetPushConfig => push::config(result, way),
        Operation::ListPushConfigs => push::configs(result, way),
        Operation::DeletePushConfig => deleted(&result, way),
        Operation::GetExtendedCard => Ok(result),
    }
}

/// The answer to a deletion says nothing: `null` in 0.3 over JSON-RPC, an empty object elsewhere.
fn deleted(result: &Value, way: Way) -> Result<Value, Refusal> {
    let says_nothing = result.is_null() || result.as_object().is_some_and(serde_json::Map::is_empty);
    match (way.towards, way.older) {
        _ if !says_nothing => Err(way.malformed("the answer to a deletion must be empty")),
        (Towards::Older, Older::Rpc) => Ok(Value::Null),
        _ => Ok(json!({})),
    }
}

fn unsupported(operation: Operation) -> Refusal {
    Refusal::new(Refusal::UNSUPPORTED_OPERATION, format!("{} does not exist in A2A 0.3", operation.name()))
}
