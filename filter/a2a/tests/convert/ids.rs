//! Every place of an id is visited, in every model.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_a2a::convert::{Model, Refusal, event_from_hub, result_from_hub, visit_params, visit_result};
use tollgate_a2a::ownership::IdKind;
use tollgate_policy::Operation::{self, *};

use crate::generate;

fn mark(kind: IdKind, id: &str) -> Result<String, Refusal> {
    Ok(match kind {
        IdKind::Task => format!("T.{id}"),
        IdKind::Context => format!("C.{id}"),
    })
}

#[track_caller]
fn check_params(operation: Operation, mut params: Value, expected: Value) {
    visit_params(operation, &mut params, &mut mark).unwrap();
    assert_eq!(params, expected, "{operation:?}");
}

#[track_caller]
fn check_result(mut result: Value, expected: Value) {
    visit_result(&mut result, &mut mark).unwrap();
    assert_eq!(result, expected);
}

#[test]
fn ids_in_a_send() {
    for (message, reference) in [("message", "referenceTaskIds"), ("request", "reference_task_ids")] {
        check_params(
            SendMessage,
            json!({message: {"taskId": "t", "contextId": "c", "messageId": "m", reference: ["u", "v"], "parts": [{"data": {"taskId": "x"}}]},
                "configuration": {"taskPushNotificationConfig": {"taskId": "t", "id": "w"}}}),
            json!({message: {"taskId": "T.t", "contextId": "C.c", "messageId": "m", reference: ["T.u", "T.v"], "parts": [{"data": {"taskId": "x"}}]},
                "configuration": {"taskPushNotificationConfig": {"taskId": "T.t", "id": "w"}}}),
        );
    }
}

#[test]
fn whatever_is_spelled_like_an_id_is_visited() {
    check_params(
        SendMessage,
        json!({"Message": {"taskID": "t", "CONTEXT_ID": "c", "taſkId": "u", "REFERENCETASKIDS": ["v"]}}),
        json!({"Message": {"taskID": "T.t", "CONTEXT_ID": "C.c", "taſkId": "T.u", "REFERENCETASKIDS": ["T.v"]}}),
    );
    check_params(GetTask, json!({"id": "t", "ID": "u"}), json!({"id": "T.t", "ID": "T.u"}));
    check_params(DeletePushConfig, json!({"TaskID": "t", "id": "w"}), json!({"TaskID": "T.t", "id": "w"}));
}

#[test]
fn ids_in_every_other_request() {
    for (operation, params, expected) in [
        (GetTask, json!({"id": "t"}), json!({"id": "T.t"})),
        (CancelTask, json!({"name": "tasks/t"}), json!({"name": "tasks/T.t"})),
        (SubscribeToTask, json!({"id": "t", "name": null}), json!({"id": "T.t", "name": null})),
        (ListTasks, json!({"contextId": "c", "context_id": "d"}), json!({"contextId": "C.c", "context_id": "C.d"})),
        (ListTasks, json!({"contextId": ""}), json!({"contextId": ""})),
        (
            CreatePushConfig,
            json!({"taskId": "t", "id": "w", "url": "u"}),
            json!({"taskId": "T.t", "id": "w", "url": "u"}),
        ),
        (
            CreatePushConfig,
            json!({"taskId": "t", "parent": "tasks/t", "config": {"name": "tasks/t/pushNotificationConfigs/w"}}),
            json!({"taskId": "T.t", "parent": "tasks/T.t", "config": {"name": "tasks/T.t/pushNotificationConfigs/w"}}),
        ),
        (GetPushConfig, json!({"taskId": "t", "id": "w"}), json!({"taskId": "T.t", "id": "w"})),
        (
            DeletePushConfig,
            json!({"id": "t", "pushNotificationConfigId": "w"}),
            json!({"id": "T.t", "pushNotificationConfigId": "w"}),
        ),
        (ListPushConfigs, json!({"id": "t"}), json!({"id": "T.t"})),
        (ListPushConfigs, json!({"parent": "tasks/t"}), json!({"parent": "tasks/T.t"})),
        (GetExtendedCard, json!({"id": "t"}), json!({"id": "t"})),
        (GetExtendedCard, json!(null), json!(null)),
    ] {
        check_params(operation, params, expected);
    }
}

