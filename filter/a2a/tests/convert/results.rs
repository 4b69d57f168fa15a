//! Every operation's answer and every event, in the three models.

use serde_json::{Value, json};
use tollgate_policy::Operation;

use crate::{check_event, check_result};

/// A task in the three models.
fn task() -> [Value; 3] {
    [
        json!({"id": "t", "contextId": "c", "metadata": {"a": 1}, "new": true,
            "status": {"state": "TASK_STATE_CANCELED", "timestamp": "2026-01-02T03:04:05.678Z",
                "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "no"}]}},
            "history": [{"messageId": "n", "role": "ROLE_USER", "parts": [{"text": "hi"}]}],
            "artifacts": [{"artifactId": "a", "name": "n", "parts": [{"url": "https://e", "mediaType": "image/png"}]}]}),
        json!({"kind": "task", "id": "t", "contextId": "c", "metadata": {"a": 1}, "new": true,
            "status": {"state": "canceled", "timestamp": "2026-01-02T03:04:05.678Z",
                "message": {"kind": "message", "messageId": "m", "role": "agent", "parts": [{"kind": "text", "text": "no"}]}},
            "history": [{"kind": "message", "messageId": "n", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}],
            "artifacts": [{"artifactId": "a", "name": "n",
                "parts": [{"kind": "file", "file": {"uri": "https://e", "mimeType": "image/png"}}]}]}),
        json!({"id": "t", "contextId": "c", "metadata": {"a": 1}, "new": true,
            "status": {"state": "TASK_STATE_CANCELLED", "timestamp": "2026-01-02T03:04:05.678Z",
                "message": {"messageId": "m", "role": "ROLE_AGENT", "content": [{"text": "no"}]}},
            "history": [{"messageId": "n", "role": "ROLE_USER", "content": [{"text": "hi"}]}],
            "artifacts": [{"artifactId": "a", "name": "n",
                "parts": [{"file": {"fileWithUri": "https://e", "mimeType": "image/png"}}]}]}),
    ]
}

#[test]
fn a_task_read_or_cancelled() {
    let [hub, rpc, rest] = task();
    check_result(Operation::GetTask, &hub, &rpc, &rest);
    check_result(Operation::CancelTask, &hub, &rpc, &rest);
}

#[test]
fn a_send_is_answered_by_a_task_or_a_message() {
    let [hub, rpc, rest] = task();
    check_result(Operation::SendMessage, &json!({"task": hub}), &rpc, &json!({"task": rest}));
    check_result(
        Operation::SendMessage,
        &json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"data": null}]}}),
        &json!({"kind": "message", "messageId": "m", "role": "agent",
            "parts": [{"kind": "data", "data": {"value": null}, "metadata": {"data_part_compat": true}}]}),
        &json!({"message": {"messageId": "m", "role": "ROLE_AGENT",
            "content": [{"data": {"data": {"value": null}}, "metadata": {"data_part_compat": true}}]}}),
    );
}

#[test]
fn a_stream_tells_tasks_messages_and_artifacts() {
    let [hub, rpc, rest] = task();
    check_event(&json!({"task": hub}), &rpc, &json!({"task": rest}));
    check_event(
        &json!({"message": {"role": "ROLE_AGENT", "parts": []}}),
        &json!({"kind": "message", "role": "agent", "parts": []}),
        &json!({"message": {"role": "ROLE_AGENT", "content": []}}),
    );
    check_event(
        &json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": true, "lastChunk": false,
            "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}, "metadata": {"z": 0}}}),
        &json!({"kind": "artifact-update", "taskId": "t", "contextId": "c", "append": true, "lastChunk": false,
            "artifact": {"artifactId": "a", "parts": [{"kind": "text", "text": "x"}]}, "metadata": {"z": 0}}),
        &json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": true, "lastChunk": false,
            "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}, "metadata": {"z": 0}}}),
    );
}

#[test]
fn every_state_has_its_name_and_says_whether_the_stream_ends() {
    for (v1, rpc, rest, ends) in [
        ("TASK_STATE_UNSPECIFIED", "unknown", "TASK_STATE_UNSPECIFIED", false),
        ("TASK_STATE_SUBMITTED", "submitted", "TASK_STATE_SUBMITTED", false),
        ("TASK_STATE_WORKING", "working", "TASK_STATE_WORKING", false),
        ("TASK_STATE_COMPLETED", "completed", "TASK_STATE_COMPLETED", true),
        ("TASK_STATE_FAILED", "failed", "TASK_STATE_FAILED", true),
        ("TASK_STATE_CANCELED", "canceled", "TASK_STATE_CANCELLED", true),
        ("TASK_STATE_INPUT_REQUIRED", "input-required", "TASK_STATE_INPUT_REQUIRED", true),
        ("TASK_STATE_REJECTED", "rejected", "TASK_STATE_REJECTED", true),
        ("TASK_STATE_AUTH_REQUIRED", "auth-required", "TASK_STATE_AUTH_REQUIRED", true),
    ] {
        check_event(
            &json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": v1}}}),
            &json!({"kind": "status-update", "taskId": "t", "contextId": "c", "final": ends, "status": {"state": rpc}}),
            &json!({"statusUpdate": {"taskId": "t", "contextId": "c", "final": ends, "status": {"state": rest}}}),
        );
    }
}

#[test]
fn webhooks_are_flat_nested_and_named() {
    let hub = json!({"taskId": "t", "id": "w", "url": "https://e", "authentication": {"scheme": "Bearer"}});
    let inner = json!({"id": "w", "url": "https://e", "authentication": {"schemes": ["Bearer"]}});
    let rpc = json!({"taskId": "t", "pushNotificationConfig": inner});
    let rest = json!({"name": "tasks/t/pushNotificationConfigs/w", "pushNotificationConfig": inner});
    check_result(Operation::CreatePushConfig, &hub, &rpc, &rest);
    check_result(Operation::GetPushConfig, &hub, &rpc, &rest);
    check_result(
        Operation::ListPushConfigs,
        &json!({ "configs": [hub] }),
        &json!([rpc]),
        &json!({ "configs": [rest] }),
    );
    check_result(Operation::ListPushConfigs, &json!({"configs": []}), &json!([]), &json!({"configs": []}));
}

#[test]
fn a_deletion_is_answered_with_nothing() {
    check_result(Operation::DeletePushConfig, &json!({}), &json!(null), &json!({}));
}

#[test]
fn the_extended_card_passes_as_it_is() {
    let card = json!({"name": "tasks", "id": 3, "skills": []});
    check_result(Operation::GetExtendedCard, &card, &card, &card);
}
