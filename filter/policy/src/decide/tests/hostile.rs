//! Requests made to be misread.

use proptest::prelude::*;

use super::*;

const ALL: &str = "agents:weather:read agents:weather:write agents:weather:push";

#[test]
fn paths_out_of_normal_form_are_refused_before_the_token_is_looked_at() {
    let mut gate = Gate::new();
    for path in [
        "//agents/weather",
        "/agents%2fweather",
        "/agents/weather/..",
        "/agents/./weather",
        "/agents/weather/%2e%2e/x",
        "/agents/weather;x",
        "/agents\\weather",
        "",
        "*",
        "/agents/weather#x",
    ] {
        assert_eq!(told(&gate.decide(&get(path))), "400 bad_path", "{path}");
    }
    let head = RequestHead {
        method: b"GET",
        path: b"/agents/\xff",
        authorization: Some(b"\xff"),
        content_type: Some(b"\xff"),
        content_encoding: Some(b"\xff"),
        authority: b"\xff",
        version: Some(b"\xff"),
        accept: Some(b"\xff"),
        body: Body::None,
    };
    let Step::Decided(decision) = begin(&gate.policy, &mut gate.memory, &head, NOW, &NoHost) else { panic!() };
    assert_eq!(told(&decision), "400 bad_path");
}

#[test]
fn a_token_in_the_query_is_refused_with_and_without_a_header() {
    let mut gate = Gate::new();
    assert_eq!(told(&gate.decide(&get("/agents?access_token=x"))), "401 token_in_query");
    assert_eq!(gate.outcome(ALL, get("/agents/weather/tasks?a=b&access%5ftoken=x")), "400 token_in_query");
}

#[test]
fn every_401_carries_a_challenge_that_names_the_metadata() {
    let mut gate = Gate::new();
    let expired = format!("Bearer {}", gate.signer.mint(&claims(json!({"exp": NOW - 31}))));
    for authorization in [None, Some("Basic YTpi".to_owned()), Some("Bearer x".to_owned()), Some(expired)] {
        for call in [get("/agents"), post("/agents/weather", "{}"), get("/agents/weather/tasks")] {
            let denial = denial(gate.decide(&Call { authorization: authorization.clone(), ..call }));
            let challenge = denial.headers().iter().find(|(name, _)| *name == "www-authenticate");
            let (_, challenge) = challenge.expect("a 401 has a challenge");
            assert_eq!(denial.status(), 401);
            assert!(challenge.contains("resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource"));
            assert_eq!(challenge.contains("error="), authorization.as_deref().is_some_and(|a| a.starts_with("Bearer")));
        }
    }
}

proptest! {
    #[test]
    fn nothing_without_a_good_token_reaches_an_agent(method in "GET|POST|PUT|DELETE", path in "/agents/weather[a-z/:.%?=]{0,12}", token in "[ -~]{0,40}", given in any::<bool>()) {
        let mut gate = Gate::new();
        let call = Call { method: &method, authorization: given.then_some(token), ..post(&path, "{}") };
        let Decision::Deny(denial) = gate.decide(&call) else { panic!("admitted {path}") };
        prop_assert!(matches!(denial.status(), 400 | 401), "{} {}", path, denial.status());
    }

    #[test]
    fn a_reader_never_writes_whatever_the_body(method in "[a-zA-Z/]{0,20}|SendMessage|message/send|GetTask", noise in ".{0,30}") {
        let mut gate = Gate::new();
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}{noise}"#);
        let call = Call { authorization: Some(gate.bearer("agents:weather:read")), ..post("/agents/weather", &body) };
        if let Decision::Admit(admission) = gate.decide(&call) {
            let Action::Operation(operation) = admission.action() else { panic!("unread") };
            prop_assert_eq!(operation.class(), OperationClass::Read);
        }
    }
}
