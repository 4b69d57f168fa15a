//! Nodes as the filter has them, on a clock of the tests': what they hold, spend and ask for. And a fleet of them under load.

use std::{num::NonZeroU32, sync::Arc};

use futures::FutureExt;

use super::{
    BucketKey, Counts, FleetTable, Lease, Ledger, Lent, Limit, MemoryLedger, Micros, NodeKey, Quota, Refusals, Report,
    Server, UsageTable,
};
use crate::domain::AgentId;

/// When simulated time begins.
pub(super) const START: Micros = Micros::from_seconds(1_700_000_000);

pub(crate) fn limit(requests_per_minute: u32, burst: u32) -> Limit {
    let positive = |number| NonZeroU32::new(number).unwrap();
    Limit { requests_per_minute: positive(requests_per_minute), burst: positive(burst) }
}

pub(crate) fn bucket(client: &str) -> BucketKey {
    BucketKey { issuer: "i".to_owned(), client: client.to_owned(), agent: "a".to_owned(), operations: String::new() }
}

/// A service of its own, for servers that have other things to show.
pub(crate) fn server() -> Server {
    let (fleet, usage) = (FleetTable::default(), UsageTable::default());
    Quota { ledger: Arc::new(MemoryLedger::default()), fleet, usage, clock: || START }.into_server(Arc::new(Nobody))
}

struct Nobody;

impl Refusals for Nobody {
    fn backend_refused(&self, _: &AgentId) {}
}

/// A report of one bucket.
pub(crate) fn report(limit: Limit, held: u32, wanted: u32, demand: u32) -> Report {
    Report { key: bucket("c"), limit: Some(limit), held, wanted, demand, counts: Counts::default() }
}

pub(super) fn exchange(ledger: &impl Ledger, node: &NodeKey, reports: &[Report], now: Micros) -> Lent {
    ledger.exchange(node, reports, now).now_or_never().expect("memory does not wait").unwrap()
}

/// A node with one bucket.
pub(super) struct Node {
    pub(super) key: NodeKey,
    /// As the ledger said last; nothing is spent before it has said anything.
    nodes: Option<u32>,
    /// `None`: the bucket was not used yet.
    pub(super) held: Option<u64>,
    /// The share taken when it was.
    pub(super) share: u64,
    pub(super) admitted: u64,
    arrived: u64,
}

impl Node {
    pub(super) fn new(id: &str, instance: u64) -> Self {
        let key = NodeKey { id: id.to_owned(), instance };
        Self { key, nodes: None, held: None, share: 0, admitted: 0, arrived: 0 }
    }

    /// Requests arrive.
    pub(super) fn serve(&mut self, requests: u64, limit: Limit) {
        let Some(nodes) = self.nodes else { return };
        if self.held.is_none() {
            self.share = u64::from((limit.burst.get() / nodes).max(1));
        }
        let held = self.held.get_or_insert(self.share);
        let admitted = requests.min(*held);
        *held -= admitted;
        self.admitted += admitted;
        self.arrived += requests;
    }

    /// What the node says; nothing of a bucket that it does not use.
    pub(super) fn reports(&mut self, limit: Limit, per_second: u64) -> Vec<Report> {
        let Some(held) = self.held else { return Vec::new() };
        let demand = std::mem::take(&mut self.arrived);
        let wanted = (2 * demand).min(u64::from(limit.burst.get())).saturating_sub(held);
        let small = |number: u64| u32::try_from(number).unwrap();
        vec![report(limit, small(held), small(wanted), small(demand * per_second))]
    }

    pub(super) fn hear(&mut self, lent: &Lent) {
        self.nodes = Some(lent.nodes);
        if let (Some(held), Lease::Leasing(granted)) = (&mut self.held, &lent.lease) {
            *held += granted.first().unwrap_or(&0);
        }
    }
}

/// Ten exchanges a second for a minute, of three nodes to which `load(second)` requests a second come. What each admitted.
fn minute(limit: Limit, load: impl Fn(u64) -> [u64; 3]) -> [u64; 3] {
    let ledger = MemoryLedger::default();
    let mut nodes = ["a", "b", "c"].map(|id| Node::new(id, 1));
    for step in 0..40 {
        // Everyone is known before the load begins.
        for node in &mut nodes {
            let lent = exchange(&ledger, &node.key, &[], START.plus(Micros(step * 100_000)));
            node.hear(&lent);
        }
    }
    let begin = START.plus(Micros::from_seconds(4));
    for step in 0..600 {
        for (at, node) in nodes.iter_mut().enumerate() {
            node.serve(load(step / 10)[at] / 10, limit);
            let now = begin.plus(Micros(step * 100_000 + at as u64 * 30_000));
            let reports = node.reports(limit, 10);
            let lent = exchange(&ledger, &node.key, &reports, now);
            node.hear(&lent);
        }
    }
    nodes.map(|node| node.admitted)
}

#[track_caller]
fn check(limit: Limit, load: impl Fn(u64) -> [u64; 3], least: f64, most: f64) -> [u64; 3] {
    let admitted = minute(limit, load);
    let total = admitted.iter().sum::<u64>() as f64;
    let rate = f64::from(limit.requests_per_minute.get());
    let ceiling = rate * most + f64::from(limit.burst.get());
    assert!(rate * least <= total && total <= ceiling, "{admitted:?}: {total} of {rate}");
    admitted
}

#[test]
fn three_nodes_together_admit_the_rate_however_the_load_shifts() {
    for limit in [limit(6_000, 100), limit(6_000, 6_000), limit(600, 30)] {
        let load = u64::from(limit.requests_per_minute.get()) / 6;
        let shifting = |second| if second < 30 { [80, 15, 5] } else { [5, 15, 80] }.map(|part| part * load / 100);
        let admitted = check(limit, shifting, 0.95, 1.05);
        assert!(admitted[0] > admitted[1] && admitted[2] > admitted[1], "{admitted:?}");
    }
}

#[test]
fn a_lone_busy_node_of_three_has_nearly_the_whole_rate() {
    // A bucket of one token runs over while the news that it was spent is under way.
    for (limit, least) in
        [(limit(6_000, 100), 0.95), (limit(6_000, 6_000), 0.95), (limit(600, 3), 0.95), (limit(60, 1), 0.9)]
    {
        let load = u64::from(limit.requests_per_minute.get()) / 6;
        check(limit, |_| [0, load.max(10), 0], least, 1.0);
    }
}
