//! The admin API: bad input is named and changes nothing; what Envoy refuses is visible; writes are applied when they say so.

use std::fs;

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Request,
    backend::CardAnswer,
    cards::{self, CardShape},
    door::Door,
    gateway::{NODE, Settings},
};

/// A request that must be refused: what is sent, the status, and the field it must name (empty: none in particular).
type Bad = (&'static str, &'static str, &'static str, Value, u16, &'static str);

/// Every listing there is: what must not change.
fn registry(gateway: &Gateway) -> Vec<Value> {
    ["agents", "permissions", "clients", "issuers"]
        .map(|kind| gateway.admin_ok("GET", &format!("/admin/{kind}"), None))
        .into()
}

#[track_caller]
fn check(gateway: &Gateway, table: &[Bad]) {
    let before = registry(gateway);
    for (name, method, path, body, status, field) in table {
        let response = gateway.admin(method, path, Some(body));
        assert_eq!(response.status, *status, "{name}: {}", response.text());
        let error = &response.json()["error"];
        assert!(
            error["code"].is_string() && error["message"].is_string() && error["details"].is_object(),
            "{name}: {error}"
        );
        if !field.is_empty() {
            assert_eq!(error["details"]["field"], *field, "{name}: {error}");
        }
    }
    assert_eq!(registry(gateway), before, "a refused write changed something");
}

const REGISTER: &str = "/admin/agents/register";

#[test]
fn bad_agents_are_refused_by_field_and_change_nothing() {
    let gateway = Gateway::start(Settings::default());
    let backend = Backend::start();
    gateway.register("present", &backend);
    let agent = |name: &str, value: Value| {
        let mut record = json!({"agentId": "new", "name": "New", "backendUrl": backend.url()});
        record[name] = value;
        record
    };
    let auth = |config: Value| agent("authConfig", config);
    check(
        &gateway,
        &[
            ("unknown field", "POST", REGISTER, agent("colour", json!("red")), 400, "colour"),
            ("id in capitals", "POST", REGISTER, agent("agentId", json!("New")), 400, "agentId"),
            ("id with a slash", "POST", REGISTER, agent("agentId", json!("a/b")), 400, "agentId"),
            ("id of a star", "POST", REGISTER, agent("agentId", json!("*")), 400, "agentId"),
            ("empty id", "POST", REGISTER, agent("agentId", json!("")), 400, "agentId"),
            ("id too long", "POST", REGISTER, agent("agentId", json!("a".repeat(64))), 400, "agentId"),
            ("id of another type", "POST", REGISTER, agent("agentId", json!(5)), 400, "agentId"),
            ("URL that is none", "POST", REGISTER, agent("backendUrl", json!("not a url")), 400, "backendUrl"),
            (
                "URL of another scheme",
                "POST",
                REGISTER,
                agent("backendUrl", json!("file:///etc/passwd")),
                400,
                "backendUrl",
            ),
            (
                "URL with credentials",
                "POST",
                REGISTER,
                agent("backendUrl", json!("http://u:p@example.com")),
                400,
                "backendUrl",
            ),
            (
                "metadata address",
                "POST",
                REGISTER,
                agent("backendUrl", json!("http://169.254.169.254/latest")),
                400,
                "backendUrl",
            ),
            (
                "metadata address, mapped",
                "POST",
                REGISTER,
                agent("backendUrl", json!("http://[::ffff:169.254.169.254]/")),
                400,
                "backendUrl",
            ),
            ("private address", "POST", REGISTER, agent("backendUrl", json!("http://10.0.0.1/")), 400, "backendUrl"),
            (
                "metadata address for the card",
                "POST",
                REGISTER,
                agent("agentCardUrl", json!("http://169.254.169.254/card")),
                400,
                "agentCardUrl",
            ),
            ("auth of no kind", "POST", REGISTER, auth(json!({"type": "magic"})), 400, "authConfig.type"),
            ("auth without type", "POST", REGISTER, auth(json!({})), 400, "authConfig.type"),
            (
                "auth with an unknown field",
                "POST",
                REGISTER,
                auth(json!({"type": "none", "token": "x"})),
                400,
                "authConfig.token",
            ),
            (
                "OAuth without a token URL",
                "POST",
                REGISTER,
                auth(json!({"type": "oauth2_client_credentials", "clientId": "a", "clientSecret": "b"})),
                400,
                "authConfig.tokenUrl",
            ),
            (
                "API key without a key",
                "POST",
                REGISTER,
                auth(json!({"type": "api_key", "headerName": "x-key"})),
                400,
                "authConfig.apiKey",
            ),
            (
                "API key in no header",
                "POST",
                REGISTER,
                auth(json!({"type": "api_key", "headerName": "x key", "apiKey": "k"})),
                400,
                "authConfig.headerName",
            ),
            (
                "secret that cannot be read",
                "POST",
                REGISTER,
                auth(json!({"type": "bearer", "token": "env:NOT_ALLOWED"})),
                400,
                "authConfig.token",
            ),
            (
                "secret with a line break",
                "POST",
                REGISTER,
                auth(json!({"type": "bearer", "token": "a\r\nx-evil: 1"})),
                400,
                "authConfig.token",
            ),
            (
                "deadline of zero",
                "POST",
                REGISTER,
                agent("timeouts", json!({"requestSeconds": 0})),
                400,
                "timeouts.requestSeconds",
            ),
            ("no agent to change", "PATCH", "/admin/agents/absent/status", json!({"status": "inactive"}), 404, ""),
            ("status of no kind", "PATCH", "/admin/agents/present/status", json!({"status": "asleep"}), 400, "status"),
        ],
    );
}

