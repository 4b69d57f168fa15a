//! From an admin write to its enforcement, as a client sees it through Envoy. The clock starts before the write is sent and stops when
//! the first answer that obeys it has been read; the client asks again as soon as it is answered. A bystander calls another agent
//! all the while, and its longest wait is part of the result.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    Depth,
    gateway::{Form, Gateway, LimitRow, MEASURED_AGENT, Writer},
    http::{self, Connection},
    stage::Stage,
    throughput::reads,
    tokens::{PROBE_SCOPE, SCOPE},
};

/// Quiet between two trials, so that each finds the control plane idle.
const QUIET: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(30);
/// The agent that is registered and removed again.
const NEWCOMER: &str = "newcomer";

/// The figures at one number of agents.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Median over all writes, milliseconds.
    pub(crate) p50_ms: f64,
    /// 99th percentile over all writes, milliseconds.
    pub(crate) p99_ms: f64,
    /// The slowest write, milliseconds.
    pub(crate) max_ms: f64,
    /// Median by kind of write, milliseconds.
    pub(crate) p50_ms_by_write: BTreeMap<&'static str, f64>,
    /// How many writes were timed.
    pub(crate) trials: u64,
    /// Longest wait of a bystander's request, milliseconds.
    pub(crate) bystander_max_ms: f64,
    /// 99th percentile of the bystander's requests, milliseconds.
    pub(crate) bystander_p99_ms: f64,
    /// Envoy's resident memory after the trials, MiB.
    pub(crate) envoy_mib: f64,
    /// Seconds that registering the agents up to this number took.
    pub(crate) registering_s: f64,
}

/// By number of agents.
pub(crate) type Table = BTreeMap<usize, Figures>;

/// Measures at each number of agents, on one gateway that grows.
pub(crate) fn measure(form: Form, stage: &Stage, depth: Depth) -> Result<Table> {
    let (sizes, cycles): (&[usize], usize) = match depth {
        Depth::Quick => (&[10, 1_000], 5),
        Depth::Full => (&[10, 1_000, 10_000], 25),
    };
    let gateway = Gateway::start_as(form, stage, "tollgate-propagation", LimitRow::Unlimited)?;
    let (mut table, mut registered) = (Table::new(), 0);
    for &size in sizes {
        eprintln!("propagation, filter {form:?}: registering up to {size} agents");
        let begin = Instant::now();
        gateway.populate(registered, size)?;
        registered = size;
        let registering = begin.elapsed();
        let figures = at_size(stage, &gateway, cycles, registering)?;
        eprintln!("  {size} agents: p50 {:.1} ms, p99 {:.1} ms", figures.p50_ms, figures.p99_ms);
        table.insert(size, figures);
    }
    Ok(table)
}

fn at_size(stage: &Stage, gateway: &Gateway, cycles: usize, registering: Duration) -> Result<Figures> {
    let over = AtomicBool::new(false);
    let ask = reads(&gateway.target(), &[stage.issuer.token(1, SCOPE)?]).remove(0);
    let (trials, bystander) = std::thread::scope(|scope| -> Result<_> {
        let bystander = scope.spawn(|| bystand(gateway, &ask, &over));
        let trials = trials(stage, gateway, cycles);
        over.store(true, Ordering::Relaxed);
        let bystander = bystander.join().map_err(|_| anyhow::anyhow!("the bystander panicked"))??;
        Ok((trials?, bystander))
    })?;
    let mut all: Histogram<u64> = Histogram::new(3)?;
    for histogram in trials.values() {
        all.add(histogram)?;
    }
    let by_write = trials.iter().map(|(kind, histogram)| (*kind, millis(histogram.value_at_quantile(0.5))));
    Ok(Figures {
        p50_ms: millis(all.value_at_quantile(0.5)),
        p99_ms: millis(all.value_at_quantile(0.99)),
        max_ms: millis(all.max()),
        p50_ms_by_write: by_write.collect(),
        trials: all.len(),
        bystander_max_ms: millis(bystander.max()),
        bystander_p99_ms: millis(bystander.value_at_quantile(0.99)),
        envoy_mib: gateway.envoy.resident_mib()?,
        registering_s: registering.as_secs_f64(),
    })
}

