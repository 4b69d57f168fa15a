//! Which requests are taken apart on their way, and what the translation is told.

use super::*;

const ALL: &str = "agents:weather:read agents:weather:write agents:weather:push";

fn gate(agent: &Value) -> Gate {
    let mut document = json!({"id": "weather", "translated": "translation"});
    document.as_object_mut().unwrap().extend(agent.as_object().unwrap().clone());
    Gate::with(json!({}), json!({"agents": [document]}))
}

/// What the translation is told of a call, or nothing where it passes as it is.
fn told_of(gate: &mut Gate, call: Call<'_>) -> Option<String> {
    let call = Call { authorization: Some(gate.bearer(ALL)), ..call };
    match admission(gate.decide(&call)).route().clone() {
        Route::Agent { rewrite: Rewrite::Translation(cluster, told), .. } => {
            assert_eq!(&*cluster, "translation");
            Some(told)
        }
        _ => None,
    }
}

fn versioned<'a>(version: &'a str, path: &'a str) -> Call<'a> {
    Call { version: Some(version), ..post(path, "{}") }
}

#[test]
fn what_the_agent_speaks_passes_as_it_is() {
    let mut gate = gate(&json!({"speaks": ["jsonrpc/1.0", "http+json/0.3"], "rpc": "/x;y"}));
    let rpc = Some("3 rpc weather agent-weather - jsonrpc/1.0,http+json/0.3 /x;y -".to_owned());
    let rest = Some("3 rest weather agent-weather - jsonrpc/1.0,http+json/0.3 /x;y -".to_owned());
    assert_eq!(told_of(&mut gate, versioned("1.0", "/agents/weather")), None);
    assert_eq!(told_of(&mut gate, versioned("1.0.1", "/agents/weather")), None);
    assert_eq!(told_of(&mut gate, post("/agents/weather?A2A-Version=1.0", "{}")), None);
    assert_eq!(told_of(&mut gate, versioned("0.3", "/agents/weather")), rpc);
    assert_eq!(told_of(&mut gate, versioned("", "/agents/weather?x=1&a=b")), rpc);
    assert_eq!(told_of(&mut gate, post("/agents/weather", "{}")), rpc);
    assert_eq!(told_of(&mut gate, post("/agents/weather/v1/message:send", "{}")), None);
    assert_eq!(told_of(&mut gate, versioned("1.0", "/agents/weather/message:send")), rest);
    assert_eq!(told_of(&mut gate, get("/agents/weather/tasks/t")), rest);
}

#[test]
fn an_agent_that_says_nothing_of_what_it_speaks_is_left_alone() {
    let mut gate = gate(&json!({}));
    assert_eq!(told_of(&mut gate, post("/agents/weather", "{}")), None);
    assert_eq!(told_of(&mut gate, get("/agents/weather/tasks/t")), None);
}

#[test]
fn everything_of_an_agent_that_keeps_tasks_apart_is_taken_apart() {
    let mut gate = gate(&json!({"speaks": ["jsonrpc/1.0"], "taskIsolation": "caller"}));
    let told = told_of(&mut gate, versioned("1.0", "/agents/weather")).unwrap();
    let told = told.strip_prefix("3 rpc weather agent-weather ").unwrap();
    assert_eq!(told.strip_suffix(" jsonrpc/1.0 - -").unwrap().len(), 22, "{told}");
    assert_eq!(told_of(&mut gate, get("/agents/weather/tasks")), Some(format!("3 rest weather agent-weather {told}")));
}

#[test]
fn callers_have_different_pseudonyms_and_tell_nothing_by_them() {
    let (a, b) = (Caller::sample("a", &[]).pseudonym(), Caller::sample("b", &[]).pseudonym());
    assert_ne!(a, b);
    assert_eq!(a, Caller::sample("a", &["scope"]).pseudonym());
}

#[test]
fn what_is_refused_stays_refused() {
    let mut gate = gate(&json!({"speaks": ["jsonrpc/1.0"]}));
    let outcome = gate.outcome("agents:weather:read", post("/agents/weather/message:send", "{}"));
    assert_eq!(outcome, "403 insufficient_scope");
    let outcome = gate.outcome("agents:weather:read", post("/agents/weather", &rpc("message/send")));
    assert_eq!(outcome, "403 insufficient_scope");
}
