//! Generated JSON: any at all, and what 1.0 can say that 0.3 can say as well.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Names that the models know, in both spellings, so that arbitrary JSON gets past the first look.
const NAMES: [&str; 40] = [
    "id",
    "taskId",
    "task_id",
    "contextId",
    "messageId",
    "role",
    "parts",
    "content",
    "kind",
    "text",
    "file",
    "data",
    "raw",
    "url",
    "bytes",
    "uri",
    "metadata",
    "status",
    "state",
    "message",
    "request",
    "update",
    "history",
    "artifacts",
    "artifact",
    "task",
    "statusUpdate",
    "artifact_update",
    "configuration",
    "blocking",
    "pushNotificationConfig",
    "push_notification",
    "authentication",
    "schemes",
    "name",
    "parent",
    "configs",
    "tasks",
    "referenceTaskIds",
    "config",
];
/// Strings that mean something somewhere.
const WORDS: [&str; 8] = [
    "task",
    "message",
    "user",
    "ROLE_AGENT",
    "working",
    "TASK_STATE_CANCELED",
    "tasks/t/pushNotificationConfigs/w",
    "",
];

/// Any JSON.
pub(crate) fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..12).prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    let name = prop_oneof![4 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => "[a-z]{1,4}"];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name.clone(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

fn metadata() -> impl Strategy<Value = Option<Value>> {
    option::of(
        btree_map("[a-z]{1,5}", any_json(), 1..3).prop_map(|members| Value::Object(members.into_iter().collect())),
    )
}

/// An object of those `members` that are there.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

pub(crate) fn id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._~-]{1,8}"
}

fn word() -> impl Strategy<Value = Option<Value>> {
    option::of("\\PC{1,8}".prop_map(Value::from))
}

fn part() -> impl Strategy<Value = Value> {
    let content = prop_oneof![
        ".{0,8}".prop_map(|text| ("text", Value::from(text))),
        "([A-Za-z0-9+/]{4}){0,3}".prop_map(|raw| ("raw", Value::from(raw))),
        "https://[a-z]{1,8}".prop_map(|url| ("url", Value::from(url))),
        any_json().prop_map(|data| ("data", data)),
    ];
    (content, word(), word(), metadata()).prop_map(|((name, content), filename, media_type, metadata)| {
        object([(name, Some(content)), ("filename", filename), ("mediaType", media_type), ("metadata", metadata)])
    })
}

/// A message that both bindings of 0.3 can carry.
pub(crate) fn message() -> impl Strategy<Value = Value> {
    let role = proptest::sample::select(&["ROLE_USER", "ROLE_AGENT"][..]);
    (id(), role, option::of(id()), option::of(id()), vec(part(), 0..4), metadata(), word()).prop_map(
        |(message, role, context, task, parts, metadata, unknown)| {
            object([
                ("messageId", Some(message.into())),
                ("role", Some(role.into())),
                ("contextId", context.map(Value::from)),
                ("taskId", task.map(Value::from)),
                ("parts", Some(parts.into())),
                ("metadata", metadata),
                ("extensions", Some(json!(["urn:x"]))),
                ("unknown", unknown),
            ])
        },
    )
}

fn status() -> impl Strategy<Value = Value> {
    let state = proptest::sample::select(
        &["TASK_STATE_UNSPECIFIED", "TASK_STATE_WORKING", "TASK_STATE_CANCELED", "TASK_STATE_AUTH_REQUIRED"][..],
    );
    (state, option::of(message()), word()).prop_map(|(state, message, time)| {
        object([("state", Some(state.into())), ("message", message), ("timestamp", time)])
    })
}

fn artifact() -> impl Strategy<Value = Value> {
    (id(), word(), vec(part(), 0..3), metadata()).prop_map(|(id, name, parts, metadata)| {
        object([("artifactId", Some(id.into())), ("name", name), ("parts", Some(parts.into())), ("metadata", metadata)])
    })
}

/// A task.
pub(crate) fn task() -> impl Strategy<Value = Value> {
    (id(), id(), status(), option::of(vec(message(), 0..3)), option::of(vec(artifact(), 0..3)), metadata()).prop_map(
        |(id, context, status, history, artifacts, metadata)| {
            object([
                ("id", Some(id.into())),
                ("contextId", Some(context.into())),
                ("status", Some(status)),
                ("history", history.map(Value::from)),
                ("artifacts", artifacts.map(Value::from)),
                ("metadata", metadata),
            ])
        },
    )
}

/// One event of a stream.
pub(crate) fn event() -> impl Strategy<Value = Value> {
    let status_update = (id(), id(), status(), metadata()).prop_map(|(task, context, status, metadata)| {
        object([
            ("taskId", Some(task.into())),
            ("contextId", Some(context.into())),
            ("status", Some(status)),
            ("metadata", metadata),
        ])
    });
    let flag = || option::of(any::<bool>().prop_map(Value::from));
    let artifact_update =
        (id(), id(), artifact(), flag(), flag()).prop_map(|(task, context, artifact, append, last)| {
            object([
                ("taskId", Some(task.into())),
                ("contextId", Some(context.into())),
                ("artifact", Some(artifact)),
                ("append", append),
                ("lastChunk", last),
            ])
        });
    prop_oneof![
        task().prop_map(|task| json!({ "task": task })),
        message().prop_map(|message| json!({ "message": message })),
        status_update.prop_map(|update| json!({ "statusUpdate": update })),
        artifact_update.prop_map(|update| json!({ "artifactUpdate": update })),
    ]
}
