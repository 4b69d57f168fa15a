//! Where admitted requests go, and which paths need what.

use super::*;
use crate::admission::Identity;
use crate::lane::BackendPath;

const ALL: &str = "agents:weather:read agents:weather:write agents:weather:push agents:calculator:read agents:calculator:write agents:calculator:push";

#[derive(Debug, PartialEq, Eq)]
enum Went {
    ToControlPlane,
    Constant(String),
    Path(String, String),
    Unchanged,
}

fn went(gate: &mut Gate, call: Call<'_>) -> Went {
    let call = Call { authorization: call.authorization.or_else(|| Some(gate.bearer(ALL))), ..call };
    match admission(gate.decide(&call)).route().clone() {
        Route::ControlPlane => Went::ToControlPlane,
        Route::Unchanged => Went::Unchanged,
        Route::Agent { cluster, rewrite: Rewrite::Constant, .. } => Went::Constant(cluster.to_string()),
        Route::Agent { cluster, rewrite: Rewrite::Path(path), .. } => Went::Path(cluster.to_string(), path),
        Route::Agent { rewrite, .. } => panic!("{rewrite:?}"),
    }
}

#[test]
fn an_agent_at_the_root_needs_no_rewrite_of_its_own() {
    let mut gate = Gate::new();
    for call in [
        post("/agents/weather", "x"),
        post("/agents/weather/?a=b", "x"),
        get("/agents/weather/tasks/t?historyLength=1"),
    ] {
        assert_eq!(went(&mut gate, call), Went::Constant("agent-weather".into()));
    }
}

#[test]
fn an_agent_below_a_path_gets_its_registered_path_and_the_query() {
    let mut gate = Gate::new();
    let to = |path: &str| Went::Path("agent-calculator".into(), path.into());
    assert_eq!(went(&mut gate, post("/agents/calculator", "x")), to("/a2a/rpc"));
    assert_eq!(went(&mut gate, post("/agents/calculator/?q=1", "x")), to("/a2a/rpc?q=1"));
    assert_eq!(went(&mut gate, get("/agents/calculator/v1/tasks?status=x")), to("/a2a/v1/tasks?status=x"));
}

#[test]
fn the_agents_own_settings_go_with_it() {
    let mut gate = Gate::new();
    let call = Call { authorization: Some(gate.bearer(ALL)), ..get("/agents/calculator/tasks") };
    let admitted = admission(gate.decide(&call));
    let Route::Agent { identity, lane, .. } = admitted.route() else { panic!("{admitted:?}") };
    assert_eq!((*identity, lane.timeout_ms()), (Identity::Forwarded, Some(5000)));
    assert_eq!(admitted.caller().unwrap().client(), "app");
}

/// The deadline told to the host, and its route.
fn waits(gate: &mut Gate, scopes: &str, call: Call<'_>) -> (Option<u64>, String) {
    let call = Call { authorization: Some(gate.bearer(scopes)), ..call };
    let admitted = admission(gate.decide(&call));
    let Route::Agent { lane, .. } = admitted.route() else { panic!("{admitted:?}") };
    (lane.timeout_ms(), lane.route(BackendPath::Rewritten).unwrap().to_owned())
}

#[test]
fn a_stream_has_no_deadline_however_it_is_known_to_be_one() {
    let mut gate = Gate::new();
    let (deadline, none) = ((Some(5000), "rewritten".to_owned()), (None, "rewritten-idle-60000".to_owned()));
    let unread = || post("/agents/calculator", "{}");
    assert_eq!(waits(&mut gate, ALL, unread()), deadline);
    assert_eq!(waits(&mut gate, ALL, Call { accept: Some("text/event-stream"), ..unread() }), none);
    assert_eq!(waits(&mut gate, ALL, post("/agents/calculator/message:send", "{}")), deadline);
    assert_eq!(waits(&mut gate, ALL, post("/agents/calculator/message:stream", "{}")), none);
    // What is read is known, whatever the caller accepts.
    let read = |method: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#);
    let (stream, send) = (read("SubscribeToTask"), read("GetTask"));
    let reader = "agents:calculator:read";
    assert_eq!(waits(&mut gate, reader, post("/agents/calculator", &stream)), none);
    assert_eq!(
        waits(&mut gate, reader, Call { accept: Some("text/event-stream"), ..post("/agents/calculator", &send) }),
        deadline
    );
}

