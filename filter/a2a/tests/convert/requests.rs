//! Every operation's parameters, in the three models.

use serde_json::json;
use tollgate_policy::Operation;

use crate::check_params;

#[test]
fn a_send_with_parts_of_every_kind() {
    let hub = json!({
        "message": {"messageId": "m", "role": "ROLE_USER", "contextId": "c", "extensions": ["urn:x"], "parts": [
                {"text": "hi", "metadata": {"lang": "en"}},
                {"raw": "AQID", "filename": "f.png", "mediaType": "image/png"},
                {"url": "https://example.com/f"},
                {"data": {"k": 1}},
                {"data": [1, 2]},
                {"text": "# hi", "mediaType": "text/markdown", "filename": "hi.md"},
            ]},
        "metadata": {"b": 1}
    });
    let notes = json!({"a2a-1.0/mediaType": "text/markdown", "a2a-1.0/filename": "hi.md"});
    let rpc = json!({
        "message": {"kind": "message", "messageId": "m", "role": "user", "contextId": "c", "extensions": ["urn:x"], "parts": [
                {"kind": "text", "text": "hi", "metadata": {"lang": "en"}},
                {"kind": "file", "file": {"bytes": "AQID", "name": "f.png", "mimeType": "image/png"}},
                {"kind": "file", "file": {"uri": "https://example.com/f"}},
                {"kind": "data", "data": {"k": 1}},
                {"kind": "data", "data": {"value": [1, 2]}, "metadata": {"data_part_compat": true}},
                {"kind": "text", "text": "# hi", "metadata": notes},
            ]},
        "configuration": {"blocking": true},
        "metadata": {"b": 1}
    });
    let rest = json!({
        "request": {"messageId": "m", "role": "ROLE_USER", "contextId": "c", "extensions": ["urn:x"], "content": [
                {"text": "hi", "metadata": {"lang": "en"}},
                {"file": {"fileWithBytes": "AQID", "name": "f.png", "mimeType": "image/png"}},
                {"file": {"fileWithUri": "https://example.com/f"}},
                {"data": {"data": {"k": 1}}},
                {"data": {"data": {"value": [1, 2]}}, "metadata": {"data_part_compat": true}},
                {"text": "# hi", "metadata": notes},
            ]},
        "configuration": {"blocking": true},
        "metadata": {"b": 1}
    });
    check_params(Operation::SendMessage, &hub, &rpc, &rest);
    check_params(Operation::SendStreamingMessage, &hub, &rpc, &rest);
}

#[test]
fn a_send_that_does_not_wait_and_brings_a_webhook() {
    let webhook = json!({"id": "w", "url": "https://example.com/hook", "token": "s"});
    let with = |authentication| {
        let mut webhook = webhook.clone();
        webhook["authentication"] = authentication;
        webhook
    };
    let older = with(json!({"schemes": ["Bearer"], "credentials": "x"}));
    check_params(
        Operation::SendMessage,
        &json!({"message": {"role": "ROLE_USER", "parts": []}, "configuration": {
            "returnImmediately": true, "historyLength": 3, "acceptedOutputModes": ["text/plain"],
            "taskPushNotificationConfig": with(json!({"scheme": "Bearer", "credentials": "x"}))}}),
        &json!({"message": {"kind": "message", "role": "user", "parts": []}, "configuration": {
            "blocking": false, "historyLength": 3, "acceptedOutputModes": ["text/plain"], "pushNotificationConfig": older}}),
        &json!({"request": {"role": "ROLE_USER", "content": []}, "configuration": {
            "blocking": false, "historyLength": 3, "acceptedOutputModes": ["text/plain"], "pushNotification": older}}),
    );
}

#[test]
fn only_json_rpc_knows_referenced_tasks() {
    use tollgate_a2a::convert::{Model, params_from_hub, params_to_hub};
    let hub = json!({"message": {"role": "ROLE_AGENT", "parts": [], "referenceTaskIds": ["t"]}});
    let rpc = json!({"message": {"kind": "message", "role": "agent", "parts": [], "referenceTaskIds": ["t"]},
        "configuration": {"blocking": true}});
    assert_eq!(params_from_hub(Operation::SendMessage, Model::V03Rpc, hub.clone()), Ok(rpc.clone()));
    assert_eq!(params_to_hub(Operation::SendMessage, Model::V03Rpc, rpc), Ok(hub));
}

#[test]
fn a_task_is_named_alike_everywhere() {
    for (operation, params) in [
        (Operation::GetTask, json!({"id": "t", "historyLength": 2})),
        (Operation::CancelTask, json!({"id": "t"})),
        (Operation::SubscribeToTask, json!({"id": "t"})),
    ] {
        check_params(operation, &params, &params, &params);
    }
}

#[test]
fn a_webhook_is_registered_flat_and_nested() {
    check_params(
        Operation::CreatePushConfig,
        &json!({"taskId": "t", "id": "w", "url": "https://e", "authentication": {"credentials": "x"}}),
        &json!({"taskId": "t", "pushNotificationConfig":
            {"id": "w", "url": "https://e", "authentication": {"schemes": [], "credentials": "x"}}}),
        &json!({"taskId": "t", "parent": "tasks/t", "configId": "w", "config": {"name": "tasks/t/pushNotificationConfigs/w",
            "pushNotificationConfig": {"id": "w", "url": "https://e", "authentication": {"schemes": [], "credentials": "x"}}}}),
    );
    check_params(
        Operation::CreatePushConfig,
        &json!({"taskId": "t", "url": "https://e"}),
        &json!({"taskId": "t", "pushNotificationConfig": {"url": "https://e"}}),
        &json!({"taskId": "t", "parent": "tasks/t", "config": {"pushNotificationConfig": {"url": "https://e"}}}),
    );
}

#[test]
fn a_webhook_is_named_by_task_and_id() {
    for operation in [Operation::GetPushConfig, Operation::DeletePushConfig] {
        let hub = json!({"taskId": "t", "id": "w"});
        check_params(operation, &hub, &json!({"id": "t", "pushNotificationConfigId": "w"}), &hub);
    }
    let hub = json!({"taskId": "t"});
    check_params(Operation::ListPushConfigs, &hub, &json!({"id": "t"}), &hub);
}

#[test]
fn the_extended_card_is_asked_for_alike() {
    for params in [json!({}), json!(null)] {
        check_params(Operation::GetExtendedCard, &params, &params, &params);
    }
}
