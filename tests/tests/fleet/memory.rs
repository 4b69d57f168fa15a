//! One control plane with its ledger in memory, and several Envoys that serve one address: the kernel spreads connections over them. Each
//! request has a connection of its own.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_tests::{
    Backend, Gateway,
    gateway::{Settings, Sibling},
    wait,
};

use super::{
    BURST, ENVOYS, RATE, alone, limit,
    load::{Load, Sender},
    phase, row,
};

/// Who sends at once.
const SENDERS: u32 = 4;

/// Three Envoys of one gateway.
struct Fleet {
    gateway: Gateway,
    others: Vec<Sibling>,
    backend: Backend,
}

impl Fleet {
    fn start() -> Self {
        let gateway = Gateway::start(Settings { node: Some("edge-0".to_owned()), ..Settings::default() });
        let backend = Backend::start();
        let others = (1..ENVOYS).map(|number| gateway.another_envoy(&format!("edge-{number}"))).collect();
        gateway.register("shared", &backend);
        gateway.admin_ok("PUT", "/admin/permissions/shared?wait=applied", Some(&row()));
        let fleet = Self { gateway, others, backend };
        fleet.wait_until_lent_tokens(ENVOYS.into());
        fleet
    }

    /// Returns when so many Envoys know of each other, and are lent tokens.
    fn wait_until_lent_tokens(&self, nodes: u64) {
        let knows = |stats: Vec<(String, u64)>| stats.iter().any(|(_, value)| *value == nodes);
        wait::until("every Envoy knows of all", || {
            let first = self.gateway.stats("tollgate_fleet_nodes");
            let others = self.others.iter().map(|other| other.stats("tollgate_fleet_nodes"));
            let living = std::iter::once(first).chain(others).filter(|stats| !stats.is_empty());
            (living.filter(|stats| knows(stats.clone())).count() as u64 == nodes).then_some(())
        });
        wait::until("every Envoy is lent tokens", || {
            let said = self.gateway.admin("GET", "/admin/nodes", None).text();
            (said.matches("\"leasing\"").count() as u64 >= nodes && !said.contains("\"fair_share\"")).then_some(())
        });
    }

    /// Ten times the limit, from several at once.
    fn senders(&self, client: &str) -> Vec<Sender> {
        let sender = |_| Sender {
            request: self.gateway.rpc("shared", "GetTask").bearer(&self.gateway.issuer.token(client, "shared")),
            spacing: Duration::from_secs(60) * SENDERS / (RATE * 10),
        };
        (0..SENDERS).map(sender).collect()
    }

    /// Requests that each Envoy has taken.
    fn taken(&self) -> Vec<u64> {
        let sum = |stats: Vec<(String, u64)>| stats.iter().map(|(_, value)| value).sum();
        let others = self.others.iter().map(|other| other.stats("http.tollgate.downstream_rq_total"));
        std::iter::once(self.gateway.stats("http.tollgate.downstream_rq_total")).chain(others).map(sum).collect()
    }
}

#[test]
fn envoys_behind_one_address_admit_what_one_limit_allows_whatever_is_killed() {
    let _alone = alone();
    let mut fleet = Fleet::start();
    let begin = Instant::now();
    let admitted = Load::during(fleet.senders("app"), |load| {
        let all = load.go_on(phase());
        let taken = fleet.taken();
        assert!(taken.iter().all(|requests| *requests > 10), "the kernel spreads connections: {taken:?}");
        fleet.others[0].kill();
        let killed = load.go_on(phase());
        limit(0).check("three Envoys, then two", &load.admissions(), (begin, killed));

        fleet.gateway.kill_control();
        let without = load.go_on(phase());
        limit(0).check("without the control plane", &load.admissions(), (all, without));
        fleet.gateway.restart_control();
        let end = load.go_on(phase());
        limit(0).check("the control plane started again", &load.admissions(), (killed, end));
        limit(0).check("all the time", &load.admissions(), (begin, end));
        let (refused, unanswered) = load.others();
        eprintln!("{refused} refused, {unanswered} found nobody");
        assert!(refused > load.admissions().len(), "the load was more than twice what is allowed");
        load.admissions().len()
    });
    // A killed Envoy may have sent on what nobody was answered.
    let seen = fleet.backend.calls().len();
    assert!((admitted..=admitted + 2 * SENDERS as usize).contains(&seen), "{admitted} answered, {seen} seen");
}

#[test]
fn a_control_plane_that_forgets_its_ledger_refills_nobodys_bucket() {
    let _alone = alone();
    let fleet = Fleet::start();
    // A token in six seconds: what comes back of a burst cannot be the refill.
    let slow = json!({
        "agents": ["shared"], "operations": ["read", "write", "push"], "limit": {"requestsPerMinute": 10, "burst": BURST},
    });
    fleet.gateway.admin_ok("PUT", "/admin/permissions/shared?wait=applied", Some(&slow));
    let after = Load::during(fleet.senders("spender"), |load| {
        load.go_on(phase());
        let (before, begin) = (load.admissions().len(), Instant::now());
        assert!(before >= BURST as usize / 2, "only {before} of a burst of {BURST} were to be had");
        fleet.gateway.kill_control();
        fleet.gateway.restart_control();
        fleet.wait_until_lent_tokens(ENVOYS.into());
        load.go_on(phase());
        let after = load.admissions().len() - before;
        eprintln!("{before} of a burst of {BURST}, then {after} in {:.1} s", begin.elapsed().as_secs_f64());
        (after, begin.elapsed())
    });
    let (after, time) = after;
    let refilled = time.as_secs_f64() / 6.0 * 1.05;
    assert!(after as f64 <= refilled.ceil() + f64::from(ENVOYS), "{after} after the restart, {refilled:.1} refilled");
}