#[test]
fn cards_and_listing_come_from_the_control_plane() {
    let mut gate = Gate::new();
    for path in [
        "/agents",
        "/agents/?tag=x",
        "/agents/weather",
        "/agents/weather/",
        "/agents/weather/.well-known/agent-card.json",
    ] {
        assert_eq!(went(&mut gate, get(path)), Went::ToControlPlane, "{path}");
    }
    assert_eq!(went(&mut gate, post("/search", "{}")), Went::ToControlPlane);
}

#[test]
fn tokens_and_metadata_need_no_token() {
    let mut gate = Gate::new();
    let open = |gate: &mut Gate, call: Call<'_>| told(&gate.decide(&call));
    assert_eq!(
        open(&mut gate, Call { authorization: Some("Basic YTpi".into()), ..post("/oauth2/token", "x") }),
        "public"
    );
    for path in [
        "oauth-protected-resource",
        "oauth-protected-resource/agents/weather",
        "oauth-authorization-server",
        "jwks.json",
        "agent-card-jwks.json",
        "ai-catalog.json",
    ] {
        assert_eq!(open(&mut gate, get(&format!("/.well-known/{path}"))), "public", "{path}");
    }
    for path in ["/", "/agents", "/agents/weather", "/admin", "/.well-known/other", "/oauth2/token/x"] {
        assert_eq!(open(&mut gate, get(path)), "401 token_missing", "{path}");
    }
}

#[test]
fn admin_needs_exposure_and_its_own_scope() {
    let mut gate = Gate::with(json!({"admin": "public"}), json!({}));
    assert_eq!(gate.outcome("gateway:admin", get("/admin/agents")), "admin");
    assert_eq!(gate.outcome(ALL, get("/admin/agents")), "403 insufficient_scope");
    assert_eq!(gate.outcome("gateway:admin", get("/administrator")), "404 not_found");
    assert_eq!(Gate::new().outcome("gateway:admin", get("/admin/agents")), "404 not_found");
}

