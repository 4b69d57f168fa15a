//! Every place of a task's or a context's id, visited and replaced, in any of the three models.
//!
//! ProtoJSON readers, and those of the Python SDK for 0.3, take a member by its camel-case and by its snake-case name, readers in Go in
//! any case: whatever is spelled like an id is visited. An empty id is none. Parameters are best visited in the hub's model: there alone `id` beside `taskId` can only be a webhook's.

use serde_json::{Map, Value};
use tollgate_policy::Operation;

use super::object::alike;
use super::push::Name;
use super::refusal::Refusal;
use crate::ownership::IdKind;

/// What replaces an id.
type Visit<'a> = dyn FnMut(IdKind, &str) -> Result<String, Refusal> + 'a;

/// Visits the ids in the parameters of `operation`.
///
/// # Errors
/// What `visit` refuses; -32602 if there is something else where an id should be, or ids that could be read in two ways.
pub fn visit_params(operation: Operation, params: &mut Value, visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let mut visitor = Visitor { visit, code: Refusal::INVALID_PARAMS };
    let Value::Object(params) = params else {
        return if params.is_null() { Ok(()) } else { Err(visitor.malformed("params must be an object")) };
    };
    match operation {
        Operation::SendMessage | Operation::SendStreamingMessage => {
            for name in ["message", "request"] {
                visitor.member(params, name, Visitor::entity)?;
            }
            visitor.member(params, "configuration", |visitor, configuration| {
                visitor.member(configuration, "taskPushNotificationConfig", Visitor::entity)
            })
        }
        Operation::GetTask | Operation::CancelTask | Operation::SubscribeToTask => {
            visitor.id(params, "id", IdKind::Task)?;
            visitor.name(params, "name")
        }
        Operation::ListTasks => visitor.id(params, "contextId", IdKind::Context),
        Operation::CreatePushConfig => {
            visitor.id(params, "taskId", IdKind::Task)?;
            visitor.names(params)?;
            visitor.member(params, "config", Visitor::names)
        }
        Operation::GetPushConfig | Operation::ListPushConfigs | Operation::DeletePushConfig => {
            let (task, older) = (has(params, "taskId"), has(params, "pushNotificationConfigId"));
            if task && older {
                return Err(visitor.malformed("params.id must not be there beside taskId and pushNotificationConfigId"));
            }
            visitor.id(params, if task { "taskId" } else { "id" }, IdKind::Task)?;
            visitor.names(params)
        }
        Operation::GetExtendedCard => Ok(()),
    }
}

/// Visits the ids in an answer or in one event of a stream, whatever the operation.
///
/// # Errors
/// What `visit` refuses; -32006 if there is something else where an id should be.
pub fn visit_result(result: &mut Value, visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let mut visitor = Visitor { visit, code: Refusal::INVALID_AGENT_RESPONSE };
    match result {
        Value::Array(webhooks) => visitor.each(webhooks, Visitor::entity),
        Value::Object(result) => {
            for name in ["task", "message", "msg", "statusUpdate", "artifactUpdate"] {
                visitor.member(result, name, Visitor::entity)?;
            }
            for name in ["tasks", "configs"] {
                visitor.list(result, name, Visitor::entity)?;
            }
            visitor.entity(result)
        }
        _ => Ok(()),
    }
}

struct Visitor<'v, 'a> {
    visit: &'v mut Visit<'a>,
    /// Of a refusal that is the visitor's own.
    code: i32,
}

type Members = Map<String, Value>;

impl Visitor<'_, '_> {
    /// A task, a message, an update or a webhook: they differ in which of these members they have.
    fn entity(&mut self, members: &mut Members) -> Result<(), Refusal> {
        if is_task(members) {
            self.id(members, "id", IdKind::Task)?;
        }
        self.id(members, "taskId", IdKind::Task)?;
        self.id(members, "contextId", IdKind::Context)?;
        for ids in named(members, "referenceTaskIds") {
            match ids {
                Value::Null => {}
                Value::Array(ids) => ids.iter_mut().try_for_each(|id| self.replace(id, IdKind::Task))?,
                _ => return Err(self.malformed("referenceTaskIds must be an array")),
            }
        }
        self.member(members, "status", |visitor, status| {
            visitor.member(status, "message", Self::entity)?;
            visitor.member(status, "update", Self::entity)
        })?;
        self.list(members, "history", Self::entity)?;
        if has(members, "pushNotificationConfig") { self.name(members, "name") } else { Ok(()) }
    }

    fn names(&mut self, members: &mut Members) -> Result<(), Refusal> {
        self.name(members, "name")?;
        self.name(members, "parent")
    }

    fn id(&mut self, members: &mut Members, name: &str, kind: IdKind) -> Result<(), Refusal> {
        named(members, name).try_for_each(|id| self.replace(id, kind))
    }

    fn replace(&mut self, id: &mut Value, kind: IdKind) -> Result<(), Refusal> {
        match id {
            Value::Null => Ok(()),
            Value::String(id) if id.is_empty() => Ok(()),
            Value::String(id) => {
                *id = (self.visit)(kind, id)?;
                Ok(())
            }
            _ => Err(self.malformed("an id must be a string")),
        }
    }

    /// A resource name, which holds the task's id.
    fn name(&mut self, members: &mut Members, name: &str) -> Result<(), Refusal> {
        for value in named(members, name) {
            let text = match value {
                Value::Null => continue,
                Value::String(text) if text.is_empty() => continue,
                Value::String(text) => text,
                _ => return Err(self.malformed("a name must be a string")),
            };
            let Some(mut name) = Name::parse(text) else { return Err(self.malformed("a name must be a task's")) };
            name.task = (self.visit)(IdKind::Task, &name.task)?;
            let written = name.write();
            *text = written.ok_or_else(|| self.malformed("an id with a slash cannot be part of a name"))?;
        }
        Ok(())
    }

    /// An object in a member: one of another type has no ids, and is for its reader to refuse.
    fn member(
        &mut self,
        members: &mut Members,
        name: &str,
        enter: impl Fn(&mut Self, &mut Members) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        named(members, name).filter_map(Value::as_object_mut).try_for_each(|inner| enter(self, inner))
    }

    fn list(
        &mut self,
        members: &mut Members,
        name: &str,
        enter: fn(&mut Self, &mut Members) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        named(members, name).filter_map(Value::as_array_mut).try_for_each(|items| self.each(items, enter))
    }

    fn each(
        &mut self,
        items: &mut [Value],
        enter: fn(&mut Self, &mut Members) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        items.iter_mut().filter_map(Value::as_object_mut).try_for_each(|item| enter(self, item))
    }

    fn malformed(&self, message: &str) -> Refusal {
        Refusal::new(self.code, message)
    }
}

/// Only a task has an `id` of its own: updates have the task's, webhooks a `url` or an object of their own.
fn is_task(members: &Members) -> bool {
    !["taskId", "messageId", "url", "pushNotificationConfig"].into_iter().any(|name| has(members, name))
}

fn has(members: &Members, name: &str) -> bool {
    members.iter().any(|(member, value)| alike(member, name) && !value.is_null())
}

/// The members that some reader takes for `name`.
fn named<'m>(members: &'m mut Members, name: &str) -> impl Iterator<Item = &'m mut Value> {
    members.iter_mut().filter(move |(member, _)| alike(member, name)).map(|(_, value)| value)
}
