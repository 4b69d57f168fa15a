//! Ids on their way: the agent's inward, the caller's outward, and nobody else's.

use serde_json::json;
use tollgate_a2a::convert::Refusal;
use tollgate_a2a::ownership::IdKind;
use tollgate_a2a::wire::{Call, Ids};
use tollgate_policy::document::{Dialect, Interface};

use crate::{body_of, message, read, read_rpc, sent, write};

/// Shown ids are the agent's with `+` in front; contexts the agent has end with `~me`.
struct Mine;

impl Ids for Mine {
    fn is_active(&self) -> bool {
        true
    }

    fn inward(&self, kind: IdKind, id: &str) -> Result<String, Refusal> {
        match kind {
            IdKind::Task => {
                id.strip_prefix('+').map(str::to_owned).ok_or_else(|| Refusal::new(-32001, "Task not found"))
            }
            IdKind::Context => Ok(format!("{id}~me")),
        }
    }

    fn outward(&self, kind: IdKind, id: &str) -> Result<String, Refusal> {
        Ok(match kind {
            IdKind::Task => format!("+{id}"),
            IdKind::Context => id.trim_end_matches("~me").to_owned(),
        })
    }

    fn shows(&self, context: Option<&str>) -> bool {
        context.is_some_and(|context| context.ends_with("~me"))
    }

    fn new_context(&self) -> Option<String> {
        Some("fresh~me".to_owned())
    }
}

const ALL: [Dialect; 4] = Dialect::ALL;

#[test]
fn a_send_that_names_nothing_is_put_into_the_callers_context() {
    for to in ALL {
        let (outgoing, _) = write(read_rpc("SendMessage", &message()), to, &Mine).unwrap();
        assert!(sent(&outgoing).to_string().contains("fresh~me"), "{to:?}");
    }
    let mut named = message();
    named["message"]["contextId"] = json!("trip");
    let (outgoing, _) = write(read_rpc("SendMessage", &named), Dialect::JsonRpc1, &Mine).unwrap();
    assert_eq!(sent(&outgoing)["params"]["message"]["contextId"], "trip~me");
}

#[test]
fn another_callers_task_is_not_found_whatever_is_asked_of_it() {
    let calls: [(&str, serde_json::Value); 8] = [
        ("GetTask", json!({"id": "t"})),
        ("CancelTask", json!({"id": "t"})),
        ("SubscribeToTask", json!({"id": "t"})),
        ("SendMessage", json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [], "taskId": "t"}})),
        ("CreateTaskPushNotificationConfig", json!({"taskId": "t", "url": "https://a.example"})),
        ("GetTaskPushNotificationConfig", json!({"taskId": "t", "id": "c"})),
        ("ListTaskPushNotificationConfigs", json!({"taskId": "t"})),
        ("DeleteTaskPushNotificationConfig", json!({"taskId": "t", "id": "c"})),
    ];
    for (method, params) in calls {
        for to in ALL {
            let answer = write(read_rpc(method, &params), to, &Mine).unwrap_err();
            assert_eq!(
                (answer.status, &body_of(&answer.body)["error"]["code"]),
                (200, &json!(-32001)),
                "{method} {to:?}"
            );
        }
    }
    let of_rest = |verb, path| read(Interface::Rest, verb, path, "", b"").unwrap();
    for call in [
        of_rest("GET", "/tasks/t"),
        of_rest("POST", "/v1/tasks/t:cancel"),
        of_rest("GET", "/tasks/t/pushNotificationConfigs"),
    ] {
        assert_eq!(write(call, Dialect::JsonRpc1, &Mine).unwrap_err().status, 404);
    }
}

#[test]
fn the_callers_own_task_is_reached_by_the_id_it_was_shown() {
    let call: Call = read(Interface::Rest, "GET", "/tasks/%2Bt", "", b"").unwrap();
    let (outgoing, exchange) = write(call, Dialect::HttpJson1, &Mine).unwrap();
    assert_eq!(outgoing.path, "/tasks/t");
    let answer = exchange.unary(
        200,
        br#"{"id":"t","contextId":"c~me","odd":1,"history":[{"taskId":"t","contextId":"c~me"}]}"#,
        &Mine,
    );
    let shown = json!({"id": "+t", "contextId": "c", "odd": 1, "history": [{"taskId": "+t", "contextId": "c"}]});
    assert_eq!((body_of(&answer.body), answer.content_type), (shown, None));
}

#[test]
fn a_listing_holds_the_callers_own_tasks_and_tells_of_no_others() {
    let tasks = json!({"tasks": [
        {"id": "a", "contextId": "x~me"}, {"id": "b", "contextId": "x~you"}, {"id": "c"}, {"id": "d", "contextId": "y~me"}],
        "nextPageToken": "n", "pageSize": 4, "totalSize": 90});
    let (_, exchange) = write(read_rpc("ListTasks", &json!({})), Dialect::HttpJson1, &Mine).unwrap();
    let answer = body_of(&exchange.unary(200, tasks.to_string().as_bytes(), &Mine).body);
    let shown = json!({"tasks": [{"id": "+a", "contextId": "x"}, {"id": "+d", "contextId": "y"}],
        "nextPageToken": "n", "pageSize": 2, "totalSize": 2});
    assert_eq!(answer["result"], shown);
    for odd in ["[{\"id\":\"b\"}]", "{\"items\":[{\"id\":\"b\"}]}", "{\"tasks\":{\"id\":\"b\"}}"] {
        assert!(
            !String::from_utf8(exchange.unary(200, odd.as_bytes(), &Mine).body).unwrap().contains("\"b\""),
            "{odd}"
        );
    }
}

#[test]
fn events_show_the_callers_ids() {
    for (client, agent) in [(Dialect::JsonRpc1, Dialect::JsonRpc1), (Dialect::JsonRpc1, Dialect::HttpJson1)] {
        let (_, exchange) = write(read_rpc("SendStreamingMessage", &message()), agent, &Mine).unwrap();
        let event = json!({"statusUpdate": {"taskId": "t", "contextId": "fresh~me", "status": {"state": "TASK_STATE_WORKING"}}});
        let event = if agent == client { json!({"jsonrpc": "2.0", "id": 7, "result": event}) } else { event };
        let out = exchange.events(1000).feed(format!("data: {event}\n\n").as_bytes(), &Mine);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\"taskId\":\"+t\"") && text.contains("\"contextId\":\"fresh\""), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_not_shown() {
    let odd = [
        r#"{"tasks":[{"id":"b","contextId":"x~you","metadata":{"n":NaN}}]}"#,
        r#"[{"result":{"tasks":[{"id":"b"}]}}]"#,
        "b",
    ];
    for agent in [Dialect::JsonRpc1, Dialect::HttpJson1] {
        let call = match agent.interface() {
            Interface::Rpc => read_rpc("ListTasks", &json!({})),
            Interface::Rest => read(Interface::Rest, "GET", "/tasks", "", b"").unwrap(),
        };
        let (_, exchange) = write(call, agent, &Mine).unwrap();
        for listing in odd {
            let answer = exchange.unary(200, listing.as_bytes(), &Mine);
            let shown = String::from_utf8(answer.body).unwrap();
            assert!(!shown.contains("x~you") && !shown.contains("\"b\""), "{agent:?} {listing}: {shown}");
        }
        let page = exchange.unary(502, b"<html>", &Mine);
        assert_eq!((page.status, &page.body[..]), (502, &b"<html>"[..]));
    }
}
