//! When a body is read, and what is refused once it is.

use super::*;

const SOME: &str = "agents:weather:read agents:weather:write";
const ALL: &str = "agents:weather:read agents:weather:write agents:weather:push";

#[test]
fn who_holds_every_class_streams_straight_through() {
    let mut gate = Gate::new();
    assert_eq!(gate.outcome(ALL, post("/agents/weather", "not even JSON")), "unread");
    assert_eq!(gate.outcome(ALL, post("/agents/weather/message:send", "not even JSON")), "SendMessage");
}

#[test]
fn only_sends_are_read_in_http_json() {
    let mut gate = Gate::new();
    let needs_body = |gate: &mut Gate, path: &str| {
        let call = Call { authorization: Some(gate.bearer(SOME)), ..post(path, "{}") };
        matches!(gate.begin(&call), Step::NeedsBody(_))
    };
    assert!(needs_body(&mut gate, "/agents/weather/message:send"));
    assert!(needs_body(&mut gate, "/agents/weather/message:stream"));
    assert!(!needs_body(&mut gate, "/agents/weather/tasks/t:cancel"));
    assert!(needs_body(&mut gate, "/agents/weather"));
}

#[test]
fn bodies_that_could_be_read_in_two_ways_are_refused() {
    let mut gate = Gate::new();
    for (body, expect) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask""#, "400 parse_error"),
        ("", "400 parse_error"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"GetTask"}]"#, "400 invalid_request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","method":"SendMessage"}"#, "400 invalid_request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","METHOD":"SendMessage"}"#, "400 invalid_request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"a":{"b":1,"b":2}}}"#, "400 invalid_request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tasks/obliterate"}"#, "200 unknown_operation"),
    ] {
        assert_eq!(gate.outcome(SOME, post("/agents/weather", body)), expect, "{body}");
    }
    assert_eq!(gate.outcome(SOME, post("/agents/weather/message:send", "[]")), "400 invalid_request");
    assert_eq!(gate.outcome(SOME, post("/agents/weather/message:send", r#"{"a":1,"a":2}"#)), "400 invalid_request");
}

#[test]
fn bodies_that_are_announced_as_something_else_are_refused() {
    let mut gate = Gate::new();
    let body = rpc("GetTask");
    for content_type in
        [None, Some("text/plain"), Some("application/json; charset=utf-16"), Some("application/json, text/plain")]
    {
        let call = Call { content_type, ..post("/agents/weather", &body) };
        assert_eq!(gate.outcome(SOME, call), "415 unsupported_media_type", "{content_type:?}");
    }
    for content_encoding in ["gzip", "identity, gzip"] {
        let call = Call { content_encoding: Some(content_encoding), ..post("/agents/weather", &body) };
        assert_eq!(gate.outcome(SOME, call), "415 unsupported_media_type", "{content_encoding}");
    }
    let no_body = Call { body: None, ..post("/agents/weather", "") };
    assert_eq!(gate.outcome(SOME, no_body), "400 parse_error");
}

#[test]
fn a_body_that_is_too_long_is_refused_not_forwarded() {
    let mut gate = Gate::with(json!({"maxBodyBytes": 10}), json!({}));
    let call = Call { authorization: Some(gate.bearer(SOME)), ..post("/agents/weather", "{}") };
    let Step::NeedsBody(pending) = gate.begin(&call) else { panic!("decided early") };
    assert_eq!(pending.max_body(), 10);
    assert_eq!(pending.overflow().status(), 413);
}

#[test]
fn a_denial_echoes_the_id_it_read() {
    let mut gate = Gate::new();
    let body = r#"{"params":{},"method":"SendMessage","id":"req-\"7\"","jsonrpc":"2.0"}"#;
    let call = Call { authorization: Some(gate.bearer("agents:weather:read")), ..post("/agents/weather", body) };
    let body: Value = serde_json::from_str(denial(gate.decide(&call)).body()).unwrap();
    assert_eq!(body["id"], "req-\"7\"");
    assert_eq!(body["error"]["code"], -32043);
}
