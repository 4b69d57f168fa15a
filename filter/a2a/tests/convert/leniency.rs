//! What readers of the models take besides the plain form, and so does the gateway.

use serde_json::{Value, json};
use tollgate_a2a::convert::{Model, event_to_hub, params_from_hub, params_to_hub, result_from_hub, result_to_hub};
use tollgate_policy::Operation;

#[track_caller]
fn check_to_hub(operation: Operation, model: Model, older: &Value, hub: Value) {
    assert_eq!(params_to_hub(operation, model, older.clone()), Ok(hub));
}

#[test]
fn the_python_sdk_sends_snake_case_over_http() {
    check_to_hub(
        Operation::SendMessage,
        Model::V03Rest,
        &json!({"request": {"message_id": "m", "context_id": "c", "role": "ROLE_USER",
                "content": [{"file": {"file_with_uri": "https://e", "mime_type": "a/b"}}]},
            "configuration": {"accepted_output_modes": ["text/plain"], "push_notification": {"url": "https://h"}, "blocking": true}}),
        json!({"message": {"messageId": "m", "contextId": "c", "role": "ROLE_USER",
                "parts": [{"url": "https://e", "mediaType": "a/b"}]},
            "configuration": {"acceptedOutputModes": ["text/plain"], "taskPushNotificationConfig": {"url": "https://h"}}}),
    );
    check_to_hub(
        Operation::CreatePushConfig,
        Model::V03Rest,
        &json!({"taskId": "t", "parent": "tasks/t", "config_id": "w", "config": {"name": "tasks/t/pushNotificationConfigs/w",
            "push_notification_config": {"id": "w", "url": "https://h"}}}),
        json!({"taskId": "t", "id": "w", "url": "https://h"}),
    );
    check_to_hub(Operation::CancelTask, Model::V03Rest, &json!({"id": "t", "name": "tasks/t"}), json!({"id": "t"}));
}

#[test]
fn a_webhook_without_an_id_is_given_none_by_what_python_calls_it() {
    check_to_hub(
        Operation::CreatePushConfig,
        Model::V03Rest,
        &json!({"taskId": "t", "parent": "tasks/t", "config": {"name": "tasks/t/pushNotificationConfigs/None",
            "pushNotificationConfig": {"url": "https://h"}}}),
        json!({"taskId": "t", "url": "https://h"}),
    );
}

#[test]
fn the_body_of_a_registration_may_be_the_webhook_alone() {
    check_to_hub(
        Operation::CreatePushConfig,
        Model::V03Rest,
        &json!({"taskId": "t", "name": "tasks/t/pushNotificationConfigs/w", "pushNotificationConfig": {"url": "https://h"}}),
        json!({"taskId": "t", "id": "w", "url": "https://h"}),
    );
}

#[test]
fn a_send_over_json_rpc_waits_unless_told_not_to_and_over_http_only_if_told() {
    let message =
        |name: &str| json!({name: {"role": "ROLE_USER", "content": []}, "configuration": {"historyLength": 1}});
    let hub =
        |configuration: Value| json!({"message": {"role": "ROLE_USER", "parts": []}, "configuration": configuration});
    let immediate = hub(json!({"historyLength": 1, "returnImmediately": true}));
    for name in ["request", "message"] {
        check_to_hub(Operation::SendMessage, Model::V03Rest, &message(name), immediate.clone());
    }
    check_to_hub(
        Operation::SendMessage,
        Model::V03Rpc,
        &json!({"message": {"kind": "message", "role": "user", "parts": []}, "configuration": {"historyLength": 1}}),
        hub(json!({"historyLength": 1})),
    );
}

#[test]
fn no_limit_of_history_is_zero_in_0_3_and_absent_in_1_0() {
    for model in [Model::V03Rpc, Model::V03Rest] {
        check_to_hub(Operation::GetTask, model, &json!({"id": "t", "historyLength": 0}), json!({"id": "t"}));
    }
}

#[test]
fn a_webhook_in_a_send_may_name_the_messages_own_task() {
    let hub = json!({"message": {"role": "ROLE_USER", "taskId": "t"},
        "configuration": {"taskPushNotificationConfig": {"taskId": "t", "tenant": "", "url": "https://h"}}});
    let rpc = params_from_hub(Operation::SendMessage, Model::V03Rpc, hub);
    let webhook = rpc.map(|rpc| rpc["configuration"]["pushNotificationConfig"].clone());
    assert_eq!(webhook, Ok(json!({"url": "https://h"})));
}

#[test]
fn kinds_may_be_missing_and_enums_be_numbers() {
    assert_eq!(
        event_to_hub(Model::V03Rpc, json!({"taskId": "t", "status": {"state": "working"}, "final": false})),
        Ok(json!({"statusUpdate": {"taskId": "t", "status": {"state": "TASK_STATE_WORKING"}}}))
    );
    assert_eq!(
        result_to_hub(
            Operation::SendMessage,
            Model::V03Rpc,
            json!({"message_id": "m", "role": "agent", "parts": [{"text": ""}]})
        ),
        Ok(json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": ""}]}}))
    );
    assert_eq!(
        result_to_hub(Operation::SendMessage, Model::V03Rest, json!({"msg": {"role": 2}})),
        Ok(json!({"message": {"role": "ROLE_AGENT", "parts": []}}))
    );
    assert_eq!(
        result_from_hub(Operation::GetTask, Model::V03Rpc, json!({"id": "t", "status": {"state": 5}})),
        Ok(json!({"kind": "task", "id": "t", "contextId": "", "status": {"state": "canceled"}}))
    );
}

#[test]
fn base64_for_0_3_is_of_the_standard_alphabet_and_padded() {
    let hub = json!({"message": {"role": "ROLE_USER", "parts": [{"raw": "-_8"}]}});
    let rpc = params_from_hub(Operation::SendMessage, Model::V03Rpc, hub);
    assert_eq!(rpc.map(|rpc| rpc["message"]["parts"][0]["file"]["bytes"].clone()), Ok(json!("+/8=")));
}
