//! Webhooks: `TaskPushNotificationConfig` (v1.0 section 4.3, v0.3 section 6.8 to 6.10).
//!
//! 1.0 has one flat object. 0.3 keeps the webhook in an object of its own, beside the task's id (JSON-RPC) or the resource name
//! `tasks/{task}/pushNotificationConfigs/{id}` (HTTP+JSON), and lists the schemes of which 1.0 names one.

use serde_json::{Value, json};

use super::object::{Object, Shape, each};
use super::refusal::Refusal;
use super::way::{Cargo, Older, Towards, Way};

const FLAT: Shape = Shape {
    what: "webhook",
    texts: &["tenant", "id", "taskId", "url", "token"],
    objects: &["authentication"],
    lists: &[],
    others: &[],
};
const NESTED: Shape = Shape {
    what: "webhook",
    texts: &["taskId", "name", "parent", "configId"],
    objects: &["pushNotificationConfig", "config"],
    lists: &[],
    others: &[],
};
const AUTHENTICATION: Shape =
    Shape { what: "authentication", texts: &["scheme", "credentials"], objects: &[], lists: &["schemes"], others: &[] };
const LIST: Shape =
    Shape { what: "webhooks", texts: &["nextPageToken"], objects: &[], lists: &["configs"], others: &[] };

/// The webhook alone: 0.3's `PushNotificationConfig`, and in 1.0 the flat object without the task's id.
pub(super) fn webhook(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut webhook = Object::read(value, &FLAT, way)?;
    if way.towards == Towards::Older {
        webhook.drop_if_idle("tenant")?;
        webhook.drop_if_idle("taskId")?;
        webhook.drop_empty(&["id", "token"]);
    }
    webhook.change("authentication", authentication)?;
    Ok(webhook.into_value())
}

fn authentication(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut authentication = Object::read(value, &AUTHENTICATION, way)?;
    if way.towards == Towards::Older {
        authentication.drop_empty(&["scheme", "credentials"]);
        let schemes: Vec<Value> = authentication.take("scheme").into_iter().collect();
        authentication.put("schemes", schemes);
        return Ok(authentication.into_value());
    }
    let schemes = authentication.take("schemes").unwrap_or_else(|| json!([]));
    match schemes.as_array().map(Vec::as_slice) {
        Some([]) => {}
        Some([scheme @ Value::String(_)]) => authentication.put("scheme", scheme.clone()),
        Some([_]) => return Err(authentication.malformed("schemes", "must be strings")),
        _ => return Err(authentication.malformed("schemes", "must be one at most to be said in A2A 1.0")),
    }
    Ok(authentication.into_value())
}

/// The webhook of a task.
pub(super) fn config(value: Value, way: Way) -> Result<Value, Refusal> {
    match way.towards {
        Towards::Hub => {
            let mut outer = Object::read(value, &NESTED, way)?;
            let mut flat = inner_to_hub(&mut outer, way)?;
            if way.older == Older::Rest {
                let name = outer.take("name").unwrap_or_default();
                let names = name.as_str().and_then(Name::parse);
                let Name { task, config } =
                    names.ok_or_else(|| outer.malformed("name", "must name a task's webhook"))?;
                outer.put("taskId", task);
                name_it(&mut flat, config)?;
            }
            outer.absorb(flat);
            Ok(outer.into_value())
        }
        Towards::Older => {
            let (task, webhook) = split(value, way)?;
            nested(task, webhook, way)
        }
    }
}

/// All webhooks of a task.
pub(super) fn configs(value: Value, way: Way) -> Result<Value, Refusal> {
    if (way.towards, way.older) == (Towards::Hub, Older::Rpc) {
        return Ok(json!({ "configs": each(value, way, config)? }));
    }
    let mut list = Object::read(value, &LIST, way)?;
    list.or_put("configs", json!([]));
    list.change_each("configs", config)?;
    if (way.towards, way.older) == (Towards::Older, Older::Rpc) {
        list.drop_if_idle("nextPageToken")?;
        return Ok(list.take("configs").unwrap_or_default());
    }
    Ok(list.into_value())
}

/// The parameters that register a webhook. Over HTTP+JSON the task is in the path and comes as `taskId`; the body is what the Python SDK
/// sends and wants, a `CreateTaskPushNotificationConfigRequest`. Its `config` alone, which the proto's annotation calls the body, is
/// understood as well.
pub(super) fn create(value: Value, way: Way) -> Result<Value, Refusal> {
    match (way.towards, way.older) {
        (_, Older::Rpc) => config(value, way),
        (Towards::Hub, Older::Rest) => rest_create_to_hub(value, way),
        (Towards::Older, Older::Rest) => {
            let (task, webhook) = split(value, way)?;
            let mut request = Object::new("params", way);
            request.put("parent", written(task.clone(), None, way)?);
            if let Some(id) = webhook.text("id") {
                request.put("configId", id);
            }
            request.put("taskId", task.clone());
            request.put("config", nested(task, webhook, way)?);
            Ok(request.into_value())
        }
    }
}

