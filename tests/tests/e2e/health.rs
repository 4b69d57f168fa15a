//! Health that routes around what is not well: checks, failover, sharing, heartbeats, and how all of it is shown.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Request, Response,
    backend::{CardAnswer, Health, Seen},
    door::Door,
    gateway::{NODE, Settings},
    wait,
};

/// Asked every second, and believed soon.
fn checked() -> Value {
    json!({
        "healthEndpoint": "/health",
        "healthCheck": {"intervalSeconds": 1, "timeoutSeconds": 1, "unhealthyThreshold": 2, "healthyThreshold": 1},
    })
}

/// Registers an agent at several places; `host` is what they are called by.
fn at(id: &str, host: &str, backends: &[(&Backend, u32, u32)], more: &Value) {
    let place = |(backend, priority, weight): &(&Backend, u32, u32)| {
        let url = format!("http://{host}:{}", backend.address().port());
        json!({"url": url, "priority": priority, "weight": weight})
    };
    let mut record = json!({"agentId": id, "backends": backends.iter().map(place).collect::<Vec<_>>()});
    for (name, value) in more.as_object().into_iter().flatten() {
        record[name] = value.clone();
    }
    Gateway::shared().admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
}

/// Registers it, and waits until it serves: a new cluster does when each of its hosts has been asked once.
fn serving_at(id: &str, host: &str, backends: &[(&Backend, u32, u32)], more: &Value) {
    at(id, host, backends, more);
    wait::until("the new agent", || (call(id).status == 200).then_some(()));
}

/// Lists what is going on, by HTTP+JSON: where tasks are kept apart, through the translation.
fn listing(id: &str) -> Request {
    let gateway = Gateway::shared();
    let token = gateway.token(&format!("agents:{id}:read agents:{id}:write agents:{id}:push"));
    gateway.request("GET", &format!("/agents/{id}/tasks")).bearer(&token)
}

fn call(id: &str) -> Response {
    listing(id).send()
}

fn beat(id: &str, body: &Value) -> Response {
    let gateway = Gateway::shared();
    let token = gateway.token(&format!("agents:{id}:heartbeat"));
    gateway.request("PATCH", &format!("/agents/{id}/status")).bearer(&token).json(body).send()
}

/// How an agent's backends are shown.
fn shown(id: &str) -> Vec<Value> {
    let record = Gateway::shared().admin_ok("GET", &format!("/admin/agents/{id}"), None);
    record["health"]["backends"].as_array().expect("backends").clone()
}

fn until_shown(id: &str, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    wait::until(what, || Some(shown(id)).filter(|backends| wanted(backends)))
}

fn status(seen: &[u16], of: u16) -> usize {
    seen.iter().filter(|status| **status == of).count()
}

/// Callers of an agent at once.
const CALLERS: usize = 4;

/// Calls an agent from several threads while `story` goes on; what they got, in the order it came.
fn under_load(id: &str, story: impl FnOnce(&dyn Fn(usize))) -> Vec<u16> {
    let (over, got) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let count = AtomicUsize::new(0);
    let request = listing(id);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    // No answer at all is a failure too.
                    let status = request.try_send().map_or(0, |response| response.status);
                    got.lock().expect("a list").push(status);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        story(&|more| {
            let wanted = count.load(Ordering::SeqCst) + more;
            wait::until("more calls", || (count.load(Ordering::SeqCst) >= wanted).then_some(()));
        });
        over.store(true, Ordering::SeqCst);
    });
    got.into_inner().expect("a list")
}

/// A backend that dies costs the calls that were in it; the others, and all later ones, go to the other. When it is back it is used.
fn check_failover(id: &str, host: &str, more: &Value) {
    let (doomed, other) = (Backend::start(), Backend::start());
    let mut record = checked();
    record.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    serving_at(id, host, &[(&doomed, 0, 1), (&other, 0, 1)], &record);
    let after = Mutex::new(0);
    let got = under_load(id, |more_calls| {
        wait::until("calls to both", || (doomed.calls().len() > 20 && other.calls().len() > 20).then_some(()));
        doomed.die();
        more_calls(CALLERS);
        let failed_at = other.calls().len();
        more_calls(400);
        assert!(other.calls().len() > failed_at + 300, "the other takes them all");
        doomed.return_to_life();
        let before = doomed.calls().len();
        wait::until("calls to the one that is back", || (doomed.calls().len() > before + 20).then_some(()));
        *after.lock().expect("a number") = before;
    });
    let failed = got.len() - status(&got, 200);
    assert!(
        failed <= CALLERS,
        "{failed} of {} failed: {:?}",
        got.len(),
        got.iter().filter(|it| **it != 200).collect::<Vec<_>>()
    );
}

#[test]
fn a_backend_killed_under_load_costs_the_calls_in_flight_and_comes_back_by_itself() {
    check_failover("failover", "127.0.0.1", &json!({}));
}

