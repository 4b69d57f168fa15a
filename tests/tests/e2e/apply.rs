//! A thousand agents from a file, in force on a real Envoy when the command returns; safe to repeat, to look at first, to take back.

use std::{fmt::Write, fs, path::Path};

use serde_json::json;
use tollgate_tests::{Backend, Gateway, gateway::Settings};

const AGENTS: usize = 1_000;
/// Agents that are called by one thread after the other.
const CALLERS: usize = 8;

fn agents(backend: &Backend) -> String {
    let mut text = "agents:\n".to_owned();
    for index in 0..AGENTS {
        let url = backend.url();
        write!(text, "  - agentId: fleet-{index}\n    backendUrl: {url}\n    tags: [fleet]\n").expect("memory");
    }
    text
}

const PERMISSION: &str =
    "kind: Permission\nscope: fleet\nagents: ['fleet-*']\noperations: [read]\nlimit: {unlimited: true}\n";

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).expect("the file is written");
    path.display().to_string()
}

/// Every agent is called once; how many answered with `status`.
fn answered(gateway: &Gateway, token: &str, status: u16) -> usize {
    let call = |caller: usize| {
        let own = (0..AGENTS).filter(|index| index % CALLERS == caller);
        own.filter(|index| gateway.rpc(&format!("fleet-{index}"), "GetTask").bearer(token).send().status == status)
            .count()
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|caller| scope.spawn(move || call(caller))).collect();
        callers.into_iter().map(|it| it.join().expect("a caller")).sum()
    })
}

#[test]
fn a_thousand_agents_of_a_directory_are_callable_when_apply_returns_and_gone_when_pruned() {
    let gateway = Gateway::start(Settings::default());
    let backend = Backend::start();
    gateway.register("by-hand", &backend);
    let directory = gateway.data().join("..").join("fleet");
    fs::create_dir(&directory).expect("a directory");
    write(&directory, "agents.yaml", &agents(&backend));
    write(&directory, "permission.yml", PERMISSION);
    let path = directory.display().to_string();
    let token = gateway.token("fleet");

    let planned = gateway.run_ok(&["apply", "-f", &path, "--dry-run"]);
    assert!(planned.contains("nothing is written: 1001 created, 0 updated, 0 deleted, 0 unchanged"), "{planned}");
    assert_eq!(gateway.rpc("fleet-0", "GetTask").bearer(&token).send().status, 403);
    let made = gateway.run_ok(&["apply", "-f", &path, "--wait"]);
    assert!(made.ends_with(", in force on 1 Envoys)\n"), "{made}");
    assert_eq!(answered(&gateway, &token, 200), AGENTS);

    let generation = gateway.admin_ok("GET", "/admin/nodes", None)["generation"].clone();
    let again = gateway.run_ok(&["apply", "-f", &path, "--wait", "--prune"]);
    assert!(again.starts_with("0 created, 0 updated, 0 deleted, 1001 unchanged"), "{again}");
    let exported = directory.join("..").join("exported.yaml").display().to_string();
    gateway.run_ok(&["export", "-o", &exported]);
    let back = gateway.run_ok(&["apply", "-f", &exported, "--prune-all"]);
    assert!(back.starts_with("0 created, 0 updated, 0 deleted, 1002 unchanged"), "{back}");
    assert_eq!(gateway.admin_ok("GET", "/admin/nodes", None)["generation"], generation, "nothing was written");

    write(&directory, "agents.yaml", "agents: []\n");
    let pruned = gateway.run_ok(&["apply", "-f", &path, "--wait", "--prune"]);
    assert!(pruned.contains("0 created, 0 updated, 1000 deleted, 1 unchanged"), "{pruned}");
    assert_eq!(answered(&gateway, &token, 200), 0);
    let by_hand = gateway.token("agents:by-hand:read");
    assert_eq!(gateway.rpc("by-hand", "GetTask").bearer(&by_hand).send().status, 200, "what apply did not make stays");
    gateway.assert_no_trap();
}

#[test]
fn a_faulty_file_changes_nothing_and_is_named_by_line_and_field() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    let url = backend.url();
    let directory = gateway.data().join("..").join("faulty");
    fs::create_dir(&directory).expect("a directory");
    let good = format!("agents:\n  - agentId: faulty-a\n    backendUrl: {url}\n");
    let check = |text: &str, code: i32, part: &str| {
        let path = write(&directory, "agents.yaml", text);
        let said = gateway.run(&["apply", "-f", &path]);
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.err.contains(part), "{said:?}");
        assert_eq!(gateway.admin("GET", "/admin/agents/faulty-a", None).status, 404, "{text}");
    };
    check(&format!("{good}   - x\n"), 2, "line");
    check(&format!("{good}  - agentId: faulty-b\n    backendURL: x\n"), 1, "agents.yaml:5: backendURL is unknown");
    let absent = "http://127.0.0.1:1";
    check(&format!("{good}  - agentId: faulty-b\n    backendUrl: {absent}\n"), 1, "agents.yaml:5: backendUrl");
    check(&format!("{good}permissions:\n- scope: s\n  agents: ['**']\n  limit: {{}}\n"), 1, "agents.yaml:7: limit");
}

#[test]
fn an_agent_waits_for_its_approval_and_does_not_exist_until_then() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register_with("waiting", &backend, &json!({"status": "pending"}));
    let token = gateway.token("agents:waiting:read");
    let call = || gateway.rpc("waiting", "GetTask").bearer(&token).send().status;
    let card = || gateway.request("GET", "/agents/waiting/.well-known/agent-card.json").bearer(&token).send().status;
    assert_eq!((call(), card()), (404, 404));
    gateway.run_ok(&["agents", "enable", "waiting", "--reason", "reviewed", "--wait"]);
    assert_eq!((call(), card()), (200, 200));
    let shown = gateway.admin_ok("GET", "/admin/agents/waiting", None);
    assert_eq!(shown["statusChange"]["changedBy"]["client"], tollgate_tests::gateway::ADMIN_ID);
    assert_eq!(shown["statusChange"]["reason"], "reviewed");
    gateway.run_ok(&["agents", "status", "waiting", "--to", "retired", "--wait"]);
    assert_eq!((call(), card()), (404, 404));
    let revived = gateway.run(&["agents", "enable", "waiting"]);
    assert_eq!(revived.code, 1);
    assert!(revived.err.contains("AGENT_RETIRED"), "{revived:?}");
}
