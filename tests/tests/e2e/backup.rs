//! A backup that is taken while others write is the registry of one moment; restored, it is served again.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tollgate_tests::{Backend, Gateway, binaries, gateway::Settings, wait};

const WRITERS: usize = 4;
/// Writes that must have been acknowledged before a backup, and between two.
const BETWEEN: usize = 20;
const BACKUPS: usize = 3;

/// Acknowledged writes: the row of each generation.
type Acknowledged = Mutex<BTreeMap<u64, String>>;

fn write(gateway: &Gateway, writer: usize, over: &AtomicBool, acknowledged: &Acknowledged, count: &AtomicUsize) {
    let mut index = 0;
    while !over.load(Ordering::SeqCst) {
        let name = format!("load.{writer}.{index}");
        let row = json!({"agents": ["kept"], "operations": ["read"]});
        let answer = gateway.admin_ok("PUT", &format!("/admin/permissions/{name}"), Some(&row));
        let generation = answer["generation"].as_u64().expect("a generation");
        acknowledged.lock().expect("no writer panics").insert(generation, name);
        count.fetch_add(1, Ordering::SeqCst);
        index += 1;
    }
}

/// The generation that a command names: `... generation 12 ...`.
fn generation(said: &str) -> u64 {
    let (_, rest) = said.split_once("generation ").unwrap_or_else(|| panic!("no generation: {said}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a generation")
}

#[test]
fn a_backup_under_load_restores_to_one_moment_between_its_start_and_its_end() {
    let gateway = Gateway::start(Settings::default());
    let backend = Backend::start();
    let auth = json!({"authConfig": {"type": "bearer", "token": "planted-backup-secret"}});
    gateway.register_with("kept", &backend, &auth);
    let (over, acknowledged, count) = (AtomicBool::new(false), Acknowledged::default(), AtomicUsize::new(0));
    let now = || gateway.admin_ok("GET", "/admin/nodes", None)["generation"].as_u64().expect("a generation");
    let file = |index: usize| gateway.data().join("..").join(format!("backup-{index}")).display().to_string();
    let mut spans = Vec::new();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (gateway, over, acknowledged, count) = (&gateway, &over, &acknowledged, &count);
            scope.spawn(move || write(gateway, writer, over, acknowledged, count));
        }
        for index in 0..BACKUPS {
            let wanted = count.load(Ordering::SeqCst) + BETWEEN;
            wait::until("writes", || (count.load(Ordering::SeqCst) >= wanted).then_some(()));
            let start = now();
            let said = gateway.run_ok(&["backup", "-o", &file(index)]);
            spans.push((start, generation(&said), now()));
        }
        over.store(true, Ordering::SeqCst);
    });
    let acknowledged = acknowledged.into_inner().expect("no writer panicked");
    let last = now();
    for (index, (start, at, end)) in spans.into_iter().enumerate() {
        assert!((start..=end).contains(&at), "{start} <= {at} <= {end}");
        assert!(!fs::read_to_string(file(index)).expect("a backup").contains("planted-backup-secret"));
        gateway.stop_control();
        let said = restore(&gateway, &file(index), &["--force"]);
        assert_eq!(said.0, 0, "{said:?}");
        assert_eq!(generation(&said.1), at, "{said:?}");
        gateway.restart_control();
        for (generation, name) in &acknowledged {
            let status = gateway.admin("GET", &format!("/admin/permissions/{name}"), None).status;
            assert_eq!(status, if *generation <= at { 200 } else { 404 }, "{name} of {generation}, restored to {at}");
        }
        assert!(now() >= at && at < last);
    }
    // The restored registry is served: a change reaches Envoy, and the sealed secret opens.
    gateway.register("newcomer", &backend);
    let token = gateway.token("agents:newcomer:read agents:kept:read");
    assert_eq!(gateway.rpc("newcomer", "GetTask").bearer(&token).send().status, 200);
    assert_eq!(gateway.rpc("kept", "GetTask").bearer(&token).send().status, 200);
    let seen = backend.calls();
    let bearer = seen.last().and_then(|call| call.header("authorization").map(str::to_owned));
    assert_eq!(bearer.as_deref(), Some("Bearer planted-backup-secret"));
    gateway.assert_no_trap();
}

#[test]
fn a_restore_refuses_what_it_must_and_says_why() {
    let gateway = Gateway::start(Settings::default());
    gateway.register("kept", &Backend::start());
    let file = gateway.data().join("..").join("backup").display().to_string();
    gateway.run_ok(&["backup", "-o", &file]);
    let check = |file: &str, more: &[&str], part: &str| {
        let (code, _, err) = restore(&gateway, file, more);
        assert_eq!(code, 1, "{err}");
        assert!(err.contains(part), "{err}");
    };
    check(&file, &[], "is not empty");
    check(&file, &["--force"], "a server runs on");
    let bytes = fs::read(&file).expect("a backup");
    let spoilt = |name: &str, bytes: &[u8]| {
        let path = gateway.data().join("..").join(name);
        fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    };
    check(&spoilt("cut", &bytes[..bytes.len() / 2]), &["--force"], "is cut short");
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    check(&spoilt("altered", &altered), &["--force"], "was altered");
    let other = spoilt("other.key", b"AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    check(&file, &["--force", "--key", &format!("file:{other}")], "was not made with this sealing key");
    assert_eq!(gateway.admin("GET", "/admin/agents/kept", None).status, 200, "nothing was changed");
}

/// Runs `tollgate restore` on the gateway's data directory: exit code, output, complaints.
fn restore(gateway: &Gateway, file: &str, more: &[&str]) -> (i32, String, String) {
    let data = gateway.data().display().to_string();
    let output = Command::new(binaries::tollgate()).args(["restore", file, "--data", &data]).args(more).output();
    let output = output.expect("tollgate starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a code"), text(&output.stdout), text(&output.stderr))
}
