//! Tasks, their status and their artifacts (v1.0 sections 4.1.1 to 4.1.3 and 4.1.7, v0.3 sections 6.1 to 6.3 and 6.7).

use serde_json::{Value, json};

use super::message::{message, unkind};
use super::object::{Object, Shape};
use super::part::part;
use super::refusal::Refusal;
use super::way::{Older, Towards, Way};

const TASK: Shape = Shape {
    what: "task",
    texts: &["id", "contextId"],
    objects: &["metadata", "status"],
    lists: &["history", "artifacts"],
    others: &[],
};
const STATUS: Shape =
    Shape { what: "status", texts: &["timestamp"], objects: &["message", "update"], lists: &[], others: &["state"] };
const ARTIFACT: Shape = Shape {
    what: "artifact",
    texts: &["artifactId", "name", "description"],
    objects: &["metadata"],
    lists: &["parts", "extensions"],
    others: &[],
};

/// A state as the three models write it, at the place of its number in both protobuf packages.
pub(super) struct State {
    v1: &'static str,
    rpc: &'static str,
    rest: &'static str,
    /// Whether a 0.3 stream ends with it: it is terminal, or the task waits for the client.
    pub(super) ends: End,
}

/// Whether a state is the last of a 0.3 stream (v0.3 section 7.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing follows on this stream.
    Final,
    /// More follows.
    Open,
}

const fn state(v1: &'static str, rpc: &'static str, rest: &'static str, ends: End) -> State {
    State { v1, rpc, rest, ends }
}

const STATES: [State; 9] = [
    state("TASK_STATE_UNSPECIFIED", "unknown", "TASK_STATE_UNSPECIFIED", End::Open),
    state("TASK_STATE_SUBMITTED", "submitted", "TASK_STATE_SUBMITTED", End::Open),
    state("TASK_STATE_WORKING", "working", "TASK_STATE_WORKING", End::Open),
    state("TASK_STATE_COMPLETED", "completed", "TASK_STATE_COMPLETED", End::Final),
    state("TASK_STATE_FAILED", "failed", "TASK_STATE_FAILED", End::Final),
    state("TASK_STATE_CANCELED", "canceled", "TASK_STATE_CANCELLED", End::Final),
    state("TASK_STATE_INPUT_REQUIRED", "input-required", "TASK_STATE_INPUT_REQUIRED", End::Final),
    state("TASK_STATE_REJECTED", "rejected", "TASK_STATE_REJECTED", End::Final),
    state("TASK_STATE_AUTH_REQUIRED", "auth-required", "TASK_STATE_AUTH_REQUIRED", End::Final),
];

/// A task, `way`.
pub(super) fn task(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut task = Object::read(value, &TASK, way)?;
    match (way.towards, way.older) {
        (Towards::Hub, Older::Rpc) => unkind(&mut task, "task")?,
        (Towards::Older, Older::Rpc) => {
            task.put("kind", "task");
            task.or_put("contextId", "");
            task.or_put("status", json!({}));
        }
        (_, Older::Rest) => {}
    }
    task.change("status", status)?;
    task.change_each("history", message)?;
    task.change_each("artifacts", artifact)?;
    Ok(task.into_value())
}

/// A task's status, `way`.
pub(super) fn status(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut status = Object::read(value, &STATUS, way)?;
    if way.older == Older::Rest && way.towards == Towards::Hub {
        status.rename("update", "message")?;
    }
    let state = state_of(&status, way)?;
    match (way.towards, way.older) {
        (Towards::Hub, _) => status.put("state", state.v1),
        (Towards::Older, Older::Rpc) => status.put("state", state.rpc),
        (Towards::Older, Older::Rest) => status.put("state", state.rest),
    }
    status.change("message", message)?;
    Ok(status.into_value())
}

/// The state that `status` tells, where the `way` starts.
pub(super) fn state_of(status: &Object, way: Way) -> Result<&'static State, Refusal> {
    let known = match status.get("state") {
        None => STATES.first(),
        Some(Value::String(name)) => STATES.iter().find(|state| match (way.towards, way.older) {
            (Towards::Older, _) => state.v1 == name,
            (Towards::Hub, Older::Rpc) => state.rpc == name,
            (Towards::Hub, Older::Rest) => state.rest == name || state.v1 == name,
        }),
        Some(Value::Number(number)) => {
            number.as_u64().and_then(|index| usize::try_from(index).ok()).and_then(|index| STATES.get(index))
        }
        Some(_) => None,
    };
    known.ok_or_else(|| status.malformed("state", "must be a task state"))
}

/// An artifact, `way`.
pub(super) fn artifact(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut artifact = Object::read(value, &ARTIFACT, way)?;
    artifact.or_put("parts", json!([]));
    artifact.change_each("parts", part)?;
    Ok(artifact.into_value())
}
