//! Requests and answers between the bindings of one version.

use serde_json::{Value, json};
use tollgate_a2a::wire::{NoIds, VersionHeader};
use tollgate_policy::document::{Dialect, Interface};

use crate::{body_of, exchange, lines, message, read, read_rpc, sent, write};

/// A JSON-RPC call as HTTP+JSON, and that again as JSON-RPC.
#[track_caller]
fn check(method: &str, params: Value, line: &str, body: Value) {
    let (outgoing, _) = write(read_rpc(method, &params), Dialect::HttpJson1, &NoIds).unwrap();
    assert_eq!((format!("{} {}", outgoing.verb, outgoing.path), sent(&outgoing)), (line.to_owned(), body), "{method}");
    assert_eq!(outgoing.version, VersionHeader::Is("1.0"));
    let (path, query) = outgoing.path.split_once('?').unwrap_or((&outgoing.path, ""));
    let body = outgoing.body.map(|(_, body)| body).unwrap_or_default();
    let back = read(Interface::Rest, outgoing.verb, path, query, &body).unwrap();
    let (outgoing, _) = write(back, Dialect::JsonRpc1, &NoIds).unwrap();
    let again = sent(&outgoing);
    assert_eq!((&again["method"], &again["id"]), (&json!(method), &json!("1")));
    assert_eq!(again.get("params").cloned().unwrap_or(json!({})), params);
}

#[test]
fn every_operation_has_its_place_in_both_bindings() {
    check("SendMessage", message(), "POST /message:send", message());
    check("SendStreamingMessage", message(), "POST /message:stream", message());
    check("GetTask", json!({"id": "t", "historyLength": 2}), "GET /tasks/t?historyLength=2", Value::Null);
    check(
        "ListTasks",
        json!({"contextId": "c", "includeArtifacts": true, "pageSize": 5}),
        "GET /tasks?contextId=c&includeArtifacts=true&pageSize=5",
        Value::Null,
    );
    check(
        "CancelTask",
        json!({"id": "t", "metadata": {"a": 1}}),
        "POST /tasks/t:cancel",
        json!({"metadata": {"a": 1}}),
    );
    check("SubscribeToTask", json!({"id": "t"}), "POST /tasks/t:subscribe", Value::Null);
    check(
        "CreateTaskPushNotificationConfig",
        json!({"taskId": "t", "url": "https://a.example"}),
        "POST /tasks/t/pushNotificationConfigs",
        json!({"url": "https://a.example"}),
    );
    let config = json!({"taskId": "t", "id": "c"});
    check("GetTaskPushNotificationConfig", config.clone(), "GET /tasks/t/pushNotificationConfigs/c", Value::Null);
    check("DeleteTaskPushNotificationConfig", config, "DELETE /tasks/t/pushNotificationConfigs/c", Value::Null);
    let list = json!({"taskId": "t", "pageSize": 2});
    check("ListTaskPushNotificationConfigs", list, "GET /tasks/t/pushNotificationConfigs?pageSize=2", Value::Null);
    check("GetExtendedAgentCard", json!({}), "GET /extendedAgentCard", Value::Null);
    check("GetTask", json!({"id": "t", "tenant": "acme"}), "GET /acme/tasks/t", Value::Null);
}

#[test]
fn one_dialect_changes_nothing() {
    let body = br#"{"extra":1,"method":"message/send","params":{"odd":[1.5],"message":{"kind":"message"}},"id":"x","jsonrpc":"2.0"}"#;
    let call = read(Interface::Rpc, "POST", "", "", body).unwrap();
    let (outgoing, exchange) = write(call, Dialect::JsonRpc03, &NoIds).unwrap();
    assert_eq!((outgoing.body.unwrap().1, outgoing.version), (body.to_vec(), VersionHeader::Kept));
    let answer = exchange.unary(418, b"\xff not json", &NoIds);
    assert_eq!((answer.status, answer.content_type, &answer.body[..]), (418, None, &b"\xff not json"[..]));
}

