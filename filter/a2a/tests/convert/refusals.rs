//! What cannot be said in the other version, or is not what it should be.

use serde_json::{Value, json};
use tollgate_a2a::convert::{Model, params_from_hub, params_to_hub, result_from_hub, result_to_hub};
use tollgate_policy::Operation::{self, *};

use crate::check_refused;

use Model::{V03Rest, V03Rpc};

const PARAMS: i32 = -32602;
const UNSUPPORTED: i32 = -32004;
const CONTENT: i32 = -32005;
const ANSWER: i32 = -32006;

/// A send in the hub's model, with a message that has `members` beside its role.
fn send(members: Value) -> Value {
    let mut message = json!({"role": "ROLE_USER"});
    for (name, value) in members.as_object().unwrap() {
        message[name] = value.clone();
    }
    json!({ "message": message })
}

#[test]
fn what_0_3_has_no_place_for_in_a_request() {
    let inline = |webhook: Value| json!({"message": {"role": "ROLE_USER", "taskId": "t"}, "configuration": {"taskPushNotificationConfig": webhook}});
    let cases: Vec<(Operation, Model, Value, i32, &str)> = vec![
        (SendMessage, V03Rpc, json!({"tenant": "x", "message": {"role": "ROLE_USER"}}), PARAMS, "tenant"),
        (GetTask, V03Rest, json!({"tenant": "x", "id": "t"}), PARAMS, "tenant"),
        (GetExtendedCard, V03Rpc, json!({"tenant": "x"}), PARAMS, "tenant"),
        (CreatePushConfig, V03Rest, json!({"tenant": "x", "taskId": "t"}), PARAMS, "tenant"),
        (DeletePushConfig, V03Rpc, json!({"tenant": "x", "taskId": "t", "id": "w"}), PARAMS, "tenant"),
        (SendMessage, V03Rest, send(json!({"referenceTaskIds": ["t"]})), PARAMS, "referenceTaskIds"),
        (SendMessage, V03Rpc, inline(json!({"taskId": "other"})), PARAMS, "taskId"),
        (SendMessage, V03Rpc, inline(json!({"task_id": "other"})), PARAMS, "taskId"),
        (SendMessage, V03Rpc, send(json!({"role": "ROLE_UNSPECIFIED"})), PARAMS, "role"),
        (SendMessage, V03Rpc, send(json!({"parts": [{}]})), CONTENT, "part"),
        (SendMessage, V03Rpc, send(json!({"parts": [{"text": "", "data": {}}]})), CONTENT, "part"),
        (
            SendMessage,
            V03Rpc,
            send(json!({"parts": [{"data": {}, "metadata": {"data_part_compat": true}}]})),
            CONTENT,
            "compat",
        ),
        (
            SendMessage,
            V03Rpc,
            send(json!({"parts": [{"text": "", "metadata": {"a2a-1.0/filename": 1}}]})),
            CONTENT,
            "filename",
        ),
        (ListPushConfigs, V03Rpc, json!({"taskId": "t", "pageSize": 3}), PARAMS, "pageSize"),
        (ListPushConfigs, V03Rpc, json!({"taskId": "t", "page_token": "x"}), PARAMS, "pageToken"),
        (CancelTask, V03Rest, json!({"id": "t", "metadata": {"a": 1}}), PARAMS, "metadata"),
        (CreatePushConfig, V03Rest, json!({"taskId": "a/b", "url": "https://e"}), PARAMS, "slash"),
        (CreatePushConfig, V03Rpc, json!({"url": "https://e"}), PARAMS, "taskId"),
        (ListTasks, V03Rpc, json!({}), UNSUPPORTED, "ListTasks"),
        (ListTasks, V03Rest, json!({}), UNSUPPORTED, "ListTasks"),
    ];
    for (operation, model, params, code, names) in cases {
        check_refused(params_from_hub(operation, model, params), code, names);
    }
}

#[test]
fn what_1_0_has_no_place_for_in_a_request() {
    let schemes = json!({"url": "https://e", "authentication": {"schemes": ["Basic", "Bearer"]}});
    let cases: Vec<(Operation, Model, Value, i32, &str)> = vec![
        (CreatePushConfig, V03Rpc, json!({"taskId": "t", "pushNotificationConfig": schemes}), PARAMS, "schemes"),
        (GetTask, V03Rpc, json!({"id": "t", "metadata": {"a": 1}}), PARAMS, "metadata"),
        (GetPushConfig, V03Rpc, json!({"id": "t"}), PARAMS, "pushNotificationConfigId"),
        (
            DeletePushConfig,
            V03Rpc,
            json!({"id": "t", "pushNotificationConfigId": "w", "metadata": {"a": 1}}),
            PARAMS,
            "metadata",
        ),
        (ListTasks, V03Rpc, json!({}), UNSUPPORTED, "ListTasks"),
        (ListTasks, V03Rest, json!({}), UNSUPPORTED, "ListTasks"),
    ];
    for (operation, model, params, code, names) in cases {
        check_refused(params_to_hub(operation, model, params), code, names);
    }
}

