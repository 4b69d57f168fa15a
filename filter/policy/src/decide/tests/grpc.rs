//! gRPC calls: by host, by scope, and with the webhook in them.

use super::*;

const HOST: &str = "weather.grpc.gw.example:8443";

fn gate() -> Gate {
    let agents = json!([
        {"id": "weather", "grpc": "agent-weather.grpc", "webhooks": {}},
        {"id": "private", "grpc": "agent-private.grpc", "taskIsolation": "caller", "translated": "t"},
        {"id": "calculator"},
    ]);
    Gate::with(json!({"grpcDomain": "grpc.gw.example"}), json!({"agents": agents}))
}

fn call<'a>(authority: &'a str, path: &'a str, body: &'a str) -> Call<'a> {
    Call { authority, content_type: Some("application/grpc"), ..post(path, body) }
}

fn outcome(scopes: &str, authority: &str, method: &str) -> String {
    gate().outcome(scopes, call(authority, method, "\0\0\0\0\0"))
}

const V1: &str = "/lf.a2a.v1.A2AService/";
const READ: &str = "agents:weather:read";
const WRITE: &str = "agents:weather:write";

#[test]
fn the_path_decides_what_scope_is_needed() {
    for (scopes, method, expect) in [
        (READ, "GetTask", "GetTask"),
        (READ, "SubscribeToTask", "SubscribeToTask"),
        (READ, "SendMessage", "403 insufficient_scope"),
        (READ, "GetTaskPushNotificationConfig", "403 insufficient_scope"),
        (WRITE, "SendMessage", "SendMessage"),
        (WRITE, "CancelTask", "CancelTask"),
        (WRITE, "GetTask", "403 insufficient_scope"),
        ("agents:weather:push", "DeleteTaskPushNotificationConfig", "DeleteTaskPushNotificationConfig"),
        (WRITE, "Obliterate", "403 unknown_operation"),
    ] {
        assert_eq!(outcome(scopes, HOST, &format!("{V1}{method}")), expect, "{scopes} {method}");
    }
    assert_eq!(outcome(READ, HOST, "/a2a.v1.A2AService/TaskSubscription"), "SubscribeToTask");
}

#[test]
fn the_host_decides_which_agent() {
    let method = format!("{V1}GetTask");
    assert_eq!(outcome("agents:*:read agents:calculator:read", "calculator.grpc.gw.example", &method), "404 not_found");
    assert_eq!(outcome("agents:calculator:read", HOST, &method), "403 insufficient_scope");
    assert_eq!(outcome(READ, "gw.example", &method), "404 not_found");
    assert_eq!(Gate::new().outcome(READ, call(HOST, &method, "")), "404 not_found");
}

#[test]
fn it_goes_to_the_cluster_of_the_grpc_interface_with_its_path() {
    let mut gate = gate();
    let path = format!("{V1}GetTask");
    let call = Call { authorization: Some(gate.bearer(READ)), ..call(HOST, &path, "x") };
    let admitted = admission(gate.decide(&call));
    let Route::Agent { cluster, rewrite, .. } = admitted.route() else { panic!("{admitted:?}") };
    assert_eq!((&**cluster, rewrite), ("agent-weather.grpc", &Rewrite::Kept));
}

#[test]
fn denials_are_trailers() {
    let mut gate = gate();
    let path = format!("{V1}SendMessage");
    let call = Call { authorization: Some(gate.bearer(READ)), ..call(HOST, &path, "x") };
    let denied = denial(gate.decide(&call));
    assert_eq!((denied.grpc_status(), denied.body()), (Some(7), "the token's scopes do not grant write on this agent"));
    assert!(
        denied
            .headers()
            .iter()
            .any(|(name, value)| *name == "www-authenticate" && value.contains("agents:weather:write"))
    );
}

#[test]
fn a_webhook_in_a_send_is_seen() {
    // SendMessageRequest.configuration (3) . task_push_notification_config (2) . url (4).
    let send = |url: &str| {
        let url = format!("\x22{}{url}", char::from(u8::try_from(url.len()).unwrap()));
        let webhook = format!("\x12{}{url}", char::from(u8::try_from(url.len()).unwrap()));
        let message = format!("\x1a{}{webhook}", char::from(u8::try_from(webhook.len()).unwrap()));
        format!("\0\0\0\0{}{message}", char::from(u8::try_from(message.len()).unwrap()))
    };
    let outcome = |scopes: &str, body: &str| gate().outcome(scopes, call(HOST, &format!("{V1}SendMessage"), body));
    assert_eq!(outcome(WRITE, &send("https://a.example/")), "403 insufficient_scope");
    assert_eq!(outcome(&format!("{WRITE} agents:weather:push"), &send("https://a.example/")), "SendMessage");
    assert_eq!(outcome(&format!("{WRITE} agents:weather:push"), &send("https://10.0.0.1/")), "400 webhook_refused");
    assert_eq!(outcome(WRITE, "\u{1}\0\0\0\0"), "400 invalid_request");
}

#[test]
fn an_agent_that_keeps_tasks_apart_has_no_grpc() {
    let method = format!("{V1}GetTask");
    assert_eq!(outcome("agents:private:read", "private.grpc.gw.example", &method), "400 unsupported_operation");
}

#[test]
fn anything_but_grpc_is_refused_there() {
    let path = format!("{V1}GetTask");
    let call = Call { authority: HOST, ..post(&path, "{}") };
    assert_eq!(gate().outcome(READ, call), "415 unsupported_media_type");
}
