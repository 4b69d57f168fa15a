//! A limit across a fleet: three control planes with one ledger in Redis, an Envoy each, and traffic that is spread unevenly. Redis is
//! the real one; where there is none the test says how to get it.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use tollgate_tests::{Backend, Gateway, Issuer, gateway::Settings, process::Process, wait};

/// Tokens a minute and at once.
const RATE: u32 = 1_200;
const BURST: u32 = 30;
/// How long each way of spreading is kept up.
const PHASE: Duration = Duration::from_secs(5);

/// Three gateways that share a limit.
struct Fleet {
    gateways: Vec<Gateway>,
    token: String,
    redis: Process,
    _backend: Backend,
    _directory: tempfile::TempDir,
}

impl Fleet {
    fn start() -> Self {
        let directory = tollgate_tests::gateway::directory();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let redis = redis(directory.path(), port);
        let start = |number: u32| {
            Gateway::start(Settings {
                variables: ledger(port),
                node: Some(format!("edge-{number}")),
                ..Settings::default()
            })
        };
        let gateways: Vec<Gateway> = (0..3).map(start).collect();
        let issuer = Issuer::new("https://fleet.test");
        let backend = Backend::start();
        let row = json!({
            "agents": ["shared"], "operations": ["read", "write", "push"],
            "limit": {"requestsPerMinute": RATE, "burst": BURST},
        });
        for gateway in &gateways {
            // One issuer for all: a caller is the same everywhere.
            gateway.register_issuer(&issuer);
            gateway.register("shared", &backend);
            gateway.admin_ok("PUT", "/admin/permissions/shared?wait=applied", Some(&row));
        }
        let token = issuer.token("app", "shared");
        let fleet = Self { gateways, token, redis, _backend: backend, _directory: directory };
        wait::until("every Envoy knows of three", || fleet.agrees(3).then_some(()));
        fleet
    }

    /// Whether every Envoy takes `nodes` to share the limit, and is lent tokens.
    fn agrees(&self, nodes: u64) -> bool {
        self.gateways.iter().all(|gateway| {
            gateway.stats("tollgate_fleet_nodes").iter().any(|(_, value)| *value == nodes)
                && gateway.stats("tollgate_ledger_healthy").iter().any(|(_, value)| *value == 1)
        })
    }

    /// Sends to each gateway in `parts` of ten times the limit for a while; how many were let through.
    fn press(&self, parts: [u32; 3], time: Duration) -> usize {
        std::thread::scope(|scope| {
            let presses = self.gateways.iter().zip(parts).map(|(gateway, part)| {
                let spacing = Duration::from_secs(60) * 100 / (RATE * 10 * part);
                scope.spawn(move || self.call_every(gateway, spacing, time))
            });
            presses.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    }

    fn call_every(&self, gateway: &Gateway, spacing: Duration, time: Duration) -> usize {
        let (begin, mut admitted, mut sent) = (Instant::now(), 0, 0);
        while begin.elapsed() < time {
            wait::pace(begin, spacing * sent);
            sent += 1;
            match gateway.rpc("shared", "GetTask").bearer(&self.token).send().status {
                200 => admitted += 1,
                status => assert_eq!(status, 429),
            }
        }
        admitted
    }
}

fn ledger(port: u16) -> Vec<(String, String)> {
    let variable = |name: &str, value: String| (name.to_owned(), value);
    vec![
        variable("TOLLGATE_LIMITS_LEDGER", "redis".to_owned()),
        variable("TOLLGATE_LIMITS_REDIS_URL", format!("redis://127.0.0.1:{port}")),
    ]
}

fn redis(directory: &Path, port: u16) -> Process {
    let program = Path::new("redis-server");
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    assert!(found, "this test needs redis-server on the PATH: apt-get install redis-server");
    let (port, directory_name) = (port.to_string(), directory.display().to_string());
    let arguments = ["--port", port.as_str(), "--bind", "127.0.0.1", "--save", "", "--dir", &directory_name];
    Process::start(program, &arguments, &[], &directory.join("redis.log"))
}

/// Most that may have been let through since `begin`.
fn allowed(begin: Instant) -> usize {
    let refilled = begin.elapsed().as_secs_f64() * f64::from(RATE) / 60.0;
    (refilled * 1.05 + f64::from(BURST)).ceil() as usize
}

#[test]
fn three_envoys_admit_together_what_one_limit_allows_however_traffic_is_spread() {
    let fleet = Fleet::start();
    let begin = Instant::now();
    let mut admitted = fleet.press([80, 15, 5], PHASE);
    admitted += fleet.press([5, 15, 80], PHASE);
    let most = allowed(begin);
    eprintln!("admitted {admitted} of {most} allowed in {:?}", begin.elapsed());
    assert!(admitted <= most, "{admitted} admitted, {most} allowed");
    // Less would be a fleet that wastes its limit; a slow machine may not send enough to use all of it.
    assert!(admitted * 2 > most, "only {admitted} admitted of {most}");

    // Without Redis each Envoy goes on with a third: never more than the whole.
    fleet.redis.freeze();
    wait::until("every Envoy knows that the ledger is away", || {
        let lent = |gateway: &Gateway| gateway.admin("GET", "/admin/nodes", None).text().contains("\"fair_share\"");
        fleet.gateways.iter().all(lent).then_some(())
    });
    let begin = Instant::now();
    let admitted = fleet.press([80, 15, 5], PHASE);
    let most = allowed(begin);
    eprintln!("without Redis admitted {admitted} of {most} allowed in {:?}", begin.elapsed());
    assert!(admitted <= most, "{admitted} admitted, {most} allowed");
    assert!(admitted > 0, "nobody is locked out because Redis is away");
}