#[test]
fn nothing_is_said_twice_with_two_meanings() {
    let user = json!({"role": "user", "parts": []});
    let configured = |configuration: Value| json!({"message": user, "configuration": configuration});
    let cases: Vec<(Operation, Model, Value, &str)> = vec![
        (GetTask, V03Rest, json!({"id": "mine", "name": "tasks/yours"}), "name"),
        (
            GetPushConfig,
            V03Rest,
            json!({"taskId": "mine", "id": "w", "name": "tasks/yours/pushNotificationConfigs/w"}),
            "name",
        ),
        (
            GetPushConfig,
            V03Rest,
            json!({"taskId": "t", "id": "w", "name": "tasks/t/pushNotificationConfigs/v"}),
            "name",
        ),
        (ListPushConfigs, V03Rest, json!({"taskId": "mine", "parent": "tasks/yours"}), "parent"),
        (
            CreatePushConfig,
            V03Rest,
            json!({"taskId": "t", "parent": "tasks/u", "config": {"pushNotificationConfig": {}}}),
            "parent",
        ),
        (CreatePushConfig, V03Rest, json!({"taskId": "t", "name": "tasks/u", "pushNotificationConfig": {}}), "name"),
        (
            CreatePushConfig,
            V03Rest,
            json!({"taskId": "t", "configId": "w", "config": {"pushNotificationConfig": {"id": "v"}}}),
            "id",
        ),
        (GetPushConfig, V03Rpc, json!({"id": "mine", "taskId": "yours", "pushNotificationConfigId": "w"}), "taskId"),
        (SendMessage, V03Rpc, json!({"message": {"role": "user", "taskId": "t", "task_id": "u"}}), "taskId"),
        (SendMessage, V03Rest, json!({"message": {"role": "ROLE_USER"}, "request": {"role": "ROLE_USER"}}), "message"),
        (SendMessage, V03Rest, json!({"request": {"role": "ROLE_USER", "content": [], "parts": []}}), "parts"),
        (SendMessage, V03Rpc, configured(json!({"pushNotification": {"url": "https://e"}})), "pushNotification"),
        (SendMessage, V03Rpc, configured(json!({"taskPushNotificationConfig": {"url": "https://e"}})), "taskPush"),
    ];
    for (operation, model, params, names) in cases {
        check_refused(params_to_hub(operation, model, params), PARAMS, names);
    }
}

#[test]
fn what_only_the_agent_would_read_is_refused() {
    for (operation, model, params, names) in [
        (GetTask, V03Rest, json!({"id": "mine", "name": "tasks/yours"}), "name"),
        (ListPushConfigs, V03Rest, json!({"taskId": "mine", "parent": "tasks/yours"}), "parent"),
        (SendMessage, V03Rest, send(json!({"parts": [], "content": []})), "content"),
        (
            SendMessage,
            V03Rpc,
            json!({"message": {"role": "ROLE_USER"},
            "configuration": {"pushNotificationConfig": {"url": "https://e"}}}),
            "pushNotificationConfig",
        ),
    ] {
        check_refused(params_from_hub(operation, model, params), PARAMS, names);
    }
}

#[test]
fn what_is_not_what_it_should_be_in_an_answer() {
    let message = |parts: Value| json!({"message": {"role": "ROLE_AGENT", "parts": parts}});
    for (operation, model, result, names) in [
        (SendMessage, V03Rpc, json!({}), "payload"),
        (SendMessage, V03Rpc, json!({"task": {}, "message": {"role": "ROLE_AGENT"}}), "payload"),
        (SendMessage, V03Rpc, json!({"statusUpdate": {}}), "payload"),
        (SendMessage, V03Rest, message(json!([{"text": 3}])), "part.text"),
        (SendMessage, V03Rest, message(json!({})), "message.parts"),
        (GetTask, V03Rpc, json!({"status": {"state": "completed"}}), "state"),
        (GetTask, V03Rpc, json!({"history": 1}), "history"),
        (GetTask, V03Rpc, json!([]), "task"),
        (ListPushConfigs, V03Rpc, json!({"nextPageToken": "x"}), "nextPageToken"),
        (GetPushConfig, V03Rest, json!({"taskId": "t", "url": "https://e"}), "id"),
        (DeletePushConfig, V03Rpc, json!({"a": 1}), "empty"),
    ] {
        check_refused(result_from_hub(operation, model, result), ANSWER, names);
    }
    for (operation, model, result, names) in [
        (SendMessage, V03Rpc, json!({"kind": "status-update"}), "kind"),
        (SendMessage, V03Rpc, json!({"kind": "other"}), "kind"),
        (SendMessage, V03Rpc, json!(null), "kind"),
        (GetTask, V03Rpc, json!({"kind": "message"}), "kind"),
        (GetTask, V03Rpc, json!({"status": {"state": "TASK_STATE_WORKING"}}), "state"),
        (GetTask, V03Rest, json!({"artifacts": [{"parts": [{"file": {}}]}]}), "file"),
        (GetPushConfig, V03Rest, json!({"name": "x", "pushNotificationConfig": {}}), "name"),
        (ListPushConfigs, V03Rpc, json!({"configs": []}), "array"),
    ] {
        check_refused(result_to_hub(operation, model, result), ANSWER, names);
    }
}