#[test]
fn names_fail_over_as_addresses_do() {
    check_failover("failover-named", "localhost", &json!({}));
}

#[test]
fn what_is_translated_fails_over_with_the_rest() {
    check_failover("failover-translated", "127.0.0.1", &json!({"taskIsolation": "caller"}));
}

#[test]
fn a_call_with_nowhere_to_go_is_refused_at_once_and_the_reason_is_shown() {
    let backend = Backend::with(Door::Header("x-key", "planted-key".to_owned()), CardAnswer::Card(Default::default()));
    let credential = json!({"authConfig": {"type": "api_key", "headerName": "x-key", "apiKey": "planted-key"}});
    let mut record = checked();
    record.as_object_mut().expect("an object").extend(credential.as_object().expect("an object").clone());
    serving_at("alone", "127.0.0.1", &[(&backend, 0, 1)], &record);
    until_shown("alone", "a healthy backend", |shown| shown[0]["state"] == "healthy");
    backend.set_health(Health::Ill);
    let refused = wait::until("503", || Some(call("alone")).filter(|response| response.status == 503));
    let calls = backend.calls().len();
    assert_eq!(call("alone").status, 503, "{}", refused.text());
    assert_eq!(backend.calls().len(), calls, "what is ill is left alone");
    let told = until_shown("alone", "an unhealthy backend", |shown| shown[0]["state"] == "unhealthy");
    assert_eq!(told[0]["reason"], "health check: answered with an error");
    assert_eq!(told[0]["nodes"][0]["nodeId"], NODE);
    backend.set_health(Health::Well);
    wait::until("200", || (call("alone").status == 200).then_some(()));
    backend.die();
    let silent = until_shown("alone", "no answer", |shown| shown[0]["reason"] == "health check: no answer");
    assert_eq!(silent[0]["state"], "unhealthy");
    let check: Seen = backend.checks().into_iter().last().expect("a check");
    assert_eq!(check.header("host"), Some(backend.address().to_string().as_str()));
    for withheld in ["x-key", "authorization", "x-tollgate-subject", "x-tollgate-client"] {
        assert_eq!(check.header(withheld), None, "{withheld}");
    }
}

fn check_weights(id: &str, host: &str) {
    let (large, small) = (Backend::start(), Backend::start());
    serving_at(id, host, &[(&large, 0, 3), (&small, 0, 1)], &json!({}));
    let before = (large.calls().len(), small.calls().len());
    for _ in 0..400 {
        assert_eq!(call(id).status, 200);
    }
    let share = (large.calls().len() - before.0, small.calls().len() - before.1);
    assert_eq!(share.0 + share.1, 400);
    assert!((280..=320).contains(&share.0), "three to one, and not {share:?}");
}

#[test]
fn weights_share_the_load() {
    check_weights("weighed", "127.0.0.1");
    check_weights("weighed-named", "localhost");
}

fn check_priorities(id: &str, host: &str) {
    let (first, second) = (Backend::start(), Backend::start());
    serving_at(id, host, &[(&first, 3, 1), (&second, 7, 1)], &checked());
    for _ in 0..50 {
        assert_eq!(call(id).status, 200);
    }
    assert_eq!(second.calls().len(), 0, "the second waits for the first to fail");
    first.set_health(Health::Ill);
    wait::until("the second", || (call(id).status == 200 && !second.calls().is_empty()).then_some(()));
    until_shown(id, "the first out", |shown| shown[0]["state"] == "unhealthy" && shown[1]["state"] == "healthy");
    let calls = first.calls().len();
    for _ in 0..50 {
        assert_eq!(call(id).status, 200);
    }
    assert_eq!(first.calls().len(), calls);
}

#[test]
fn a_second_priority_is_used_when_the_first_is_not_well() {
    check_priorities("ranked", "127.0.0.1");
    check_priorities("ranked-named", "localhost");
}

#[test]
fn a_missed_heartbeat_takes_an_agent_out_and_the_next_brings_it_back() {
    let backend = Backend::start();
    let heartbeat = json!({"heartbeat": {"intervalSeconds": 1, "missesAllowed": 1}});
    for (id, host, more) in [
        ("beating", "127.0.0.1", json!({})),
        ("beating-named", "localhost", json!({})),
        ("beating-apart", "127.0.0.1", json!({"taskIsolation": "caller"})),
    ] {
        let mut record = heartbeat.clone();
        record.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        at(id, host, &[(&backend, 0, 1)], &record);
        wait::until("503", || (call(id).status == 503).then_some(()));
        assert_eq!(
            (&shown(id)[0]["state"], &shown(id)[0]["reason"]),
            (&json!("unhealthy"), &json!("heartbeat missed"))
        );
        let answer = beat(id, &json!({"status": "healthy"}));
        assert_eq!((answer.status, &answer.json()["standing"]), (200, &json!("up")), "{}", answer.text());
        wait::until("200", || (call(id).status == 200).then_some(()));
    }
}