#[test]
fn ids_in_answers_of_every_shape() {
    for (result, expected) in [
        (json!({"id": "t", "context_id": "c"}), json!({"id": "T.t", "context_id": "C.c"})),
        (json!({"tasks": [{"id": "t"}], "pageSize": 1}), json!({"tasks": [{"id": "T.t"}], "pageSize": 1})),
        (json!({"taskId": "t", "id": "w", "url": "u"}), json!({"taskId": "T.t", "id": "w", "url": "u"})),
        (json!({"configs": [{"taskId": "t", "id": "w"}]}), json!({"configs": [{"taskId": "T.t", "id": "w"}]})),
        (
            json!([{"taskId": "t", "pushNotificationConfig": {"id": "w"}}]),
            json!([{"taskId": "T.t", "pushNotificationConfig": {"id": "w"}}]),
        ),
        (
            json!({"name": "tasks/t/pushNotificationConfigs/w", "pushNotificationConfig": {"id": "w"}}),
            json!({"name": "tasks/T.t/pushNotificationConfigs/w", "pushNotificationConfig": {"id": "w"}}),
        ),
        (
            json!({"status_update": {"task_id": "t", "status": {"update": {"task_id": "t"}}}}),
            json!({"status_update": {"task_id": "T.t", "status": {"update": {"task_id": "T.t"}}}}),
        ),
        (json!({"msg": {"messageId": "m", "taskId": "t"}}), json!({"msg": {"messageId": "m", "taskId": "T.t"}})),
        (json!({"name": "An agent", "skills": [{"id": "s"}]}), json!({"name": "An agent", "skills": [{"id": "s"}]})),
        (json!({}), json!({})),
        (json!(null), json!(null)),
    ] {
        check_result(result, expected);
    }
}

#[test]
fn what_cannot_be_an_id_is_refused() {
    for (operation, params) in [
        (GetTask, json!({"id": 1})),
        (GetTask, json!({"name": "elsewhere/t"})),
        (SendMessage, json!({"message": {"taskId": ["t"]}})),
        (SendMessage, json!({"message": {"referenceTaskIds": "t"}})),
        (GetPushConfig, json!({"id": "t", "taskId": "u", "pushNotificationConfigId": "w"})),
        (CancelTask, json!("t")),
    ] {
        let refused = visit_params(operation, &mut params.clone(), &mut mark).unwrap_err();
        assert_eq!(refused.code, -32602, "{params}");
    }
    let refused = visit_result(&mut json!({"task": {"id": 7}}), &mut mark).unwrap_err();
    assert_eq!(refused.code, -32006);
}

#[test]
fn what_the_visitor_refuses_is_refused() {
    let not_found = Refusal::new(-32001, "Task not found");
    let refused = visit_params(GetTask, &mut json!({"id": "t"}), &mut |_, _| Err(not_found.clone()));
    assert_eq!(refused, Err(not_found));
}

/// The ids of the hub's model, found by another way than the code's: every member of that name, outside of what is the user's.
fn ids_of(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| ids_of(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "id" | "taskId" => drop(found.insert(format!("T.{}", value.as_str().unwrap()))),
                    "contextId" => drop(found.insert(format!("C.{}", value.as_str().unwrap()))),
                    "metadata" | "data" | "parts" | "artifacts" | "artifact" => {}
                    _ => ids_of(value, found),
                }
            }
        }
        _ => {}
    }
}

/// What is visited in `result`, which must be what `hub` has.
fn check_visited(hub: &Value, mut result: Value) -> Result<(), TestCaseError> {
    let (mut expected, mut visited, mut again) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    ids_of(hub, &mut expected);
    visit_result(&mut result, &mut |kind, id| {
        let marked = mark(kind, id)?;
        visited.insert(marked.clone());
        Ok(marked)
    })
    .unwrap();
    prop_assert_eq!(&visited, &expected);
    visit_result(&mut result, &mut |_, id| {
        again.insert(id.to_owned());
        Ok(id.to_owned())
    })
    .unwrap();
    prop_assert_eq!(again, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_id_of_a_task_is_visited_and_replaced(task in generate::task()) {
        for model in [Model::V1, Model::V03Rpc, Model::V03Rest] {
            check_visited(&task, result_from_hub(GetTask, model, task.clone()).unwrap())?;
        }
    }

    #[test]
    fn every_id_of_an_event_is_visited_and_replaced(event in generate::event()) {
        for model in [Model::V1, Model::V03Rpc, Model::V03Rest] {
            check_visited(&event, event_from_hub(model, event.clone()).unwrap())?;
        }
    }
}
