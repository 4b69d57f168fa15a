//! What a stream tells and a send answers: a task, a message, a status update or an artifact update (v1.0 sections 3.2.2, 3.2.3 and
//! 4.2, v0.3 sections 7.2.2 and 7.2.3).
//!
//! 1.0 and 0.3 over HTTP+JSON wrap each in an object with one member that names it; 0.3 over JSON-RPC gives it bare, with a `kind`.

use serde_json::Value;

use super::message::{message, unkind};
use super::object::{Object, Shape, snake};
use super::refusal::Refusal;
use super::task::{End, artifact, state_of, status, task};
use super::way::{Older, Towards, Way};

const WRAPPER: Shape = Shape {
    what: "event",
    texts: &[],
    objects: &["task", "message", "msg", "statusUpdate", "artifactUpdate"],
    lists: &[],
    others: &[],
};
const UPDATE: Shape = Shape {
    what: "update",
    texts: &["taskId", "contextId"],
    objects: &["metadata", "status", "artifact"],
    lists: &[],
    others: &["append", "lastChunk", "final"],
};

/// The wrapped name, the `kind`, and how it travels.
type Payload = (&'static str, &'static str, fn(Value, Way) -> Result<Value, Refusal>);

const TASK: Payload = ("task", "task", task);
const MESSAGE: Payload = ("message", "message", message);
const EVENTS: [Payload; 4] = [
    TASK,
    MESSAGE,
    ("statusUpdate", "status-update", status_update),
    ("artifactUpdate", "artifact-update", artifact_update),
];

/// What a send answers at once: a task or a message.
pub(super) fn answer(value: Value, way: Way) -> Result<Value, Refusal> {
    payload(value, &[TASK, MESSAGE], way)
}

/// One event of a stream.
pub(super) fn event(value: Value, way: Way) -> Result<Value, Refusal> {
    payload(value, &EVENTS, way)
}

fn payload(value: Value, payloads: &[Payload], way: Way) -> Result<Value, Refusal> {
    if (way.towards, way.older) == (Towards::Hub, Older::Rpc) {
        let (name, _, convert) = *bare(&value, payloads, way)?;
        return Ok(wrapped(name, convert(value, way)?, way));
    }
    let mut wrapper = Object::read(value, &WRAPPER, way)?;
    wrapper.rename("msg", "message")?;
    let found: Vec<_> = payloads.iter().filter(|(name, ..)| wrapper.get(name).is_some()).collect();
    let &[&(name, _, convert)] = found.as_slice() else {
        return Err(way.malformed("the answer must have one payload, of a kind that it may have"));
    };
    let inner = convert(wrapper.take(name).unwrap_or_default(), way)?;
    Ok(match (way.towards, way.older) {
        (Towards::Older, Older::Rpc) => inner,
        _ => wrapped(name, inner, way),
    })
}

fn wrapped(name: &str, inner: Value, way: Way) -> Value {
    let mut wrapper = Object::new("event", way);
    wrapper.put(name, inner);
    wrapper.into_value()
}

/// What a bare object is, by its `kind`; without one, by the member that only it has.
fn bare<'a>(value: &Value, payloads: &'a [Payload], way: Way) -> Result<&'a Payload, Refusal> {
    let has = |name: &str| value.get(name).or_else(|| value.get(snake(name))).is_some();
    let kind = match value.get("kind") {
        Some(kind) => kind.as_str().unwrap_or_default(),
        None if has("messageId") => "message",
        None if has("artifact") => "artifact-update",
        None if has("taskId") => "status-update",
        None if has("id") => "task",
        None => "",
    };
    let known = payloads.iter().find(|(_, name, _)| *name == kind);
    known.ok_or_else(|| way.malformed("the answer must be of a kind that it may have"))
}

fn status_update(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut update = Object::read(value, &UPDATE, way)?;
    match way.towards {
        Towards::Hub => {
            // Said by the state, and by the end of the stream.
            update.take("final");
            if way.older == Older::Rpc {
                unkind(&mut update, "status-update")?;
            }
        }
        Towards::Older => {
            update.or_put("status", Value::Object(serde_json::Map::new()));
            update.put("final", ends(&update, way)? == End::Final);
            if way.older == Older::Rpc {
                update.put("kind", "status-update");
                update.or_put("contextId", "");
            }
        }
    }
    update.change("status", status)?;
    Ok(update.into_value())
}

fn ends(update: &Object, way: Way) -> Result<End, Refusal> {
    const STATE: Shape = Shape { what: "status", texts: &[], objects: &[], lists: &[], others: &["state"] };
    let status = Object::read(update.get("status").cloned().unwrap_or_default(), &STATE, way)?;
    Ok(state_of(&status, way)?.ends)
}

fn artifact_update(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut update = Object::read(value, &UPDATE, way)?;
    if way.older == Older::Rpc {
        match way.towards {
            Towards::Hub => unkind(&mut update, "artifact-update")?,
            Towards::Older => {
                update.put("kind", "artifact-update");
                update.or_put("contextId", "");
            }
        }
    }
    update.change("artifact", artifact)?;
    Ok(update.into_value())
}
