//! Requests that an agent does not understand as they are: what it gets, and what the client gets back.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Response, backend::CardAnswer, cards::CardShape, door::Door, peers::Peer, wait,
};

/// A backend that speaks one dialect, registered as `id`.
fn agent(id: &str, shape: CardShape, more: &Value) -> Backend {
    let backend = Backend::with(Door::Open, CardAnswer::Card(shape));
    Gateway::shared().register_with(id, &backend, more);
    backend
}

fn token(id: &str) -> String {
    Gateway::shared().token(&format!("agents:{id}:read agents:{id}:write agents:{id}:push"))
}

fn send(id: &str, method: &str, path: &str, version: Option<&str>, body: &Value) -> Response {
    let mut request = Gateway::shared().request(method, &format!("/agents/{id}{path}")).bearer(&token(id));
    if !body.is_null() {
        request = request.json(body);
    }
    version.iter().fold(request, |request, version| request.header("a2a-version", version)).send()
}

fn call(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "r-1", "method": method, "params": params})
}

fn message() -> Value {
    json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}})
}

#[test]
fn json_rpc_becomes_http_json_for_an_agent_that_has_nothing_else() {
    let backend = agent("only-rest", CardShape::V1Rest, &json!({}));
    let response = send("only-rest", "POST", "", Some("1.0"), &call("SendMessage", message()));
    let arrived = backend.calls().pop().expect("arrived");
    assert_eq!((arrived.method.as_str(), arrived.path.as_str()), ("POST", "/message:send"));
    assert_eq!(serde_json::from_slice::<Value>(&arrived.body).unwrap(), message());
    assert_eq!((arrived.header("a2a-version"), arrived.header("x-tollgate-translate")), (Some("1.0"), None));
    let answer = response.json();
    assert_eq!((response.status, &answer["id"], answer["result"].is_object()), (200, &json!("r-1"), true), "{answer}");

    let long = json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x".repeat(1_000_000)}]}});
    assert_eq!(
        send("only-rest", "POST", "", Some("1.0"), &call("SendMessage", long)).status,
        200,
        "close to the limit"
    );

    send("only-rest", "POST", "/", Some("1.0"), &call("GetTask", json!({"id": "t 1", "historyLength": 2})));
    let arrived = backend.calls().pop().expect("arrived");
    assert_eq!((arrived.method.as_str(), arrived.path.as_str()), ("GET", "/tasks/t%201?historyLength=2"));
    assert_eq!(arrived.body, b"");
}

#[test]
fn http_json_becomes_json_rpc_for_an_agent_that_has_nothing_else() {
    let backend = agent("only-rpc", CardShape::V1Rpc, &json!({}));
    for (method, path, body, rpc, params) in [
        ("POST", "/message:send", message(), "SendMessage", message()),
        ("GET", "/tasks/t1?historyLength=3", Value::Null, "GetTask", json!({"id": "t1", "historyLength": 3})),
        ("POST", "/tasks/t1:cancel", json!({}), "CancelTask", json!({"id": "t1"})),
        ("GET", "/tasks?pageSize=5", Value::Null, "ListTasks", json!({"pageSize": 5})),
        (
            "DELETE",
            "/tasks/t/pushNotificationConfigs/c",
            Value::Null,
            "DeleteTaskPushNotificationConfig",
            json!({"taskId": "t", "id": "c"}),
        ),
    ] {
        let response = send("only-rpc", method, path, None, &body);
        let arrived = backend.calls().pop().expect("arrived");
        let sent: Value = serde_json::from_slice(&arrived.body).unwrap_or_default();
        assert_eq!((arrived.method.as_str(), arrived.path.as_str()), ("POST", "/"), "{path}");
        assert_eq!((&sent["method"], &sent["params"]), (&json!(rpc), &params), "{path}");
        assert_eq!(response.header("content-type"), Some("application/a2a+json"), "{path}: {}", response.text());
    }
}