#[test]
fn bad_cards_are_refused_and_change_nothing() {
    let gateway = Gateway::start(Settings::default());
    // Port 1 is nobody's.
    let nobody = "http://127.0.0.1:1".to_owned();
    let serving = |card: CardAnswer| Backend::with(Door::Open, card);
    let mut without_name = cards::card(CardShape::V1, "http://127.0.0.1:1");
    without_name.as_object_mut().expect("an object").remove("name");
    let answers = [
        ("unreachable", nobody),
        ("absent", serving(CardAnswer::Status(404)).url()),
        ("failing", serving(CardAnswer::Status(500)).url()),
        (
            "oversize",
            serving(CardAnswer::Raw([b"{\"name\":\"".as_slice(), &vec![b'a'; 3 << 20], b"\"}"].concat())).url(),
        ),
        ("no JSON", serving(CardAnswer::Raw(b"<html>".to_vec())).url()),
        ("a list", serving(CardAnswer::Raw(b"[]".to_vec())).url()),
        ("without a name", serving(CardAnswer::Raw(without_name.to_string().into_bytes())).url()),
        ("duplicate keys", serving(CardAnswer::Raw(b"{\"name\":\"a\",\"name\":\"b\"}".to_vec())).url()),
        ("no UTF-8", serving(CardAnswer::Raw(b"{\"name\":\"\xff\"}".to_vec())).url()),
    ];
    let before = registry(&gateway);
    for (name, url) in answers {
        let response =
            gateway.admin("POST", REGISTER, Some(&json!({"agentId": "new", "name": "New", "backendUrl": url})));
        assert!(matches!(response.status, 400 | 422 | 502), "{name}: {} {}", response.status, response.text());
        assert!(response.json()["error"]["code"].is_string(), "{name}");
        assert!(
            !response.text().contains("planted-body") && !response.text().contains("<html>"),
            "{name}: the peer's body is repeated"
        );
        assert_eq!(registry(&gateway), before, "{name}");
    }
}

#[test]
fn bad_permissions_clients_and_issuers_are_refused_and_change_nothing() {
    let gateway = Gateway::start(Settings::default());
    let row = |name: &str, value: Value| {
        let mut row = json!({"agents": ["a"], "operations": ["read"]});
        row[name] = value;
        row
    };
    let issuer = |name: &str, value: Value| {
        let mut body = json!({"issuer": "https://new.test", "audiences": ["a"], "jwks": gateway.issuer.jwks()});
        body[name] = value;
        body
    };
    let (put, post, p, c, i) = ("PUT", "POST", "/admin/permissions/s", "/admin/clients", "/admin/issuers");
    check(
        &gateway,
        &[
            ("zero limit", put, p, row("limit", json!({"requestsPerMinute": 0})), 400, "limit.requestsPerMinute"),
            ("negative limit", put, p, row("limit", json!({"requestsPerMinute": -1})), 400, "limit.requestsPerMinute"),
            ("zero burst", put, p, row("limit", json!({"requestsPerMinute": 1, "burst": 0})), 400, "limit.burst"),
            ("limit and none", put, p, row("limit", json!({"requestsPerMinute": 1, "unlimited": true})), 400, ""),
            ("limit that says nothing", put, p, row("limit", json!({})), 400, ""),
            ("operation of no kind", put, p, row("operations", json!(["fly"])), 400, ""),
            ("glob of no kind", put, p, row("agents", json!(["Team A"])), 400, ""),
            ("unknown field", put, p, row("colour", json!(1)), 400, "colour"),
            ("scope with a quote", put, "/admin/permissions/a%22b", row("agents", json!(["a"])), 400, "scope"),
            ("client id with a space", post, c, json!({"clientId": "a b", "scopes": []}), 400, "clientId"),
            ("client with a bad scope", post, c, json!({"clientId": "ab", "scopes": ["a b"]}), 400, ""),
            (
                "client with an unknown field",
                post,
                c,
                json!({"clientId": "ab", "scopes": [], "colour": 1}),
                400,
                "colour",
            ),
            ("issuer without audience", post, i, issuer("audiences", json!([])), 400, "audiences"),
            (
                "issuer without usable keys",
                post,
                i,
                issuer("jwks", json!({"keys": [{"kty": "oct", "k": "AAAA"}]})),
                400,
                "",
            ),
            ("issuer with HS256", post, i, issuer("algorithms", json!(["HS256"])), 400, ""),
            ("issuer with an unknown field", post, i, issuer("colour", json!(1)), 400, "colour"),
            (
                "keys at a metadata address",
                post,
                i,
                json!({"issuer": "https://new.test", "audiences": ["a"], "jwksUrl": "http://169.254.169.254/"}),
                400,
                "jwksUrl",
            ),
        ],
    );
}

