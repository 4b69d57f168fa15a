//! The parameters of the operations (v1.0 section 3.1 and 9.4, v0.3 section 7).

use serde_json::{Value, json};
use tollgate_policy::Operation;

use super::message::message;
use super::object::{Object, Shape};
use super::push::{Name, webhook};
use super::refusal::Refusal;
use super::way::{Older, Towards, Way};

const SEND: Shape = Shape {
    what: "params",
    texts: &["tenant"],
    objects: &["message", "request", "configuration", "metadata"],
    lists: &[],
    others: &[],
};
const CONFIGURATION: Shape = Shape {
    what: "configuration",
    texts: &[],
    objects: &["taskPushNotificationConfig", "pushNotificationConfig", "pushNotification"],
    lists: &["acceptedOutputModes"],
    others: &["historyLength", "blocking", "returnImmediately"],
};
const TASK: Shape = Shape {
    what: "params",
    texts: &["tenant", "id", "name"],
    objects: &["metadata"],
    lists: &[],
    others: &["historyLength"],
};
const WEBHOOK: Shape = Shape {
    what: "params",
    texts: &["tenant", "taskId", "id", "pushNotificationConfigId", "name", "parent", "pageToken"],
    objects: &["metadata"],
    lists: &[],
    others: &["pageSize"],
};

/// What sends a message.
pub(super) fn send(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut params = Object::read(value, &SEND, way)?;
    if way.towards == Towards::Older {
        params.drop_if_idle("tenant")?;
        params.or_put("configuration", json!({}));
    } else if way.older == Older::Rest {
        params.rename("request", "message")?;
    }
    let Some(sent) = params.get("message") else {
        return Err(params.malformed("message", "must be there"));
    };
    let task = ["taskId", "task_id"].iter().find_map(|name| sent.get(name)).and_then(Value::as_str).map(str::to_owned);
    params.change("message", message)?;
    match way.towards {
        Towards::Hub => {
            params.change("configuration", configuration_to_hub)?;
            if params.get("configuration") == Some(&json!({})) {
                params.take("configuration");
            }
        }
        Towards::Older => {
            params.change("configuration", |value, way| configuration_from_hub(value, task.as_deref(), way))?;
            if way.older == Older::Rest {
                params.rename("message", "request")?;
            }
        }
    }
    Ok(params.into_value())
}

fn webhook_name(older: Older) -> &'static str {
    match older {
        Older::Rpc => "pushNotificationConfig",
        Older::Rest => "pushNotification",
    }
}

fn configuration_to_hub(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut configuration = Object::read(value, &CONFIGURATION, way)?;
    configuration.drop_if_idle("returnImmediately")?;
    // In ProtoJSON false may be left out; by the JSON schema an agent waits unless it is told not to.
    let unsaid = Value::Bool(way.older == Older::Rpc);
    match configuration.take("blocking").unwrap_or(unsaid) {
        Value::Bool(true) => {}
        Value::Bool(false) => configuration.put("returnImmediately", true),
        _ => return Err(configuration.malformed("blocking", "must be a boolean")),
    }
    drop_unlimited(&mut configuration);
    only(&mut configuration, webhook_name(way.older))?;
    configuration.rename(webhook_name(way.older), "taskPushNotificationConfig")?;
    configuration.change("taskPushNotificationConfig", webhook)?;
    Ok(configuration.into_value())
}

fn configuration_from_hub(value: Value, task: Option<&str>, way: Way) -> Result<Value, Refusal> {
    let mut configuration = Object::read(value, &CONFIGURATION, way)?;
    configuration.drop_if_idle("blocking")?;
    let blocking = match configuration.take("returnImmediately") {
        None | Some(Value::Bool(false)) => true,
        Some(Value::Bool(true)) => false,
        Some(_) => return Err(configuration.malformed("returnImmediately", "must be a boolean")),
    };
    configuration.put("blocking", blocking);
    only(&mut configuration, "taskPushNotificationConfig")?;
    configuration.change("taskPushNotificationConfig", |mut value, way| {
        // It is the message's task there; another one has no place.
        if let Some(members) = value.as_object_mut() {
            for name in ["taskId", "task_id"] {
                if task.is_some() && members.get(name).and_then(Value::as_str) == task {
                    members.remove(name);
                }
            }
        }
        webhook(value, way)
    })?;
    configuration.rename("taskPushNotificationConfig", webhook_name(way.older))?;
    Ok(configuration.into_value())
}

