//! Against a real Redis, on a socket of the test's own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tempfile::TempDir;

use super::{Clock, RedisLedger};
use crate::{
    domain::SecretText,
    quota::{
        Lease, Ledger, LedgerError, MemoryLedger, Micros, NodeKey, Report,
        simulation::{START, bucket, limit, report},
    },
};

/// A Redis that ends with the test.
struct Server {
    process: Child,
    dir: TempDir,
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { process: spawn(dir.path()), dir }
    }

    fn ledger(&self, clock: Clock) -> RedisLedger {
        RedisLedger { clock, ..ledger(self.dir.path()) }
    }

    /// Once it answers.
    async fn ready(&self) {
        let client = self.ledger(Clock::Redis).client;
        for _ in 0..200 {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(dir: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(dir.join("redis.sock"))
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is on the PATH: `apt-get install redis-server`, or `brew install redis`")
}

fn ledger(dir: &Path) -> RedisLedger {
    let url = format!("unix://{}", dir.join("redis.sock").display());
    RedisLedger::new(&SecretText::new(url)).unwrap()
}

/// An exchange, so long after the one before.
#[derive(Debug, Clone)]
struct Step {
    pause: u64,
    node: NodeKey,
    reports: Vec<Report>,
}

fn step() -> impl Strategy<Value = Step> {
    let pause = prop_oneof![80 => 0u64..300_000, 2 => 0u64..4_000_000, 1 => 0u64..60_000_000];
    let node = (0u32..4, prop_oneof![80 => Just(u64::MAX), 1 => 0u64..3]);
    let reports = prop::collection::vec(a_report(), 0..4);
    (pause, node, reports).prop_map(|(pause, (id, instance), reports)| {
        let node = NodeKey { id: format!("n{id}"), instance };
        Step { pause, node, reports }
    })
}

/// Mostly what real nodes say: each bucket has its limit, and few tokens are held. Now and then anything.
fn a_report() -> impl Strategy<Value = Report> {
    const LIMITS: [(u32, u32); 6] = [(6_000, 500), (600, 20), (u32::MAX, u32::MAX), (60, 10), (1, u32::MAX), (7, 3)];
    let another = prop_oneof![30 => Just(None), 1 => (0..LIMITS.len()).prop_map(Some)];
    let limits = (0usize..4, another, prop_oneof![20 => Just(false), 1 => Just(true)]);
    let numbers = prop_oneof![60 => 0u32..6, 6 => 0u32..1_000, 1 => any::<u32>()];
    (limits, numbers.clone(), numbers.clone(), numbers).prop_map(
        |((client, another, unlimited), held, wanted, demand)| {
            let (rate, burst) = LIMITS[another.unwrap_or(client)];
            let said = report(limit(rate, burst), held, wanted, demand);
            Report { key: bucket(&client.to_string()), limit: said.limit.filter(|_| !unlimited), ..said }
        },
    )
}

#[tokio::test]
async fn both_ledgers_give_the_same_answers() {
    let server = Server::start();
    server.ready().await;
    let mut runner = TestRunner::new(Config::default());
    let (mut lent, mut now) = (0, START);
    for _ in 0..12 {
        let (memory, redis) = (MemoryLedger::default(), server.ledger(Clock::Caller));
        // Longer than anything is remembered: both begin anew.
        now = now.plus(Micros::from_seconds(2_000_000));
        let steps = prop::collection::vec(step(), 250).new_tree(&mut runner).unwrap().current();
        for (at, Step { pause, node, reports }) in steps.iter().enumerate() {
            now = now.plus(Micros(*pause));
            let expected = memory.exchange(node, reports, now).await.unwrap();
            let answer = redis.exchange(node, reports, now).await.unwrap();
            assert_eq!(answer, expected, "step {at} of {:#?}", &steps[..=at]);
            lent += u32::from(matches!(answer.lease, Lease::Leasing(granted) if granted.iter().any(|it| *it > 0)));
        }
    }
    assert!(lent > 100, "only {lent} exchanges were lent anything");
}

#[tokio::test]
async fn more_buckets_than_one_run_takes_are_lent_in_order() {
    let server = Server::start();
    server.ready().await;
    let ledger = server.ledger(Clock::Redis);
    let unlimited = Report { limit: None, ..report(limit(1, 1), 0, 0, 0) };
    let mut reports: Vec<Report> =
        (0..600).map(|at| Report { key: bucket(&at.to_string()), ..unlimited.clone() }).collect();
    for report in reports.iter_mut().skip(1) {
        report.limit = Some(limit(600, 10));
    }
    let node = NodeKey { id: "n".to_owned(), instance: 1 };
    let lent = ledger.exchange(&node, &reports, START).await.unwrap();
    assert_eq!((lent.nodes, lent.lease), (1, Lease::FairShare), "Redis' own time holds");
    tokio::time::sleep(Duration::from_millis(3_050)).await;
    // It was silent for too long: it begins anew.
    assert_eq!(ledger.exchange(&node, &reports, START).await.unwrap().lease, Lease::FairShare);
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        ledger.exchange(&node, &[], START).await.unwrap();
    }
    let lent = ledger.exchange(&node, &reports, START).await.unwrap();
    assert_eq!(lent.lease, Lease::Leasing(vec![0; 600]));
}

#[tokio::test]
async fn a_redis_that_is_away_is_said_to_be_and_found_again() {
    let mut server = Server::start();
    server.ready().await;
    let ledger = server.ledger(Clock::Redis);
    let node = NodeKey { id: "n".to_owned(), instance: 1 };
    ledger.exchange(&node, &[], START).await.unwrap();
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let error = ledger.exchange(&node, &[], START).await.unwrap_err();
    assert!(matches!(error, LedgerError::Away(_) | LedgerError::Slow), "{error}");
    server.process = spawn(server.dir.path());
    for _ in 0..100 {
        if ledger.exchange(&node, &[], START).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not found again");
}

#[test]
fn an_address_of_something_else_is_refused_and_not_repeated() {
    let error = RedisLedger::new(&SecretText::new("http://user:planted@host".to_owned())).err().unwrap();
    assert!(!error.to_string().contains("planted"));
}
