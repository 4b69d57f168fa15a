//! Which scopes open which operations, in both bindings and both versions' names.

use super::*;

const METHODS: [(&str, &str, &str, &str); 11] = [
    ("SendMessage", "message/send", "write", "POST /message:send"),
    ("SendStreamingMessage", "message/stream", "write", "POST /message:stream"),
    ("GetTask", "tasks/get", "read", "GET /tasks/t"),
    ("ListTasks", "tasks/list", "read", "GET /tasks"),
    ("CancelTask", "tasks/cancel", "write", "POST /tasks/t:cancel"),
    ("SubscribeToTask", "tasks/resubscribe", "read", "POST /tasks/t:subscribe"),
    (
        "CreateTaskPushNotificationConfig",
        "tasks/pushNotificationConfig/set",
        "push",
        "POST /tasks/t/pushNotificationConfigs",
    ),
    (
        "GetTaskPushNotificationConfig",
        "tasks/pushNotificationConfig/get",
        "push",
        "GET /tasks/t/pushNotificationConfigs/c",
    ),
    (
        "ListTaskPushNotificationConfigs",
        "tasks/pushNotificationConfig/list",
        "push",
        "GET /tasks/t/pushNotificationConfigs",
    ),
    (
        "DeleteTaskPushNotificationConfig",
        "tasks/pushNotificationConfig/delete",
        "push",
        "DELETE /tasks/t/pushNotificationConfigs/c",
    ),
    ("GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", "read", "GET /extendedAgentCard"),
];
const HELD: [&str; 5] = ["read", "write", "push", "read write", "write push"];

#[test]
fn each_operation_needs_its_class_in_every_binding_and_version() {
    let mut gate = Gate::with(json!({}), json!({"agents": [{"id": "weather", "extendedCard": true}]}));
    for (name, old, class, http) in METHODS {
        for held in HELD {
            let scopes = held.split(' ').map(|class| format!("agents:weather:{class}")).collect::<Vec<_>>().join(" ");
            let expect = if held.contains(class) { name } else { "403 insufficient_scope" };
            assert_eq!(gate.outcome(&scopes, post("/agents/weather", &rpc(name))), expect, "{held}: {name}");
            assert_eq!(gate.outcome(&scopes, post("/agents/weather/", &rpc(old))), expect, "{held}: {old}");
            let (verb, path) = http.split_once(' ').unwrap();
            for mount in ["", "/v1"] {
                let path = format!("/agents/weather{mount}{path}");
                let call = Call { method: verb, ..post(&path, "{}") };
                assert_eq!(gate.outcome(&scopes, call), expect, "{held}: {verb} {path}");
            }
        }
    }
}

#[test]
fn a_caller_of_another_agent_holds_nothing() {
    let mut gate = Gate::new();
    for scopes in
        ["", "agents:calculator:write agents:calculator:read", "gateway:admin", "agents:weather", "AGENTS:weather:read"]
    {
        for call in [post("/agents/weather", &rpc("GetTask")), get("/agents/weather/tasks/t"), get("/agents/weather")] {
            assert_eq!(gate.outcome(scopes, call), "403 insufficient_scope", "{scopes}");
        }
    }
}

#[test]
fn a_webhook_in_a_send_needs_the_push_class() {
    let mut gate = Gate::new();
    let params = r#"{"configuration":{"taskPushNotificationConfig":{"url":"https://x.example"}}}"#;
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{params}}}"#);
    for (scopes, expect) in [
        ("agents:weather:write", "403 insufficient_scope"),
        ("agents:weather:write agents:weather:push", "SendMessage"),
    ] {
        assert_eq!(gate.outcome(scopes, post("/agents/weather", &body)), expect);
        assert_eq!(gate.outcome(scopes, post("/agents/weather/message:send", params)), expect);
    }
}

#[test]
fn a_permission_row_grants_like_the_agents_own_scopes() {
    let rows = json!([{"scope": "team", "agents": ["wea*"], "limit": {"requestsPerMinute": 7}}]);
    let mut gate = Gate::with(json!({}), json!({"permissions": rows}));
    assert_eq!(gate.outcome("team", post("/agents/weather", &rpc("SendMessage"))), "SendMessage");
    assert_eq!(gate.outcome("team", post("/agents/calculator", &rpc("SendMessage"))), "403 insufficient_scope");
    let call = Call { authorization: Some(gate.bearer("team")), ..get("/agents/weather/tasks/t") };
    let admitted = admission(gate.decide(&call));
    assert_eq!(admitted.payment().unwrap().quota().unwrap().policy_header(), "\"default\";q=7;w=60");
}

