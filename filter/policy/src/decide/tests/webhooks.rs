//! Webhooks: judged wherever one can be registered, in every binding, whatever else the caller holds.

use super::*;

const ALL: &str = "agents:weather:read agents:weather:write agents:weather:push";

fn gate(webhooks: &Value) -> Gate {
    Gate::with(json!({}), json!({"agents": [{"id": "weather", "webhooks": webhooks}]}))
}

/// The outcome in each of the four places where a webhook with `url` can stand.
fn everywhere(gate: &mut Gate, url: &str) -> Vec<String> {
    let flat = json!({"taskId": "t", "url": url});
    let inline = json!({"message": {}, "configuration": {"taskPushNotificationConfig": {"url": url}}});
    let old = json!({"taskId": "t", "pushNotificationConfig": {"url": url}});
    let rpc = |method: &str, params: &Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    [
        ("/agents/weather", rpc("CreateTaskPushNotificationConfig", &flat)),
        ("/agents/weather", rpc("tasks/pushNotificationConfig/set", &old)),
        ("/agents/weather", rpc("SendMessage", &inline)),
        ("/agents/weather/tasks/t/pushNotificationConfigs", flat.to_string()),
        ("/agents/weather/message:stream", inline.to_string()),
    ]
    .map(|(path, body)| gate.outcome(ALL, post(path, &body)))
    .to_vec()
}

/// Refused everywhere: JSON-RPC says so in an answer, HTTP+JSON in its status.
fn refused(code: &str) -> Vec<String> {
    [200, 200, 200, 400, 400].iter().map(|status| format!("{status} {code}")).collect()
}

#[test]
fn a_public_https_webhook_passes_everywhere() {
    let outcomes = everywhere(&mut gate(&json!({})), "https://client.example.com/hook");
    let create = "CreateTaskPushNotificationConfig";
    assert_eq!(outcomes, [create, create, "SendMessage", create, "SendStreamingMessage"]);
}

#[test]
fn a_webhook_that_is_not_allowed_is_refused_everywhere() {
    for url in ["http://client.example.com/hook", "https://169.254.169.254/latest/meta-data", "https://[::1]/", ""] {
        assert_eq!(everywhere(&mut gate(&json!({})), url), refused("webhook_refused"), "{url}");
    }
    let mut gate = gate(&json!({"hosts": ["hooks.partner.example"]}));
    assert_eq!(everywhere(&mut gate, "https://client.example.com/"), refused("webhook_refused"));
}

#[test]
fn an_agent_whose_webhooks_are_off_has_no_such_operations() {
    let mut gate = gate(&json!({"mode": "off"}));
    assert_eq!(everywhere(&mut gate, "https://client.example.com/"), refused("push_notification_not_supported"));
    for path in ["/agents/weather/tasks/t/pushNotificationConfigs", "/agents/weather/tasks/t/pushNotificationConfigs/c"]
    {
        assert_eq!(gate.outcome(ALL, get(path)), "400 push_notification_not_supported", "{path}");
    }
    assert_eq!(gate.outcome(ALL, post("/agents/weather", &rpc("SendMessage"))), "SendMessage");
    let list = rpc("tasks/pushNotificationConfig/list");
    let call = Call { authorization: Some(gate.bearer(ALL)), ..post("/agents/weather", &list) };
    let body = denial(gate.decide(&call)).body().to_owned();
    assert_eq!(
        body,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32003,"message":"this agent's webhooks are switched off","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"PUSH_NOTIFICATION_NOT_SUPPORTED","domain":"a2a-protocol.org","metadata":{"agentId":"weather"}}]}}"#
    );
}

#[test]
fn the_scope_is_asked_for_before_the_webhook_is_judged() {
    let mut gate = gate(&json!({"mode": "off"}));
    let get = get("/agents/weather/tasks/t/pushNotificationConfigs");
    assert_eq!(gate.outcome("agents:weather:read", get), "403 insufficient_scope");
}

#[test]
fn where_nothing_is_policed_who_holds_every_class_is_not_read() {
    let mut gate = Gate::new();
    assert_eq!(everywhere(&mut gate, "http://10.0.0.1/").first().map(String::as_str), Some("unread"));
}
