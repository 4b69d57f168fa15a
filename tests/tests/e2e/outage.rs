//! Without the control plane calls go on; with it killed at any moment nothing acknowledged is lost; while it changes things no call
//! fails.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway,
    gateway::{NODE, Settings},
    wait,
};

fn call(gateway: &Gateway, agent: &str, token: &str) -> u16 {
    gateway.rpc(agent, "GetTask").bearer(token).send().status
}

#[test]
fn calls_go_on_while_the_control_plane_is_away() {
    let gateway = Gateway::start(Settings::default());
    let backend = Backend::start();
    gateway.register("steady", &backend);
    let (allowed, refused) = (gateway.token("agents:steady:read"), gateway.token("agents:other:read"));
    gateway.stop_control();
    for _ in 0..50 {
        assert_eq!(call(&gateway, "steady", &allowed), 200);
        assert_eq!(call(&gateway, "steady", &refused), 403);
        assert_eq!(gateway.rpc("steady", "GetTask").send().status, 401);
    }
    gateway.restart_control();
    wait::until("Envoy back at the control plane", || connected(&gateway).then_some(()));
    assert_eq!(call(&gateway, "steady", &allowed), 200);
    gateway.admin_ok("DELETE", "/admin/agents/steady?wait=applied", None);
    assert_eq!(call(&gateway, "steady", &allowed), 404, "a change after the restart is enforced");
    gateway.assert_no_trap();
}

#[test]
fn a_restart_sends_envoy_nothing_it_already_has() {
    let gateway = Gateway::start(Settings::default());
    gateway.register("unchanged", &Backend::start());
    let updates = || -> u64 { gateway.stats("cluster_manager.cluster_modified").iter().map(|(_, count)| count).sum() };
    let before = updates();
    gateway.stop_control();
    gateway.restart_control();
    wait::until("Envoy back at the control plane", || connected(&gateway).then_some(()));
    assert_eq!(updates(), before);
}

#[test]
fn an_envoy_that_starts_has_the_translation_before_it_serves() {
    let gateway = Gateway::start(Settings::default());
    let backend = Backend::start();
    gateway.register_with("apart", &backend, &json!({"taskIsolation": "caller"}));
    let token = gateway.token("agents:apart:read");
    let call = || gateway.request("GET", "/agents/apart/tasks").bearer(&token).send();
    assert_eq!(call().status, 200, "{}", call().text());
    gateway.restart_envoy();
    assert_eq!(call().status, 200, "{}", call().text());
    gateway.assert_no_trap();
}

/// Whether Envoy's stream is back. Its exchanges of tokens, a connection of their own, may be back earlier.
fn connected(gateway: &Gateway) -> bool {
    let nodes = gateway.admin("GET", "/admin/nodes", None).json();
    nodes["nodes"].to_string().contains(NODE)
}

/// Kills after these many acknowledged writes; primes, so that every kind of write is hit.
const KILLS: [usize; 6] = [7, 31, 67, 101, 149, 193];
const WRITES: usize = 200;

#[test]
fn every_acknowledged_write_survives_a_kill() {
    let gateway = Gateway::start(Settings::default());
    let mut acknowledged: BTreeMap<String, Option<Value>> = BTreeMap::new();
    let mut generation = 0;
    let mut next = 0;
    for kill in KILLS.into_iter().chain([WRITES]) {
        let reached = AtomicUsize::new(next);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // The kill lands while a write is on its way: the writer does not wait for it.
            if kill < WRITES {
                scope.spawn(|| {
                    wait::until("the moment to kill", || {
                        (reached.load(Ordering::SeqCst) >= kill || done.load(Ordering::SeqCst)).then_some(())
                    });
                    gateway.kill_control();
                });
            }
            while next < WRITES {
                let Some((name, row, at)) = write(&gateway, next) else { break };
                next += 1;
                reached.store(next, Ordering::SeqCst);
                assert!(at.is_none_or(|at| at > generation), "generation {at:?} after {generation}");
                generation = at.unwrap_or(generation);
                acknowledged.insert(name, row);
            }
            done.store(true, Ordering::SeqCst);
        });
        if kill < WRITES {
            gateway.restart_control();
        }
        check_registry(&gateway, &acknowledged, next);
        let now = gateway.admin_ok("GET", "/admin/nodes", None)["generation"].as_u64().expect("a generation");
        assert!(now >= generation, "generation {now} after {generation}");
    }
    assert_eq!(next, WRITES);
}

/// Write number `index`: its row, what it should be afterwards, and the generation it was acknowledged with. `None` when the
/// control plane died before it answered. A deletion that is repeated after a kill may find its row gone.
fn write(gateway: &Gateway, index: usize) -> Option<(String, Option<Value>, Option<u64>)> {
    let name = row_of(index);
    let (method, row) = if index % 5 == 4 {
        ("DELETE", None)
    } else {
        ("PUT", Some(json!({"agents": [format!("a{index}")], "operations": ["read"]})))
    };
    let path = format!("/admin/permissions/{name}");
    let response = gateway.try_admin(method, &path, row.as_ref())?;
    if method == "DELETE" && response.status == 404 {
        return Some((name, row, None));
    }
    assert!((200..300).contains(&response.status), "{method} {path}: {} {}", response.status, response.text());
    let generation = response.json()["generation"].as_u64().expect("a generation");
    Some((name, row, Some(generation)))
}

/// Four rows are written, then the last of them is deleted.
fn row_of(index: usize) -> String {
    format!("kill.{}", if index % 5 == 4 { index - 1 } else { index })
}

/// Every acknowledged row is as acknowledged; only the write under way when the kill came may be either way.
#[track_caller]
fn check_registry(gateway: &Gateway, acknowledged: &BTreeMap<String, Option<Value>>, next: usize) {
    for (name, row) in acknowledged.iter().filter(|(name, _)| **name != row_of(next)) {
        let response = gateway.admin("GET", &format!("/admin/permissions/{name}"), None);
        match row {
            Some(row) => {
                assert_eq!(response.status, 200, "{name}: {}", response.text());
                assert_eq!(response.json()["agents"], row["agents"], "{name}");
            }
            None => assert_eq!(response.status, 404, "{name}: {}", response.text()),
        }
    }
}

#[test]
fn no_call_fails_while_the_configuration_changes_a_hundred_times() {
    let gateway = Gateway::start(Settings::default());
    let (steady, moving) = (Backend::start(), Backend::start());
    gateway.register("bystander", &steady);
    let token = gateway.token("agents:bystander:read agents:bystander:write agents:bystander:push");
    let over = AtomicBool::new(false);
    let calls = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    assert_eq!(call(&gateway, "bystander", &token), 200);
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for change in 0..25 {
            let agents = json!({"agents": [format!("moving-{change}")], "operations": ["read"]});
            gateway.register(&format!("moving-{change}"), &moving);
            gateway.admin_ok("PUT", "/admin/permissions/moving?wait=applied", Some(&agents));
            gateway.admin_ok(
                "PATCH",
                &format!("/admin/agents/moving-{change}/status?wait=applied"),
                Some(&json!({"status": "inactive"})),
            );
            gateway.admin_ok("DELETE", &format!("/admin/agents/moving-{change}?wait=applied"), None);
        }
        over.store(true, Ordering::SeqCst);
    });
    assert!(calls.load(Ordering::SeqCst) > 100, "there was load");
    gateway.assert_no_trap();
}
