//! Limits: what callers may spend, what they are told of it, and what costs nothing.

use std::{io::Write, net::TcpStream};

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, Response, wait};

/// An agent `id`, and a permission row that grants it under the scope of the same name.
fn limited(id: &str, row: Value) -> Backend {
    let backend = Backend::start();
    let gateway = Gateway::shared();
    gateway.register(id, &backend);
    let mut whole = json!({"agents": [id], "operations": ["read", "write", "push"]});
    whole.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
    gateway.admin_ok("PUT", &format!("/admin/permissions/{id}?wait=applied"), Some(&whole));
    backend
}

fn call(agent: &str, client: &str, method: &str) -> Response {
    let gateway = Gateway::shared();
    gateway.rpc(agent, method).bearer(&gateway.issuer.token(client, agent)).send()
}

fn rate_limit(response: &Response) -> (&str, &str) {
    (response.header("ratelimit").unwrap_or_default(), response.header("ratelimit-policy").unwrap_or_default())
}

#[test]
fn a_caller_has_its_burst_and_is_told_what_is_left() {
    let backend = limited("burst", json!({"limit": {"requestsPerMinute": 1, "burst": 3}}));
    for left in [2, 1, 0] {
        let response = call("burst", "app", "SendMessage");
        assert_eq!(response.status, 200, "{}", response.text());
        let (limit, policy) = rate_limit(&response);
        assert!(limit.starts_with(&format!("\"default\";r={left};t=")), "{limit}");
        assert_eq!(policy, "\"default\";q=3;w=180");
    }
    let refused = call("burst", "app", "SendMessage");
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}");
    assert_eq!(rate_limit(&refused), (format!("\"default\";r=0;t={seconds}").as_str(), "\"default\";q=3;w=180"));
    let error = &refused.json()["error"];
    assert_eq!((&error["code"], &error["data"][0]["reason"]), (&json!(-32042), &json!("RATE_LIMITED")));
    assert_eq!(error["data"][0]["metadata"]["retryAfterSeconds"], json!(seconds.to_string()));
    assert_eq!(backend.calls().len(), 3);
    assert_eq!(call("burst", "neighbour", "SendMessage").status, 200, "another caller has its own");
}

#[test]
fn what_is_refused_spends_nothing() {
    let gateway = Gateway::shared();
    let _backend = limited("unspent", json!({"operations": ["read"], "limit": {"requestsPerMinute": 1, "burst": 1}}));
    for _ in 0..5 {
        assert_eq!(call("unspent", "app", "SendMessage").status, 403);
        assert_eq!(call("unspent", "app", "no/such").json()["error"]["code"], -32601);
        let token = gateway.issuer.token("app", "unspent");
        assert_eq!(gateway.request("GET", "/agents/unspent/nowhere").bearer(&token).send().status, 404);
        assert_eq!(gateway.request("GET", "/agents/unspent").bearer(&token).send().status, 200, "cards are free");
    }
    assert_eq!(call("unspent", "app", "GetTask").status, 200);
    assert_eq!(call("unspent", "app", "GetTask").status, 429);
}

#[test]
fn sends_can_be_limited_and_reads_free_in_both_bindings() {
    let gateway = Gateway::shared();
    let own = json!({"limit": {"unlimited": true}, "operationLimits": {"write": {"requestsPerMinute": 1, "burst": 2}}});
    let _backend = limited("by-class", own);
    assert_eq!(rate_limit(&call("by-class", "app", "SendMessage")).1, "\"write\";q=2;w=120");
    let token = gateway.issuer.token("app", "by-class");
    let rest = |method: &str, path: &str| {
        gateway.request(method, &format!("/agents/by-class{path}")).bearer(&token).json(&json!({"message": {}})).send()
    };
    assert_eq!(rest("POST", "/message:send").status, 200);
    let refused = rest("POST", "/message:send");
    assert_eq!((refused.status, &refused.json()["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(call("by-class", "app", "SendMessage").json()["id"], json!(7), "the id was read, and comes back");
    for _ in 0..5 {
        let read = call("by-class", "app", "GetTask");
        assert_eq!((read.status, rate_limit(&read)), (200, ("", "")));
        assert_eq!(rest("GET", "/tasks/t").status, 200);
    }
}

/// A request whose body never comes.
fn hold(agent: &str) -> TcpStream {
    let gateway = Gateway::shared();
    let mut stream = TcpStream::connect(gateway.listener()).unwrap();
    let token = gateway.issuer.token("app", agent);
    let head = format!(
        "POST /agents/{agent} HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Holds `count` requests of an agent, until whoever asks then is refused. Asking takes a place too, and may have taken that of one that was
/// to be held: then they are held anew.
fn hold_until_full(agent: &str, client: &str, count: usize) -> (Vec<TcpStream>, Response) {
    wait::until(&format!("{client} finds {agent} full"), || {
        let held: Vec<TcpStream> = (0..count).map(|_| hold(agent)).collect();
        let response = call(agent, client, "GetTask");
        (response.status == 503).then_some((held, response))
    })
}

fn until_status(agent: &str, client: &str, status: u16) -> Response {
    wait::until(&format!("{client} gets {status} from {agent}"), || {
        Some(call(agent, client, "GetTask")).filter(|response| response.status == status)
    })
}

#[test]
fn a_request_counts_for_as_long_as_it_lives() {
    let _backend = limited("at-once", json!({"maxConcurrent": 2}));
    let (mut held, refused) = hold_until_full("at-once", "app", 2);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["error"]["data"][0]["reason"], json!("TOO_MANY_CONCURRENT"));
    assert_eq!(call("at-once", "neighbour", "GetTask").status, 200, "another caller has its own");
    held.pop();
    until_status("at-once", "app", 200);
}

#[test]
fn an_agent_can_be_kept_from_too_many_callers_at_once() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register_with("crowded", &backend, &json!({"maxConcurrent": 1}));
    let row = json!({"agents": ["crowded"], "operations": ["read", "write", "push"]});
    gateway.admin_ok("PUT", "/admin/permissions/crowded?wait=applied", Some(&row));
    let (held, _) = hold_until_full("crowded", "neighbour", 1);
    drop(held);
    until_status("crowded", "neighbour", 200);
}

#[test]
fn usage_shows_who_called_what_whatever_they_are_called() {
    let gateway = Gateway::shared();
    let _backend = limited("counted", json!({"limit": {"requestsPerMinute": 1, "burst": 2}}));
    // As long as a token can carry it: the report of everyone must not fail for one caller's name.
    let names = ["counted-app".to_owned(), format!("long-{}", "x".repeat(2_000))];
    for name in &names {
        let statuses: Vec<u16> = (0..3).map(|_| call("counted", name, "GetTask").status).collect();
        assert_eq!(statuses, [200, 200, 429], "{} bytes", name.len());
    }
    wait::until("both callers are in the usage", || {
        let usage = gateway.admin_ok("GET", "/admin/usage?agent=counted", None);
        let counted = |row: &&Value| row["total"]["admitted"] == 2 && row["total"]["refused"] == 1;
        (usage["usage"].as_array()?.iter().filter(counted).count() == 2).then_some(())
    });
}
