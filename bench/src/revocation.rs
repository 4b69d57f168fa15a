//! The kill switch as its victim sees it: from the admin's answer to the last call that was let through, with a thousand agents
//! registered and other traffic all the while. The victim asks again as soon as it is answered; a call counts by when it was sent.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::json;

use crate::{
    Depth,
    gateway::{Form, Gateway, LimitRow},
    http::Connection,
    load,
    stage::Stage,
    throughput::{plan, reads, requests},
    tokens::{ISSUER, SCOPE},
};

/// Agents registered besides.
const AGENTS: usize = 1_000;
/// Callers below this number are others' in this bench.
const FIRST_VICTIM: usize = 1_000_000;
/// How long after the answer the victim goes on asking.
const WATCHED: Duration = Duration::from_millis(300);

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Revocations whose answer did not wait.
    pub(crate) trials: u64,
    /// From the answer to the last call let through, milliseconds: 0 where there was none.
    pub(crate) p50_ms: f64,
    /// Its 99th percentile.
    pub(crate) p99_ms: f64,
    /// The longest.
    pub(crate) max_ms: f64,
    /// Revocations with `wait=applied`.
    pub(crate) waited_trials: u64,
    /// Of those, how many let a call through that was sent after the answer.
    pub(crate) waited_late: u64,
    /// How long `wait=applied` took to answer, median, milliseconds.
    pub(crate) waited_p50_ms: f64,
}

/// What one revocation came to.
struct Trial {
    /// From the answer to the last call that was let through.
    late: Duration,
    /// From the request to the answer.
    answered: Duration,
}

/// Measures both kinds of answer.
pub(crate) fn measure(form: Form, stage: &Stage, depth: Depth) -> Result<Figures> {
    let trials = match depth {
        Depth::Quick => 10,
        Depth::Full => 200,
    };
    let gateway = Gateway::start_as(form, stage, "tollgate-revocation", LimitRow::Unlimited)?;
    eprintln!("revocation, filter {form:?}: registering {AGENTS} agents");
    gateway.populate(0, AGENTS)?;
    let over = AtomicBool::new(false);
    let busy = requests(&gateway.target(), &[stage.issuer.token(0, SCOPE)?]);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| -> Result<()> {
            while !over.load(Ordering::Relaxed) {
                let calls = load::Plan { connections: 4, ..plan(gateway.listener, &busy, Duration::from_secs(1)) };
                load::run(&calls, || Ok(()))?.expect_only(200)?;
            }
            Ok(())
        });
        let figures = all(stage, &gateway, trials);
        over.store(true, Ordering::Relaxed);
        traffic.join().map_err(|_| anyhow::anyhow!("the traffic panicked"))??;
        figures
    })
}

fn all(stage: &Stage, gateway: &Gateway, trials: usize) -> Result<Figures> {
    let (mut late, mut waited): (Histogram<u64>, Histogram<u64>) = (Histogram::new(3)?, Histogram::new(3)?);
    let mut waited_late = 0;
    for number in 0..trials {
        let trial = one(stage, gateway, FIRST_VICTIM + 2 * number, "/admin/revocations")?;
        late.record(u64::try_from(trial.late.as_micros())?)?;
        let trial = one(stage, gateway, FIRST_VICTIM + 2 * number + 1, "/admin/revocations?wait=applied")?;
        waited.record(u64::try_from(trial.answered.as_micros())?)?;
        waited_late += u64::from(!trial.late.is_zero());
    }
    let millis = |micros: u64| micros as f64 / 1_000.0;
    Ok(Figures {
        trials: late.len(),
        p50_ms: millis(late.value_at_quantile(0.5)),
        p99_ms: millis(late.value_at_quantile(0.99)),
        max_ms: millis(late.max()),
        waited_trials: waited.len(),
        waited_late,
        waited_p50_ms: millis(waited.value_at_quantile(0.5)),
    })
}

fn one(stage: &Stage, gateway: &Gateway, victim: usize, path: &str) -> Result<Trial> {
    let ask = reads(&gateway.target(), &[stage.issuer.token(victim, SCOPE)?]).remove(0);
    let mut client = Connection::open(gateway.listener)?;
    let before = client.call(&ask)?.status;
    ensure!(before == 200, "the victim got {before} before it was revoked");
    let over = AtomicBool::new(false);
    let mut writer = gateway.writer()?;
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| -> Result<Option<Instant>> {
            let mut last = None;
            while !over.load(Ordering::Relaxed) {
                let sent = Instant::now();
                match client.call(&ask).map(|reply| reply.status) {
                    Ok(200) => last = Some(sent),
                    Ok(status) => ensure!(status == 401, "the victim got {status}"),
                    // What a revoked caller has under way is ended, and over HTTP/1.1 its connection with it. So it had no answer.
                    Err(_) => client = Connection::open(gateway.listener)?,
                }
            }
            Ok(last)
        });
        let begin = Instant::now();
        let body = json!({"issuer": ISSUER, "client": format!("caller-{victim}"), "until": "2999-01-01T00:00:00Z"});
        let written = writer.send("POST", path, &body);
        let answered = Instant::now();
        crate::process::pause(WATCHED);
        over.store(true, Ordering::Relaxed);
        let last = asking.join().map_err(|_| anyhow::anyhow!("the victim panicked"))??;
        written?;
        let late = last.map_or(Duration::ZERO, |last| last.saturating_duration_since(answered));
        Ok(Trial { late, answered: answered.duration_since(begin) })
    })
}
