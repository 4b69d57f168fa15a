//! Messages (v1.0 section 4.1.4, v0.3 section 6.4).

use serde_json::{Value, json};

use super::object::{Object, Shape};
use super::part::part;
use super::refusal::Refusal;
use super::way::{Older, Towards, Way};

const SHAPE: Shape = Shape {
    what: "message",
    texts: &["messageId", "contextId", "taskId"],
    objects: &["metadata"],
    lists: &["parts", "content", "extensions", "referenceTaskIds"],
    others: &["role"],
};
/// Roles in ProtoJSON, at the place of their number, and in the JSON schema of 0.3.
const ROLES: [(&str, &str); 3] = [("ROLE_UNSPECIFIED", ""), ("ROLE_USER", "user"), ("ROLE_AGENT", "agent")];

/// A message, `way`.
pub(super) fn message(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut message = Object::read(value, &SHAPE, way)?;
    match (way.towards, way.older) {
        (Towards::Hub, Older::Rpc) => {
            unkind(&mut message, "message")?;
            role(&mut message, |(_, rpc)| rpc, |(proto, _)| proto)?;
        }
        (Towards::Older, Older::Rpc) => {
            message.put("kind", "message");
            role(&mut message, |(proto, _)| proto, |(_, rpc)| rpc)?;
            message.drop_empty(&["contextId", "taskId"]);
        }
        (Towards::Hub, Older::Rest) => {
            message.rename("content", "parts")?;
            role(&mut message, |(proto, _)| proto, |(proto, _)| proto)?;
        }
        (Towards::Older, Older::Rest) => {
            message.drop_if_idle("referenceTaskIds")?;
            role(&mut message, |(proto, _)| proto, |(proto, _)| proto)?;
        }
    }
    message.or_put("parts", json!([]));
    message.change_each("parts", part)?;
    if (way.towards, way.older) == (Towards::Older, Older::Rest) {
        message.rename("parts", "content")?;
    }
    Ok(message.into_value())
}

/// Takes away the `kind` of an object, which must be `kind` if it is there.
pub(super) fn unkind(object: &mut Object, kind: &str) -> Result<(), Refusal> {
    match object.take("kind") {
        None => Ok(()),
        Some(found) if found == kind => Ok(()),
        Some(_) => Err(object.malformed("kind", &format!("must be {kind}"))),
    }
}

type Names = (&'static str, &'static str);

fn role(message: &mut Object, from: fn(Names) -> &'static str, to: fn(Names) -> &'static str) -> Result<(), Refusal> {
    let role = message.take("role").unwrap_or_default();
    let known = match &role {
        Value::String(name) => ROLES.into_iter().skip(1).find(|names| from(*names) == name),
        Value::Number(number) => {
            let index = number.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|index| *index > 0);
            index.and_then(|index| ROLES.get(index).copied())
        }
        _ => None,
    };
    let names = known.ok_or_else(|| message.malformed("role", "must be the user's or the agent's"))?;
    message.put("role", to(names));
    Ok(())
}