#[test]
fn an_agent_says_how_it_is_with_a_scope_of_its_own_and_no_other() {
    let mut gate = Gate::with(json!({"admin": "public"}), json!({"permissions": [{"scope": "all", "agents": ["*"]}]}));
    let beat = |method| Call { method, ..post("/agents/weather/status", r#"{"status":"healthy"}"#) };
    for method in ["PATCH", "POST"] {
        assert_eq!(gate.outcome("agents:weather:heartbeat", beat(method)), "heartbeat");
    }
    let others = "agents:calculator:heartbeat agents:weather:heartbeats xagents:weather:heartbeat agents:*:heartbeat";
    for scopes in [ALL, "gateway:admin", "all", others] {
        assert_eq!(gate.outcome(scopes, beat("POST")), "403 insufficient_scope", "{scopes}");
    }
    let call = Call { authorization: Some(gate.bearer(ALL)), ..beat("POST") };
    let refusal = denial(gate.decide(&call));
    assert!(refusal.headers().iter().any(|(_, value)| value.contains("scope=\"agents:weather:heartbeat\"")));
}

#[test]
fn the_scope_of_heartbeats_opens_nothing_else() {
    let mut gate = Gate::with(json!({"admin": "public"}), json!({}));
    let scope = "agents:weather:heartbeat";
    for call in [
        get("/agents/weather"),
        get("/agents/weather/tasks"),
        post("/agents/weather", "x"),
        post("/agents/calculator/status", "{}"),
        get("/admin/agents"),
    ] {
        assert_eq!(gate.outcome(scope, call), "403 insufficient_scope");
    }
}

#[test]
fn a_standalone_filter_leaves_routing_alone_and_has_no_control_plane() {
    let mut gate = Gate::with(json!({"host": "standalone", "controlPlaneCluster": null}), json!({}));
    assert_eq!(went(&mut gate, post("/agents/calculator", "x")), Went::Unchanged);
    assert_eq!(went(&mut gate, get("/agents/calculator")), Went::Unchanged);
    assert_eq!(gate.outcome(ALL, get("/agents")), "404 not_found");
}

#[test]
fn an_interface_that_is_not_offered_has_no_path_at_the_backend() {
    let agents = json!({"agents": [{"id": "weather", "rpc": "/weather/rpc", "without": ["rest"]}, {"id": "calculator", "without": ["rpc"]}]});
    let mut gate = Gate::with(json!({}), agents);
    assert_eq!(gate.outcome(ALL, get("/agents/weather/neighbour/tasks")), "404 not_found");
    assert_eq!(gate.outcome(ALL, post("/agents/calculator", "x")), "404 not_found");
    assert_eq!(
        went(&mut gate, post("/agents/weather", "x")),
        Went::Path("agent-weather".into(), "/weather/rpc".into())
    );
}

#[test]
fn paths_and_verbs_that_are_not_there_are_told_apart() {
    let mut gate = Gate::new();
    assert_eq!(gate.outcome(ALL, get("/agents/weather/unknown")), "404 not_found");
    assert_eq!(gate.outcome(ALL, get("/agents/.well-known/agent-card.json")), "404 not_found");
    assert_eq!(gate.outcome(ALL, get("/agents/Weather")), "404 not_found");
    assert_eq!(gate.outcome(ALL, get("/agents/weather-2")), "403 insufficient_scope");
    for (method, path, allow) in [
        ("PUT", "/agents/weather", "GET, HEAD, POST"),
        ("POST", "/agents", "GET"),
        ("DELETE", "/agents/weather/tasks/t", "GET"),
    ] {
        let call = Call { method, authorization: Some(gate.bearer(ALL)), ..get(path) };
        let denial = denial(gate.decide(&call));
        assert_eq!(denial.status(), 405, "{method} {path}");
        assert!(denial.headers().contains(&("allow", allow.to_owned())), "{:?}", denial.headers());
    }
}

#[test]
fn an_open_card_needs_no_token_and_opens_nothing_else() {
    let agents = json!([{"id": "weather", "openCard": true, "extendedCard": true}, {"id": "calculator"}]);
    let mut gate = Gate::with(json!({}), json!({"agents": agents}));
    let anonymous = |path| Call { authorization: None, ..get(path) };
    for path in ["/agents/weather", "/agents/weather/", "/agents/weather/.well-known/agent-card.json?x=1"] {
        let Decision::Admit(admission) = gate.decide(&anonymous(path)) else { panic!("{path} is refused") };
        assert_eq!((admission.route, admission.action), (Route::ControlPlane, Action::Card), "{path}");
        assert!(admission.caller.is_none() && admission.payment.is_none(), "{path}");
        let broken = Call { authorization: Some("Bearer x".to_owned()), ..get(path) };
        assert!(matches!(gate.decide(&broken), Decision::Admit(_)), "whoever asks: {path}");
    }
    for path in [
        "/agents/weather/extendedAgentCard",
        "/agents/weather/v1/card",
        "/agents/weather/tasks/t",
        "/agents/calculator",
        "/agents/calculator/.well-known/agent-card.json",
        "/agents/absent",
        "/agents",
    ] {
        assert_eq!(denial(gate.decide(&anonymous(path))).status(), 401, "{path}");
    }
    let call = Call { authorization: None, ..post("/agents/weather", "x") };
    assert_eq!(denial(gate.decide(&call)).status(), 401);
    let in_query = anonymous("/agents/weather?access_token=x");
    assert_eq!(denial(gate.decide(&in_query)).status(), 401, "a token in a URL is refused wherever it goes");
}

#[test]
fn an_extended_card_comes_from_the_control_plane_or_not_at_all() {
    let agents = json!([{"id": "weather", "extendedCard": true}, {"id": "calculator"}]);
    let mut gate = Gate::with(json!({}), json!({"agents": agents}));
    let (new, old) = (rpc("GetExtendedAgentCard"), rpc("agent/getAuthenticatedExtendedCard"));
    for call in [
        get("/agents/weather/extendedAgentCard"),
        get("/agents/weather/v1/card"),
        post("/agents/weather", &new),
        post("/agents/weather/", &old),
    ] {
        assert_eq!(went(&mut gate, call), Went::ToControlPlane);
    }
    assert!(matches!(went(&mut gate, post("/agents/weather", &rpc("GetTask"))), Went::Constant(_)));
    let none = "400 extended_agent_card_not_configured";
    assert_eq!(gate.outcome(ALL, get("/agents/calculator/extendedAgentCard")), none);
    assert_eq!(gate.outcome("agents:calculator:read", post("/agents/calculator", &new)), none.replace("400", "200"));
    assert_eq!(gate.outcome("agents:weather:write", post("/agents/weather", &new)), "403 insufficient_scope");
}
