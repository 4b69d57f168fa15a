//! Three control planes with one ledger in Redis, and an Envoy each: traffic that is spread unevenly, and processes that are killed
//! under it. Redis is the real one; where there is none the test says how to get it.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use tollgate_tests::{Backend, Gateway, Issuer, gateway::Settings, process::Process, wait};

use super::{
    BURST, ENVOYS, RATE,
    admissions::Allowed,
    alone, limit,
    load::{Load, Sender},
    phase, row,
};

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
            let node = Some(format!("edge-{number}"));
            Gateway::start(Settings { variables: ledger(port), node, ..Settings::default() })
        };
        let gateways: Vec<Gateway> = (0..ENVOYS).map(start).collect();
        let issuer = Issuer::new("https://fleet.test");
        let backend = Backend::start();
        for gateway in &gateways {
            // One issuer for all: a caller is the same everywhere.
            gateway.register_issuer(&issuer);
            gateway.register("shared", &backend);
            gateway.admin_ok("PUT", "/admin/permissions/shared?wait=applied", Some(&row()));
        }
        let token = issuer.token("app", "shared");
        let fleet = Self { gateways, token, redis, _backend: backend, _directory: directory };
        fleet.wait_until_all_are_lent_tokens();
        fleet
    }

    fn wait_until_all_are_lent_tokens(&self) {
        let is =
            |gateway: &Gateway, name: &str, value: u64| gateway.stats(name).iter().any(|(_, found)| *found == value);
        let agrees = |gateway: &Gateway| {
            is(gateway, "tollgate_fleet_nodes", ENVOYS.into()) && is(gateway, "tollgate_ledger_healthy", 1)
        };
        wait::until("every Envoy knows of three", || self.gateways.iter().all(agrees).then_some(()));
        self.wait_until_all_say("leasing");
    }

    /// Every control plane has answered its Envoy so.
    fn wait_until_all_say(&self, lease: &str) {
        let answer = format!("\"{lease}\"");
        let says = |gateway: &Gateway| gateway.admin("GET", "/admin/nodes", None).text().contains(&answer);
        wait::until(lease, || self.gateways.iter().all(says).then_some(()));
    }

    /// Ten times the limit, in `parts` of a hundred to each gateway.
    fn senders(&self, parts: [u32; 3]) -> Vec<Sender> {
        let sender = |(gateway, part): (&Gateway, u32)| Sender {
            request: gateway.rpc("shared", "GetTask").bearer(&self.token),
            spacing: Duration::from_secs(60) * 100 / (RATE * 10 * part),
        };
        self.gateways.iter().zip(parts).map(sender).collect()
    }

    /// Sends to each gateway in `parts` for a while; what was let through must be what the limit allows.
    fn press(&self, what: &str, parts: [u32; 3]) {
        let begin = Instant::now();
        let admissions = Load::during(self.senders(parts), |load| {
            load.go_on(phase());
            load.admissions()
        });
        let allowed = (begin, Instant::now());
        limit(0).check(what, &admissions, allowed);
        // Less would be a fleet that wastes its limit; a slow machine may not send enough to use all of it.
        let refilled = (phase().as_secs() * u64::from(RATE) / 60) as usize;
        assert!(admissions.len() * 2 > refilled, "{what}: only {} of {refilled}", admissions.len());
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

#[test]
fn three_envoys_admit_together_what_one_limit_allows_however_traffic_is_spread() {
    let _alone = alone();
    let fleet = Fleet::start();
    fleet.press("mostly the first", [80, 15, 5]);
    fleet.press("mostly the last", [5, 15, 80]);
    // Without Redis each Envoy goes on with a third: never more than the whole.
    fleet.redis.freeze();
    fleet.wait_until_all_say("fair_share");
    fleet.press("without Redis", [34, 33, 33]);
}

#[test]
fn neither_an_envoy_nor_a_control_plane_that_is_killed_raises_what_a_fleet_admits() {
    let _alone = alone();
    let fleet = Fleet::start();
    let (first, second) = (&fleet.gateways[0], &fleet.gateways[1]);
    Load::during(fleet.senders([34, 33, 33]), |load| {
        let begin = Instant::now();
        load.go_on(phase());
        first.kill_envoy();
        let without_envoy = load.go_on(phase());
        limit(0).check("one Envoy killed", &load.admissions(), (begin, without_envoy));

        // It begins with its share, and until it knows that it is not alone, with the whole.
        first.restart_envoy();
        let with_envoy = load.go_on(phase());
        limit(BURST).check("and started again", &load.admissions(), (without_envoy, with_envoy));

        second.kill_control();
        let without_control = load.go_on(phase());
        second.restart_control();
        fleet.wait_until_all_are_lent_tokens();
        let with_control = load.go_on(Duration::ZERO);
        // Its Envoy fills its buckets itself, and the others are lent all that fills them.
        let cut_off = Allowed { rate: limit(0).rate * f64::from(ENVOYS + 1) / f64::from(ENVOYS), ..limit(0) };
        cut_off.check("one control plane killed", &load.admissions(), (with_envoy, without_control));
        cut_off.check("and started again", &load.admissions(), (without_control, with_control));
        let end = load.go_on(phase());
        limit(0).check("all there", &load.admissions(), (with_control, end));
        let (refused, unanswered) = load.others();
        eprintln!("{refused} refused, {unanswered} found nobody");
        assert!(refused > load.admissions().len(), "the load was more than twice what is allowed");
    });
}
