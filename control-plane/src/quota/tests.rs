//! What single exchanges are answered, on a ledger in memory.

use super::{
    Lease, Limit, MemoryLedger, Micros, NodeKey, Report,
    simulation::{START, bucket, exchange, limit, report},
};

const SECOND: u64 = 1_000_000;

/// A ledger, and the time.
struct Table {
    ledger: MemoryLedger,
    now: Micros,
}

impl Table {
    /// A ledger that knows these nodes and lends.
    fn of(nodes: &[&str]) -> Self {
        let mut table = Self { ledger: MemoryLedger::default(), now: START };
        for _ in 0..4 {
            table.alive(nodes);
            table.now = table.now.plus(Micros(SECOND));
        }
        table.alive(nodes);
        table
    }

    fn alive(&self, nodes: &[&str]) {
        for id in nodes {
            exchange(&self.ledger, &node(id), &[], self.now);
        }
    }

    /// Time passes; everyone goes on exchanging.
    fn pass(&mut self, nodes: &[&str], seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(Micros(SECOND));
            self.alive(nodes);
        }
    }

    #[track_caller]
    fn check(&self, id: &str, report: Report, granted: u64) {
        let lent = exchange(&self.ledger, &node(id), &[report], self.now);
        assert_eq!(lent.lease, Lease::Leasing(vec![granted]), "{id} of {}", lent.nodes);
    }
}

fn node(id: &str) -> NodeKey {
    NodeKey { id: id.to_owned(), instance: 1 }
}

/// A token a second.
fn slow(burst: u32) -> Limit {
    limit(60, burst)
}

#[test]
fn a_ledger_that_knows_nobody_lends_nothing_for_three_seconds() {
    let ledger = MemoryLedger::default();
    for (after, lease) in [
        (0, Lease::FairShare),
        (2_900_000, Lease::FairShare),
        (3_000_000, Lease::Leasing(vec![0])),
        (9_000_000, Lease::FairShare),
    ] {
        let lent = exchange(&ledger, &node("a"), &[report(slow(10), 0, 5, 5)], START.plus(Micros(after)));
        assert_eq!((lent.nodes, lent.lease), (1, lease), "after {after} µs");
    }
}

#[test]
fn what_nodes_still_fill_themselves_the_ledger_does_not_fill_as_well() {
    let mut table = Table { ledger: MemoryLedger::default(), now: START };
    let ten_a_second = limit(600, 20);
    let hungry = || report(ten_a_second, 0, 20, 5);
    for _ in 0..30 {
        table.alive(&["a", "b"]);
        table.now = table.now.plus(Micros(SECOND / 10));
    }
    // The ledger lends from here on, and nodes hear of it.
    for (after, granted) in [(0, 0), (SECOND / 2, 0), (SECOND / 2 + SECOND / 5, 2)] {
        let lent = exchange(&table.ledger, &node("a"), &[hungry()], table.now.plus(Micros(after)));
        assert_eq!(lent.lease, Lease::Leasing(vec![granted]), "after {after} µs");
    }
}

#[test]
fn a_node_alone_is_lent_nothing_because_it_fills_its_bucket_itself() {
    let mut table = Table::of(&["a"]);
    table.check("a", report(slow(10), 0, 5, 5), 0);
    table.pass(&["a"], 9);
    table.check("a", report(slow(10), 0, 5, 5), 0);
    // Nor has the pool grown in that time when another comes.
    table.alive(&["a", "b"]);
    table.check("a", report(slow(10), 0, 5, 5), 0);
}

#[test]
fn what_fills_the_pool_is_lent_to_who_asks() {
    let mut table = Table::of(&["a", "b"]);
    table.check("a", report(slow(10), 0, 10, 5), 0);
    table.pass(&["a", "b"], 3);
    table.check("a", report(slow(10), 0, 10, 5), 3);
    table.check("a", report(slow(10), 3, 10, 5), 0);
}

#[test]
fn the_pool_holds_no_more_than_nodes_do_not() {
    let mut table = Table::of(&["a", "b"]);
    table.check("a", report(slow(10), 0, 0, 0), 0);
    table.pass(&["a", "b"], 9);
    // b has not spoken of it: it holds 5.
    table.check("a", report(slow(10), 0, 10, 5), 5);
}

#[test]
fn a_short_pool_is_divided_by_demand_and_everyone_gets_something() {
    let mut table = Table::of(&["a", "b"]);
    table.check("a", report(slow(100), 0, 0, 90), 0);
    table.check("b", report(slow(100), 0, 0, 10), 0);
    table.pass(&["a", "b"], 9);
    table.check("a", report(slow(100), 0, 0, 90), 0);
    table.check("b", report(slow(100), 0, 20, 10), 1);
    table.check("a", report(slow(100), 0, 20, 90), 7);
    table.check("a", report(slow(100), 7, 20, 0), 1);
    table.check("a", report(slow(100), 8, 20, 90), 0);
}

#[test]
fn a_node_that_joins_is_paid_for_before_anything_is_lent() {
    let mut table = Table::of(&["a", "b"]);
    table.check("a", report(slow(10), 5, 0, 0), 0);
    table.check("b", report(slow(10), 5, 0, 0), 0);
    table.alive(&["a", "b", "c"]);
    table.check("c", report(slow(10), 3, 0, 0), 0);
    table.pass(&["a", "b", "c"], 2);
    // a has spent 3: they do not come back, and c's 3 are still out.
    table.check("a", report(slow(10), 2, 5, 5), 0);
    table.pass(&["a", "b", "c"], 2);
    table.check("a", report(slow(10), 0, 5, 5), 1);
}

#[test]
fn what_a_dead_node_held_is_lost() {
    let mut table = Table::of(&["a", "b", "c"]);
    table.check("c", report(slow(9), 3, 0, 0), 0);
    table.check("a", report(slow(9), 0, 0, 0), 0);
    table.pass(&["a", "b"], 4);
    // 9 less the 4 that b is now taken to hold; four seconds filled 4 of the 5, and c's 3 are in none of it.
    table.check("a", report(slow(9), 0, 9, 5), 4);
}

#[test]
fn a_bucket_that_nobody_uses_is_as_good_as_new_once_it_could_be_full() {
    let mut table = Table::of(&["a", "b"]);
    table.check("a", report(slow(20), 0, 0, 5), 0);
    table.pass(&["a", "b"], 9);
    table.check("a", report(slow(20), 0, 1, 5), 1);
    table.pass(&["a", "b"], 30);
    table.check("a", report(slow(20), 0, 20, 5), 0);
}

#[test]
fn what_has_no_limit_is_lent_nothing() {
    let table = Table::of(&["a", "b"]);
    let unlimited = Report { limit: None, key: bucket("x"), ..report(slow(1), 0, 9, 9) };
    table.check("a", unlimited, 0);
}