#[test]
fn results_are_taken_out_of_one_envelope_and_put_into_the_other() {
    let to_rest = exchange(Dialect::JsonRpc1, Dialect::HttpJson1, "SendMessage", &message());
    let answer = to_rest.unary(200, br#"{"task":{"id":"t"}}"#, &NoIds);
    assert_eq!(body_of(&answer.body), json!({"jsonrpc": "2.0", "id": 7, "result": {"task": {"id": "t"}}}));
    assert_eq!((answer.status, answer.content_type), (200, Some("application/json")));
    let to_rpc = exchange(Dialect::HttpJson1, Dialect::JsonRpc1, "SendMessage", &message());
    let answer = to_rpc.unary(200, br#"{"jsonrpc":"2.0","id":"1","result":{"task":{"id":"t"}}}"#, &NoIds);
    assert_eq!(
        (body_of(&answer.body), answer.content_type),
        (json!({"task": {"id": "t"}}), Some("application/a2a+json"))
    );
}

#[test]
fn errors_keep_their_meaning() {
    let to_rest = exchange(Dialect::JsonRpc1, Dialect::HttpJson1, "SendMessage", &message());
    let to_rpc = exchange(Dialect::HttpJson1, Dialect::JsonRpc1, "SendMessage", &message());
    for (code, reason, status) in [
        (-32001, "TASK_NOT_FOUND", 404),
        (-32002, "TASK_NOT_CANCELABLE", 400),
        (-32003, "PUSH_NOTIFICATION_NOT_SUPPORTED", 400),
        (-32004, "UNSUPPORTED_OPERATION", 400),
        (-32005, "CONTENT_TYPE_NOT_SUPPORTED", 400),
        (-32006, "INVALID_AGENT_RESPONSE", 500),
        (-32009, "VERSION_NOT_SUPPORTED", 400),
        (-32602, "INVALID_PARAMS", 400),
    ] {
        let error = json!({"jsonrpc": "2.0", "id": "1", "error": {"code": code, "message": "why"}});
        let answer = to_rpc.unary(200, error.to_string().as_bytes(), &NoIds);
        let body = body_of(&answer.body);
        assert_eq!(
            (answer.status, &body["error"]["code"], &body["error"]["message"]),
            (status, &json!(status), &json!("why"))
        );
        assert_eq!(body["error"]["details"][0]["reason"], reason);
        let answer = to_rest.unary(status, &answer.body, &NoIds);
        let back = body_of(&answer.body);
        assert_eq!((answer.status, &back["id"], &back["error"]["code"]), (200, &json!(7), &json!(code)), "{body}");
        assert_eq!(back["error"]["data"][0]["reason"], reason);
    }
}

#[test]
fn what_is_no_a2a_is_a_bad_answer_or_a_bad_gateway() {
    let to_rest = exchange(Dialect::JsonRpc1, Dialect::HttpJson1, "SendMessage", &message());
    for (status, body, expect) in [
        (200, "<html>", (200, -32006)),
        (200, "", (200, -32006)),
        (404, "not here", (200, -32006)),
        (404, r#"{"detail":"Not Found"}"#, (200, -32006)),
        (404, r#"{"message":"Not Found"}"#, (200, -32006)),
        (401, r#"{"detail":"log in"}"#, (502, -32603)),
        (403, "", (502, -32603)),
        (503, r#"{"error":{"code":"UNAVAILABLE","message":"no healthy upstream","details":{}}}"#, (503, -32603)),
        (504, "upstream request timeout", (504, -32603)),
        (500, "oops", (200, -32603)),
        (422, r#"{"title":"bad"}"#, (200, -32602)),
    ] {
        let answer = to_rest.unary(status, body.as_bytes(), &NoIds);
        let code = body_of(&answer.body)["error"]["code"].as_i64();
        assert_eq!((answer.status, code), (expect.0, Some(expect.1)), "{status} {body}");
    }
    let to_rpc = exchange(Dialect::HttpJson1, Dialect::JsonRpc1, "SendMessage", &message());
    let answer = to_rpc.unary(200, b"[]", &NoIds);
    assert_eq!((answer.status, &body_of(&answer.body)["error"]["status"]), (500, &json!("INTERNAL")));
    let answer =
        to_rpc.unary(503, br#"{"error":{"code":"UNAVAILABLE","message":"no healthy upstream","details":{}}}"#, &NoIds);
    assert_eq!((answer.status, &body_of(&answer.body)["error"]["message"]), (503, &json!("no healthy upstream")));
}

#[test]
fn requests_that_are_none_are_refused_in_the_clients_binding() {
    let refused = |interface, verb, path, body: &[u8]| {
        let answer = read(interface, verb, path, "", body).unwrap_err();
        (answer.status, body_of(&answer.body)["error"]["code"].clone())
    };
    assert_eq!(refused(Interface::Rpc, "POST", "", b"{"), (400, json!(-32700)));
    assert_eq!(refused(Interface::Rpc, "POST", "", b"[]"), (400, json!(-32600)));
    assert_eq!(refused(Interface::Rpc, "POST", "", br#"{"jsonrpc":"2.0","id":1,"method":"x"}"#), (200, json!(-32601)));
    assert_eq!(refused(Interface::Rest, "POST", "/message:send", b"[]"), (400, json!(400)));
    assert_eq!(refused(Interface::Rest, "PUT", "/tasks/t", b""), (404, json!(404)));
}

#[test]
fn errors_as_the_sdk_of_0_3_writes_them_keep_their_meaning() {
    let exchange = exchange(Dialect::JsonRpc1, Dialect::HttpJson03, "GetTask", &json!({"id": "t"}));
    for (status, code) in [(404, -32001), (409, -32002), (415, -32005), (422, -32602), (501, -32004)] {
        let answer = exchange.unary(status, br#"{"message":"why"}"#, &NoIds);
        let error = &body_of(&answer.body)["error"];
        assert_eq!((answer.status, &error["code"], &error["message"]), (200, &json!(code), &json!("why")));
    }
}

#[test]
fn a_webhook_is_deleted_with_or_without_a_body() {
    let config = json!({"taskId": "t", "id": "c"});
    let exchange = exchange(Dialect::JsonRpc1, Dialect::HttpJson1, "DeleteTaskPushNotificationConfig", &config);
    for (status, body) in [(204, ""), (200, "{}")] {
        assert_eq!(body_of(&exchange.unary(status, body.as_bytes(), &NoIds).body)["result"], json!({}), "{status}");
    }
}

#[test]
fn a_query_adds_nothing_to_a_body_that_was_judged_without_it() {
    let path = "/tasks/t/pushNotificationConfigs";
    let body = br#"{"url":"https://a.example"}"#;
    for query in ["url=http://10.0.0.1", "token=x", "A2A-Version=1.0&url=http://10.0.0.1"] {
        let answer = read(Interface::Rest, "POST", path, query, body).unwrap_err();
        assert_eq!(
            (answer.status, &body_of(&answer.body)["error"]["status"]),
            (400, &json!("INVALID_ARGUMENT")),
            "{query}"
        );
    }
    let call = read(Interface::Rest, "POST", path, "A2A-Version=1.0", body).unwrap();
    let (outgoing, _) = write(call, Dialect::JsonRpc1, &NoIds).unwrap();
    assert_eq!(sent(&outgoing)["params"], json!({"taskId": "t", "url": "https://a.example"}));
}

#[test]
fn a_stream_that_is_answered_at_once_is_one_event() {
    let exchange = exchange(Dialect::JsonRpc1, Dialect::HttpJson1, "SendStreamingMessage", &message());
    let answer = exchange.unary(200, br#"{"message":{"messageId":"r"}}"#, &NoIds);
    assert_eq!(answer.content_type, Some("text/event-stream"));
    let event = json!({"jsonrpc": "2.0", "id": 7, "result": {"message": {"messageId": "r"}}});
    assert_eq!(lines(&answer.body), [json!({"data": event}), json!("\n")]);
}

#[test]
fn a_version_is_translated_with_its_binding() {
    let params = json!({"message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}});
    let (outgoing, exchange) = write(read_rpc("message/send", &params), Dialect::HttpJson1, &NoIds).unwrap();
    assert_eq!((outgoing.path.as_str(), &sent(&outgoing)["message"]["role"]), ("/message:send", &json!("ROLE_USER")));
    let task = json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}});
    let answer = body_of(&exchange.unary(200, task.to_string().as_bytes(), &NoIds).body);
    assert_eq!(
        (&answer["result"]["kind"], &answer["result"]["status"]["state"]),
        (&json!("task"), &json!("completed"))
    );
    let listing = write(read_rpc("ListTasks", &json!({})), Dialect::JsonRpc03, &NoIds).unwrap_err();
    assert_eq!(body_of(&listing.body)["error"]["code"], json!(-32004));
}