#[test]
fn an_agent_takes_one_backend_out_by_its_own_word() {
    let (one, two) = (Backend::start(), Backend::start());
    let heartbeat = json!({"heartbeat": {"intervalSeconds": 600, "missesAllowed": 1}});
    serving_at("leaving", "127.0.0.1", &[(&one, 0, 1), (&two, 0, 1)], &heartbeat);
    let answer = beat("leaving", &json!({"status": "draining", "backend": one.url(), "detail": "new release"}));
    assert_eq!((answer.status, &answer.json()["standing"]), (200, &json!("draining")), "{}", answer.text());
    let told = shown("leaving");
    assert_eq!((&told[0]["state"], &told[0]["detail"]), (&json!("draining"), &json!("new release")));
    // In force when a run of calls has passed it by.
    wait::until("calls to the other alone", || {
        let before = one.calls().len();
        (0..20).for_each(|_| assert_eq!(call("leaving").status, 200));
        (one.calls().len() == before).then_some(())
    });
    assert_eq!(beat("leaving", &json!({"status": "unhealthy"})).status, 200);
    wait::until("503", || (call("leaving").status == 503).then_some(()));
    assert_eq!(beat("leaving", &json!({"status": "healthy"})).status, 200);
    wait::until("200", || (call("leaving").status == 200).then_some(()));
}

#[test]
fn nobody_speaks_for_an_agent_but_the_holder_of_its_own_scope() {
    let gateway = Gateway::shared();
    let heartbeat = json!({"heartbeat": {"intervalSeconds": 600, "missesAllowed": 1}});
    serving_at("spoken-for", "127.0.0.1", &[(&Backend::start(), 0, 1)], &heartbeat);
    let body = json!({"status": "unhealthy"});
    let say = |scope: &str, method: &str| {
        let request = gateway.request(method, "/agents/spoken-for/status").json(&body);
        request.bearer(&gateway.token(scope)).send().status
    };
    let all = "agents:spoken-for:read agents:spoken-for:write agents:spoken-for:push";
    for scope in [all, "gateway:admin", "agents:other:heartbeat"] {
        assert_eq!(say(scope, "POST"), 403, "{scope}");
    }
    assert_eq!(gateway.request("POST", "/agents/spoken-for/status").json(&body).send().status, 401);
    assert_eq!(say("agents:spoken-for:heartbeat", "GET"), 405);
    let own = gateway.token("agents:spoken-for:heartbeat");
    assert_eq!(gateway.request("GET", "/agents/spoken-for/tasks").bearer(&own).send().status, 403);
    assert_eq!(gateway.request("GET", "/admin/agents").bearer(&own).send().status, 403);
    assert_eq!(call("spoken-for").status, 200, "nothing was said");
    assert_eq!(say("agents:spoken-for:heartbeat", "POST"), 200);
    gateway.assert_no_trap();
}

#[test]
fn envoys_that_see_different_things_are_shown_each() {
    let gateway = Gateway::start(Settings::default());
    let backend = Backend::start();
    gateway.register_with("split", &backend, &checked());
    let backends = || gateway.admin_ok("GET", "/admin/agents/split", None)["health"]["backends"].clone();
    wait::until("the first Envoy's view", || (backends()[0]["state"] == "healthy").then_some(()));
    // From now on the first Envoy's connection is told otherwise than all others.
    backend.set_health(Health::WellToTheFirst);
    let asked = backend.checks().len();
    wait::until("the first Envoy's check", || (backend.checks().len() > asked).then_some(()));
    let mut second = gateway.another_envoy("edge-2");
    let told = wait::until("two views", || Some(backends()).filter(|told| told[0]["state"] == "unknown"));
    assert_eq!(told[0]["reason"], "the Envoys see different things");
    let view = |told: &Value| -> Vec<(String, String)> {
        let nodes = told[0]["nodes"].as_array().expect("nodes").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        nodes.map(|node| (text(&node["nodeId"]), text(&node["state"]))).collect()
    };
    let expect = [(NODE, "healthy"), ("edge-2", "unhealthy")].map(|(node, state)| (node.to_owned(), state.to_owned()));
    let mut seen = view(&told);
    seen.sort_by_key(|(node, _)| node.as_str() != NODE);
    assert_eq!(seen, expect);
    second.kill();
    let told = wait::until("the second's view stale", || {
        Some(backends())
            .filter(|told| told[0]["nodes"].as_array().is_some_and(|it| it.iter().any(|it| it["stale"] == true)))
    });
    assert_eq!(told[0]["state"], "healthy", "one that went has no say");
}