#[test]
fn protocol_0_3_becomes_1_0_and_the_answer_0_3_again() {
    let backend = agent("only-v1", CardShape::V1, &json!({}));
    let params = json!({"message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}});
    let response = send("only-v1", "POST", "", None, &call("message/send", params));
    let arrived = backend.calls().pop().expect("arrived");
    let sent: Value = serde_json::from_slice(&arrived.body).unwrap();
    assert_eq!((&sent["method"], &sent["params"]["message"]["role"]), (&json!("SendMessage"), &json!("ROLE_USER")));
    assert_eq!(arrived.header("a2a-version"), Some("1.0"));
    assert_eq!(response.json()["id"], "r-1", "{}", response.text());
}

#[test]
fn what_cannot_be_said_in_the_other_version_is_refused_and_never_sent() {
    let backend = agent("only-v03", CardShape::V03, &json!({}));
    let response = send("only-v03", "POST", "", Some("1.0"), &call("ListTasks", json!({})));
    assert_eq!((response.status, &response.json()["error"]["code"]), (200, &json!(-32004)), "{}", response.text());
    let response = send("only-v03", "GET", "/tasks", None, &Value::Null);
    assert_eq!(
        (response.status, &response.json()["error"]["details"][0]["reason"]),
        (400, &json!("UNSUPPORTED_OPERATION"))
    );
    assert!(backend.calls().is_empty());
}

#[test]
fn what_the_agent_speaks_passes_byte_for_byte() {
    let backend = agent("as-it-is", CardShape::V1Rpc, &json!({}));
    let body = "{\"id\":1, \"jsonrpc\" :\"2.0\",\"method\":\"SendMessage\",\"params\":{\"odd\":[1.50]}}";
    let answer = Gateway::shared()
        .request("POST", "/agents/as-it-is")
        .bearer(&token("as-it-is"))
        .header("a2a-version", "1.0")
        .header("content-type", "application/json")
        .body(body)
        .send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(String::from_utf8_lossy(&backend.calls().pop().expect("arrived").body), body);
}

#[test]
fn an_agent_without_translation_is_only_what_its_card_says() {
    agent("untranslated", CardShape::V1Rpc, &json!({"translation": "off"}));
    let response = send("untranslated", "POST", "/message:send", None, &message());
    assert_eq!(response.status, 404, "{}", response.text());
}

#[test]
fn the_keys_that_seal_ids_are_not_in_envoys_configuration_dump() {
    let gateway = Gateway::shared();
    let secret = "cGxhbnRlZC10YXNrLWtleS1wbGFudGVkLXRhc2sta2V5LTE";
    agent("apart", CardShape::V1, &json!({"taskIsolation": "caller"}));
    gateway.admin_ok("POST", "/admin/task-keys?wait=applied", Some(&json!({"secret": secret})));
    let dump = gateway.envoy("/config_dump").text();
    assert!(dump.contains("tollgate-translator") && dump.contains("[redacted]"));
    assert!(!dump.contains(secret));
}

#[test]
fn hostile_bodies_do_not_trap_the_translation() {
    agent("hostile-translation", CardShape::V1Rest, &json!({}));
    let gateway = Gateway::shared();
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    for body in
        ["", "{", "[]", "\u{0}", "null", &deep, r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","method":"GetTask"}"#]
    {
        let response = gateway
            .request("POST", "/agents/hostile-translation")
            .bearer(&token("hostile-translation"))
            .header("content-type", "application/json")
            .body(body)
            .send();
        assert!(matches!(response.status, 200 | 400), "{} {body:.20}", response.status);
    }
    let response = gateway
        .request("POST", "/agents/hostile-translation")
        .bearer(&token("hostile-translation"))
        .header("content-type", "application/json")
        .body(vec![b' '; 2 << 20])
        .send();
    assert_eq!(response.status, 413, "{}", response.text());
    gateway.assert_no_trap();
}

/// A stream that is under way: what came of it so far.
struct Open {
    stream: TcpStream,
    seen: String,
}

impl Open {
    fn start(agent: &str, path: &str, version: &str, body: &Value) -> Self {
        let body = body.to_string();
        let head = format!(
            "POST /agents/{agent}{path} HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {}\r\na2a-version: {version}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            token(agent),
            body.len()
        );
        let mut stream = TcpStream::connect(Gateway::shared().listener()).expect("connects");
        stream.set_read_timeout(Some(wait::PATIENCE)).expect("a timeout");
        stream.write_all((head + &body).as_bytes()).expect("written");
        Self { stream, seen: String::new() }
    }

    /// Reads until `text` has come.
    #[track_caller]
    fn until(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(text) {
            let count = self.stream.read(&mut buffer).expect("more of the stream");
            assert!(count > 0, "it ended before {text}: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    /// The id of its task: the value of the first `id` that is a UUID.
    fn task(&self) -> String {
        let words: Vec<&str> = self.seen.split('"').collect();
        let ids = words.windows(3).filter(|words| words[0] == "id").map(|words| words[2]);
        ids.map(str::to_owned).find(|id| id.len() == 36).unwrap_or_else(|| panic!("a task's id: {}", self.seen))
    }
}

#[test]
fn a_silent_stream_outlives_ten_configuration_changes_translated_or_not() {
    let gateway = Gateway::shared();
    let agent = Peer::V1JsonRpc.start(gateway.data().parent().expect("the gateway's directory"));
    agent.wait();
    let record = json!({"agentId": "holding", "backendUrl": agent.url()});
    gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    let message = json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hold"}]}});
    let new = call("SendStreamingMessage", message.clone());
    let old = json!({"message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hold"}]}});
    let old = call("message/stream", old);
    let mut streams = [
        Open::start("holding", "", "1.0", &new),
        Open::start("holding", "/message:stream", "1.0", &message),
        Open::start("holding", "", "0.3", &old),
    ];
    for (stream, working) in streams.iter_mut().zip(["STATE_WORKING", "STATE_WORKING", "\"working\""]) {
        stream.until(working);
    }
    let other = Backend::start();
    for round in 0..10 {
        gateway.register(&format!("passing-{round}"), &other);
        gateway.admin_ok("DELETE", &format!("/admin/agents/passing-{round}?wait=applied"), None);
    }
    for (stream, canceled) in streams.iter_mut().zip(["STATE_CANCELED", "STATE_CANCELED", "\"canceled\""]) {
        let task = stream.task();
        let answer = send("holding", "POST", "", Some("1.0"), &cancel(&task));
        assert_eq!(answer.status, 200, "{}", answer.text());
        stream.until(canceled);
    }
    gateway.assert_no_trap();
}

fn cancel(task: &str) -> Value {
    call("CancelTask", json!({"id": task}))
}