/// Sees that a webhook has the model's own `name`: under another model's it would be unknown here, and live there.
fn only(configuration: &mut Object, name: &str) -> Result<(), Refusal> {
    let others = CONFIGURATION.objects.iter().filter(|other| **other != name);
    others.into_iter().try_for_each(|other| configuration.drop_if_idle(other))
}

/// In 0.3 a history length of zero is no limit, in 1.0 it is no history.
fn drop_unlimited(params: &mut Object) {
    if params.get("historyLength").and_then(Value::as_f64) == Some(0.0) {
        params.take("historyLength");
    }
}

/// What reads, cancels or follows a task.
pub(super) fn task(operation: Operation, value: Value, way: Way) -> Result<Value, Refusal> {
    let mut params = Object::read(value, &TASK, way)?;
    match (way.towards, way.older) {
        (Towards::Hub, older) => {
            if older == Older::Rest {
                agree(&mut params, "name", "id")?;
            }
            if operation != Operation::CancelTask {
                params.drop_if_idle("metadata")?;
            }
            drop_unlimited(&mut params);
        }
        (Towards::Older, older) => {
            params.drop_if_idle("tenant")?;
            params.drop_if_idle("name")?;
            if older == Older::Rest {
                params.drop_if_idle("metadata")?;
            }
        }
    }
    Ok(params.into_value())
}

/// What reads, lists or deletes the webhooks of a task.
pub(super) fn webhooks(operation: Operation, value: Value, way: Way) -> Result<Value, Refusal> {
    let mut params = Object::read(value, &WEBHOOK, way)?;
    let lists = operation == Operation::ListPushConfigs;
    if way.towards == Towards::Older {
        for name in ["tenant", "name", "parent", "pushNotificationConfigId"] {
            params.drop_if_idle(name)?;
        }
    }
    match (way.towards, way.older) {
        (Towards::Hub, Older::Rpc) => {
            params.drop_if_idle("metadata")?;
            params.drop_if_idle("taskId")?;
            params.rename("id", "taskId")?;
            if !lists && params.text("pushNotificationConfigId").is_none() {
                return Err(params.malformed("pushNotificationConfigId", "must be there to be said in A2A 1.0"));
            }
            params.rename("pushNotificationConfigId", "id")?;
        }
        (Towards::Hub, Older::Rest) => {
            agree(&mut params, "name", "taskId")?;
            agree(&mut params, "parent", "taskId")?;
        }
        (Towards::Older, Older::Rpc) => {
            for name in ["pageSize", "pageToken"] {
                params.drop_if_idle(name)?;
            }
            params.rename("id", "pushNotificationConfigId")?;
            params.rename("taskId", "id")?;
        }
        (Towards::Older, Older::Rest) => {}
    }
    Ok(params.into_value())
}

/// What reads the extended card.
pub(super) fn card(value: Value, way: Way) -> Result<Value, Refusal> {
    if way.towards == Towards::Hub || value.is_null() {
        return Ok(value);
    }
    let mut params = Object::read(value, &TASK, way)?;
    params.drop_if_idle("tenant")?;
    Ok(params.into_value())
}

/// Takes the resource name away, which says the task's id once more, or in its place.
fn agree(params: &mut Object, name: &str, id: &str) -> Result<(), Refusal> {
    let Some(named) = params.text(name).map(Name::parse) else {
        params.take(name);
        return Ok(());
    };
    params.take(name);
    let Some(Name { task, config }) = named else {
        return Err(params.malformed(name, "must name a task"));
    };
    let agrees = params.text(id).is_none_or(|id| id == task)
        && (id == "id" || config.is_none() || params.text("id").is_none_or(|id| Some(id) == config.as_deref()));
    if !agrees {
        return Err(params.malformed(name, "must be the one of the path"));
    }
    params.put(id, task);
    if let Some(config) = config.filter(|_| id != "id") {
        params.put("id", config);
    }
    Ok(())
}