/// Microseconds by kind of write.
fn trials(stage: &Stage, gateway: &Gateway, cycles: usize) -> Result<BTreeMap<&'static str, Histogram<u64>>> {
    let token = stage.issuer.token(2, PROBE_SCOPE)?;
    let path = |agent: &str| crate::throughput::Target { path: format!("/agents/{agent}"), ..gateway.target() };
    let measured = reads(&path(MEASURED_AGENT), std::slice::from_ref(&token)).remove(0);
    let newcomer = reads(&path(NEWCOMER), std::slice::from_ref(&token)).remove(0);
    let mut writer = gateway.writer()?;
    writer.grant(PROBE_SCOPE, &[NEWCOMER])?;
    writer.settle()?;
    let mut watch = Watch { client: Connection::open(gateway.listener)?, gateway };
    let mut results: BTreeMap<&'static str, Histogram<u64>> = BTreeMap::new();
    for _ in 0..cycles {
        let mut timed =
            |kind, ask: &[u8], status, write: &(dyn Fn(&mut Writer<'_>) -> Result<()> + Sync)| -> Result<()> {
                let micros = u64::try_from(watch.time(ask, status, write)?.as_micros())?;
                results.entry(kind).or_insert(Histogram::new(3)?).record(micros)?;
                Ok(())
            };
        timed("grant", &measured, 200, &|writer| writer.grant(PROBE_SCOPE, &[MEASURED_AGENT, NEWCOMER]))?;
        timed("revoke", &measured, 403, &|writer| writer.grant(PROBE_SCOPE, &[NEWCOMER]))?;
        timed("register", &newcomer, 200, &|writer| writer.register(NEWCOMER))?;
        timed("remove", &newcomer, 404, &|writer| writer.remove(NEWCOMER))?;
    }
    Ok(results)
}

/// A client that waits for a write to show.
struct Watch<'a> {
    client: Connection,
    gateway: &'a Gateway,
}

impl Watch<'_> {
    /// Time from before the write is sent until the client has read the first answer with `status`, which must then stay.
    fn time(
        &mut self,
        ask: &[u8],
        status: u16,
        write: &(dyn Fn(&mut Writer<'_>) -> Result<()> + Sync),
    ) -> Result<Duration> {
        let mut writer = self.gateway.writer()?;
        ensure!(self.client.call(ask)?.status != status, "already answered with {status} before the write");
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let writing = scope.spawn(move || write(&mut writer));
            let seen = self.until(ask, status, begin);
            writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
            let seen = seen?;
            self.stays(ask, status)?;
            Ok(seen)
        })
    }

    fn until(&mut self, ask: &[u8], status: u16, begin: Instant) -> Result<Duration> {
        loop {
            if self.client.call(ask)?.status == status {
                return Ok(begin.elapsed());
            }
            ensure!(begin.elapsed() < PATIENCE, "no {status} within {PATIENCE:?} of the write");
        }
    }

    fn stays(&mut self, ask: &[u8], status: u16) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < QUIET {
            let seen = self.client.call(ask)?.status;
            ensure!(seen == status, "{status} was followed by {seen}");
        }
        Ok(())
    }
}

/// Calls the measured agent until told to stop; an error when any call is not answered with 200. Microseconds.
fn bystand(gateway: &Gateway, ask: &[u8], over: &AtomicBool) -> Result<Histogram<u64>> {
    let mut client = http::Connection::open(gateway.listener)?;
    let mut waits = Histogram::new(3)?;
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let status = client.call(ask)?.status;
        ensure!(status == 200, "a bystander was answered with {status}");
        waits.record(u64::try_from(begin.elapsed().as_micros())?)?;
    }
    Ok(waits)
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