fn rest_create_to_hub(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut request = Object::read(value, &NESTED, way)?;
    let mut outer = match request.take("config") {
        Some(config) => Object::read(config, &NESTED, way)?,
        None => {
            let mut outer = Object::new("webhook", way);
            for name in ["name", "pushNotificationConfig"] {
                if let Some(value) = request.take(name) {
                    outer.put(name, value);
                }
            }
            // Its name is the only place for its id; beside a request's configId, it is not: the Python SDK writes what it does not know.
            if let Some(Name { config: Some(id), .. }) = outer.text("name").and_then(Name::parse) {
                request.or_put("configId", id);
            }
            outer
        }
    };
    let task = request.text("taskId").map(str::to_owned);
    for (object, name) in [(&request, "parent"), (&outer, "name")] {
        let named = object.text(name).map(|text| Name::parse(text).map(|name| name.task));
        if named.is_some_and(|named| task.is_some() && named != task) {
            return Err(object.malformed(name, "must name the task of the path"));
        }
    }
    let mut flat = inner_to_hub(&mut outer, way)?;
    name_it(&mut flat, request.text("configId").map(str::to_owned))?;
    for name in ["parent", "configId"] {
        request.take(name);
    }
    request.absorb(flat);
    Ok(request.into_value())
}

fn inner_to_hub(outer: &mut Object, way: Way) -> Result<Object, Refusal> {
    let inner = outer.take("pushNotificationConfig");
    let inner = inner.ok_or_else(|| outer.malformed("pushNotificationConfig", "must be there"))?;
    Object::read(webhook(inner, way)?, &FLAT, way)
}

/// Gives the webhook the id that its name or its request tells, which must be its own if it has one.
fn name_it(webhook: &mut Object, id: Option<String>) -> Result<(), Refusal> {
    let Some(id) = id else { return Ok(()) };
    match webhook.text("id") {
        Some(own) if own != id => Err(webhook.malformed("id", "must be the one in its name")),
        _ => {
            webhook.put("id", id);
            Ok(())
        }
    }
}

/// The task's id and the webhook of a flat object, the webhook in 0.3.
fn split(value: Value, way: Way) -> Result<(String, Object), Refusal> {
    let mut flat = Object::read(value, &FLAT, way)?;
    let task = flat.text("taskId").map(str::to_owned);
    let task = task.ok_or_else(|| flat.malformed("taskId", "must be there"))?;
    flat.take("taskId");
    Ok((task, Object::read(webhook(flat.into_value(), way)?, &FLAT, way)?))
}

fn nested(task: String, webhook: Object, way: Way) -> Result<Value, Refusal> {
    let mut outer = Object::new("webhook", way);
    match (way.older, webhook.text("id").map(str::to_owned)) {
        (Older::Rpc, _) => outer.put("taskId", task),
        (Older::Rest, None) if way.cargo == Cargo::Request => {}
        (Older::Rest, None) => return Err(webhook.malformed("id", "must be there")),
        (Older::Rest, id) => outer.put("name", written(task, id, way)?),
    }
    outer.put("pushNotificationConfig", webhook.into_value());
    Ok(outer.into_value())
}

fn written(task: String, config: Option<String>, way: Way) -> Result<String, Refusal> {
    let name = Name { task, config }.write();
    name.ok_or_else(|| way.malformed(format!("an id with a slash cannot be said in A2A {}", way.target())))
}

/// The resource name of a task, or of a webhook of it, in package `a2a.v1`.
pub(super) struct Name {
    pub(super) task: String,
    pub(super) config: Option<String>,
}

impl Name {
    const CONFIGS: &str = "pushNotificationConfigs";

    /// Reads `tasks/{task}` or `tasks/{task}/pushNotificationConfigs[/{config}]`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut segments = name.split('/');
        if segments.next()? != "tasks" {
            return None;
        }
        let task = segments.next().filter(|task| !task.is_empty())?.to_owned();
        if segments.next().is_some_and(|configs| configs != Self::CONFIGS) {
            return None;
        }
        let config = segments.next().filter(|config| !config.is_empty()).map(str::to_owned);
        segments.next().is_none().then_some(Self { task, config })
    }

    /// Writes it. `None`: an id has a slash, and cannot be part of a name.
    pub(super) fn write(&self) -> Option<String> {
        if self.task.contains('/') || self.config.as_deref().is_some_and(|config| config.contains('/')) {
            return None;
        }
        Some(match &self.config {
            None => format!("tasks/{}", self.task),
            Some(config) => format!("tasks/{}/{}/{config}", self.task, Self::CONFIGS),
        })
    }
}