#[test]
fn bodies_that_can_be_read_two_ways_are_refused() {
    let gateway = Gateway::shared();
    let token = gateway.token("gateway:admin");
    let put = |body: &[u8]| {
        let request = gateway.request("PUT", "/admin/permissions/twice").bearer(&token);
        request.header("content-type", "application/json").body(body).send()
    };
    for (name, body, status) in [
        ("duplicate key", br#"{"agents":["a"],"agents":["b"]}"#.to_vec(), 400),
        ("truncated", br#"{"agents":["a""#.to_vec(), 400),
        ("nothing", Vec::new(), 400),
        ("no UTF-8", b"{\"agents\":[\"\xff\"]}".to_vec(), 400),
        ("too long", [br#"{"agents":[""#.as_slice(), &vec![b'a'; 2 << 20], b"\"]}"].concat(), 413),
    ] {
        let response = put(&body);
        assert_eq!(response.status, status, "{name}: {}", response.text());
        assert!(response.json()["error"]["code"].is_string(), "{name}");
    }
    assert_eq!(gateway.admin("GET", "/admin/permissions/twice", None).status, 404);
}

#[test]
fn the_admin_api_wants_its_scope_on_both_listeners() {
    let gateway = Gateway::shared();
    let wrong = gateway.token("agents:x:read");
    assert_eq!(gateway.request("GET", "/admin/agents").send().status, 401);
    assert_eq!(gateway.request("GET", "/admin/agents").bearer(&wrong).send().status, 403);
    let private = |request: Request| request.send().status;
    assert_eq!(private(gateway.private("GET", "/admin/agents")), 401);
    assert_eq!(private(gateway.private("GET", "/admin/agents").bearer(&wrong)), 403);
    assert_eq!(private(gateway.private("GET", "/admin/agents").bearer(&gateway.token("gateway:admin"))), 200);
}

#[test]
fn a_write_that_says_applied_is_enforced() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    for round in 0..10 {
        let id = format!("applied-{round}");
        let answer = gateway.register(&id, &backend);
        assert!(answer["generation"].as_u64().is_some(), "{answer}");
        let token = gateway.token(&format!("agents:{id}:read"));
        assert_eq!(gateway.rpc(&id, "GetTask").bearer(&token).send().status, 200, "round {round}");
    }
}

#[test]
fn what_envoy_refuses_is_visible_with_its_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let bundle = directory.path().join("ca.pem");
    fs::write(&bundle, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
    let ca = ("TOLLGATE_GATEWAY_UPSTREAM_CA".to_owned(), bundle.to_string_lossy().into_owned());
    let gateway = Gateway::start(Settings { variables: vec![ca], ..Settings::default() });
    let backend = Backend::start();
    gateway.register("well", &backend);
    // Its card comes by http; calls would go by https, and need the bundle that Envoy cannot read.
    let record = json!({"agentId": "unwell", "name": "x", "backendUrl": backend.url().replace("http:", "https:"),
        "agentCardUrl": format!("{}/.well-known/agent-card.json", backend.url())});
    let response = gateway.admin("POST", "/admin/agents/register?wait=applied&timeoutSeconds=3", Some(&record));
    assert_eq!(response.status, 202, "{}", response.text());
    let nodes = gateway.admin_ok("GET", "/admin/nodes", None)["nodes"].to_string();
    assert!(nodes.contains(NODE), "{nodes}");
    assert!(nodes.to_lowercase().contains("certificate"), "Envoy's reason: {nodes}");
    let token = gateway.token("agents:well:read");
    assert_eq!(gateway.rpc("well", "GetTask").bearer(&token).send().status, 200, "the others are not touched");
    gateway.admin_ok("DELETE", "/admin/agents/well?wait=applied&timeoutSeconds=3", None);
    assert_eq!(gateway.rpc("well", "GetTask").bearer(&token).send().status, 404, "later changes still arrive");
}

#[test]
fn envoy_counts_what_clusters_answer_only_where_it_is_told_to() {
    let counted = ("TOLLGATE_GATEWAY_RESPONSE_STATISTICS".to_owned(), "true".to_owned());
    let counting = Gateway::start(Settings { variables: vec![counted], ..Settings::default() });
    for (gateway, counts) in [(Gateway::shared(), false), (&counting, true)] {
        // The control plane answers it.
        let listed = gateway.request("GET", "/agents").bearer(&gateway.token("agents:none:read")).send();
        assert_eq!(listed.status, 200, "{}", listed.text());
        let answered = gateway.stats("cluster.tollgate-control-plane.upstream_rq_2");
        assert_eq!(answered.iter().any(|(name, count)| name.ends_with("_2xx") && *count > 0), counts, "{answered:?}");
        let requests = gateway.stats("cluster.tollgate-control-plane.upstream_rq_total");
        assert!(requests.iter().any(|(_, count)| *count > 0), "requests are counted all the same: {requests:?}");
    }
}