#[test]
fn a_class_with_a_limit_of_its_own_is_read_from_the_body() {
    let row = json!({
        "scope": "team", "agents": ["weather"], "operations": ["read", "write", "push"],
        "limit": {"requestsPerMinute": 60}, "operationLimits": {"write": {"requestsPerMinute": 6, "burst": 2}, "read": {"unlimited": true}},
    });
    let mut gate = Gate::with(json!({}), json!({"permissions": [row]}));
    let mut quota = |call: Call<'_>| {
        let call = Call { authorization: Some(gate.bearer("team")), ..call };
        admission(gate.decide(&call)).payment().and_then(Payment::quota).map(|quota| quota.policy_header().to_owned())
    };
    assert_eq!(quota(post("/agents/weather", &rpc("SendMessage"))).as_deref(), Some("\"write\";q=2;w=20"));
    assert_eq!(quota(post("/agents/weather", &rpc("GetTask"))), None);
    assert_eq!(quota(get("/agents/weather/tasks/t")), None);
    assert_eq!(
        quota(post("/agents/weather", &rpc("ListTaskPushNotificationConfigs"))).as_deref(),
        Some("\"default\";q=60;w=60")
    );
}

#[test]
fn whoever_is_revoked_is_refused_everywhere_at_once_though_the_token_is_cached() {
    let mut gate = Gate::new();
    let token = gate.bearer("agents:weather:read gateway:admin");
    let outcome =
        |gate: &mut Gate, path: &str| told(&gate.decide(&Call { authorization: Some(token.clone()), ..get(path) }));
    assert_eq!(outcome(&mut gate, "/agents/weather/tasks/t"), "GetTask");
    let mut document = document(&json!({"revocations": [{"client": "app"}]}));
    document["issuers"][0]["jwks"] = json!({"keys": [gate.signer.jwk]});
    gate.policy = Policy::parse(document.to_string().as_bytes()).unwrap();
    for path in ["/agents/weather/tasks/t", "/agents", "/agents/weather", "/admin/agents"] {
        assert_eq!(outcome(&mut gate, path), "401 token_revoked", "{path}");
    }
}

#[test]
fn a_new_policy_takes_grants_away_at_once() {
    let row = |agent: &str| json!({"permissions": [{"scope": "team", "agents": [agent]}]});
    let mut gate = Gate::with(json!({}), row("weather"));
    let call = Call { authorization: Some(gate.bearer("team")), ..get("/agents/weather/tasks/t") };
    assert_eq!(told(&gate.decide(&call)), "GetTask");
    let mut changed = document(&row("calculator"));
    changed["issuers"][0]["jwks"] = json!({"keys": [gate.signer.jwk]});
    gate.policy = Policy::parse(changed.to_string().as_bytes()).unwrap();
    assert_eq!(told(&gate.decide(&call)), "403 insufficient_scope");
}

#[test]
fn an_unknown_agent_and_a_forbidden_one_answer_alike() {
    let mut gate = Gate::new();
    for call in [
        post("/agents/weather", "{}"),
        get("/agents/weather/tasks/t"),
        get("/agents/weather"),
        get("/agents/weather/nothing"),
        Call { method: "PUT", ..get("/agents/weather/tasks") },
    ] {
        let call = Call { authorization: Some(gate.bearer("agents:calculator:read")), ..call };
        let forbidden = denial(gate.decide(&call));
        let path = call.path.replace("weather", "unknown");
        let unknown = denial(gate.decide(&Call { path: &path, ..call }));
        let text = |denial: &Denial| format!("{} {:?} {}", denial.status(), denial.headers(), denial.body());
        assert_eq!(text(&forbidden).replace("weather", "unknown"), text(&unknown));
    }
}

#[test]
fn who_holds_the_scope_of_an_unknown_agent_is_told_that_there_is_none() {
    let mut gate = Gate::new();
    assert_eq!(gate.outcome("agents:ghost:read", get("/agents/ghost/tasks/t")), "404 unknown_agent");
}
