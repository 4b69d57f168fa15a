//! What a request costs in instructions, counted by valgrind's callgrind: the same on a machine that is busy with something else, where
//! microseconds are not. What the module does is counted with the rest, as V8's code is Envoy's. Only user code counts.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{
    Depth,
    envoy::Envoy,
    gateway::{Form, Gateway, LimitRow, MEASURED_AGENT},
    http::Connection,
    process,
    stage::{Stage, Yardstick},
    throughput::{Target, requests},
    tokens::SCOPE,
};

/// Requests before anything is counted: V8 compiles again what runs often.
const WARM_UP: usize = 3_000;
/// More of them once counting has begun, which is when valgrind translates everything anew.
const COUNTED_WARM_UP: usize = 300;
/// Requests between two looks at the counter.
const BLOCK: usize = 250;
/// The scope whose row has a limit.
const LIMITED_SCOPE: &str = "bench.limited";
/// What the filter's ticks and Envoy's timers cost is counted for so long without a request, and taken off.
const IDLE: Duration = Duration::from_secs(5);

/// Instructions of one request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Requests that were counted of each target.
    pub(crate) requests: usize,
    /// Envoy with one route and no filter.
    pub(crate) bare: f64,
    /// Envoy's own filters with the same policy.
    pub(crate) native: f64,
    /// Those filters behind Tollgate's listener and route settings.
    pub(crate) edge: f64,
    /// Tollgate, its filter in wasm.
    pub(crate) wasm: Cost,
    /// Tollgate, its filter in native code.
    pub(crate) module: Cost,
}

/// Instructions of one request to Tollgate.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Cost {
    /// Without a limit.
    pub(crate) unlimited: f64,
    /// With a limit that is never reached.
    pub(crate) limited: f64,
    /// What the limit costs: the difference of the two.
    pub(crate) limit: f64,
}

/// Whether valgrind is there.
pub(crate) fn can_be_counted() -> bool {
    Command::new("callgrind_control").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Counts the yardsticks, and Tollgate with and without a limit. Every Envoy that `stage` starts from now on is counted.
pub(crate) fn measure(stage: Stage, depth: Depth) -> Result<Figures> {
    ensure!(can_be_counted(), "instructions are counted by valgrind: apt-get install valgrind");
    let rounds = match depth {
        Depth::Quick => 2,
        Depth::Full => 20,
    };
    let launcher = launcher(&stage)?;
    let stage = stage.with_envoy(launcher);
    let token = stage.issuer.token(0, SCOPE)?;
    let yardstick = |measured: Yardstick| -> Result<f64> {
        let [instructions] = count(&stage, &measured.target(), &measured.envoy, [&token], rounds)?;
        Ok(instructions)
    };
    let (bare, native, edge) = (yardstick(stage.bare()?)?, yardstick(stage.native()?)?, yardstick(stage.edge()?)?);
    let limited_token = stage.issuer.token(1, LIMITED_SCOPE)?;
    let tollgate = |form| -> Result<Cost> {
        let gateway = Gateway::start_as(form, &stage, "counted", LimitRow::Unlimited)?;
        let mut writer = gateway.writer()?;
        writer.grant_limited(LIMITED_SCOPE, &[MEASURED_AGENT], LimitRow::Ample)?;
        writer.settle()?;
        let tokens = [&token, &limited_token];
        let [unlimited, limited] = count(&stage, &gateway.target(), &gateway.envoy, tokens, rounds)?;
        gateway.envoy.expect_no_traps()?;
        Ok(Cost { unlimited, limited, limit: limited - unlimited })
    };
    let (wasm, module) = (tollgate(Form::Wasm)?, tollgate(Form::Native)?);
    Ok(Figures { requests: rounds * BLOCK, bare, native, edge, wasm, module })
}

/// A program that is Envoy under callgrind, with the same process id.
fn launcher(stage: &Stage) -> Result<PathBuf> {
    let path = stage.work.join("counted-envoy");
    let script = format!(
        "#!/bin/sh\nexec valgrind --tool=callgrind --instr-atstart=no --callgrind-out-file='{}' '{}' \"$@\"\n",
        stage.work.join("callgrind.%p").display(),
        stage.envoy.display()
    );
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// Instructions of one request to `target` with each of the tokens, which take turns: what else Envoy does meanwhile meets all alike.
fn count<const N: usize>(
    stage: &Stage,
    target: &Target<'_>,
    envoy: &Envoy,
    tokens: [&String; N],
    rounds: usize,
) -> Result<[f64; N]> {
    eprintln!("instructions: {} requests to {} with each of {N} tokens", rounds * BLOCK, target.name);
    let requests = tokens.map(|token| requests(target, std::slice::from_ref(token)).remove(0));
    let mut client = Connection::open(target.address)?;
    let mut send = |request: &[u8], count: usize| -> Result<()> {
        for _ in 0..count {
            let status = client.call(request)?.status;
            ensure!(status == 200, "{} answered {status}", target.name);
        }
        Ok(())
    };
    let mut counter = Counter { pid: envoy.pid(), work: &stage.work, dumps: 0 };
    requests.iter().try_for_each(|request| send(request, WARM_UP))?;
    counter.control(&["--instr=on"])?;
    requests.iter().try_for_each(|request| send(request, COUNTED_WARM_UP))?;
    counter.since_last()?;
    let beside = counter.idle()?;
    let mut totals = [0.0; N];
    for _ in 0..rounds {
        for (request, total) in requests.iter().zip(&mut totals) {
            let begin = Instant::now();
            send(request, BLOCK)?;
            let took = begin.elapsed();
            *total += counter.since_last()? - beside * took.as_secs_f64();
        }
    }
    Ok(totals.map(|total| total / (rounds * BLOCK) as f64))
}

/// Callgrind's counter of one process.
struct Counter<'a> {
    pid: u32,
    work: &'a Path,
    dumps: u32,
}

impl Counter<'_> {
    fn control(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("callgrind_control").args(arguments).arg(self.pid.to_string()).output()?;
        ensure!(output.status.success(), "callgrind_control: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Instructions a second without a request.
    fn idle(&mut self) -> Result<f64> {
        let begin = Instant::now();
        process::pause(IDLE);
        let idled = begin.elapsed();
        Ok(self.since_last()? / idled.as_secs_f64())
    }

    /// Instructions since this was asked last.
    fn since_last(&mut self) -> Result<f64> {
        self.control(&["--dump"])?;
        self.dumps += 1;
        let path = self.work.join(format!("callgrind.{}.{}", self.pid, self.dumps));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::remove_file(&path)?;
        total(&text).with_context(|| format!("no total in {}", path.display()))
    }
}

/// The total of a dump (callgrind's format, "totals").
fn total(dump: &str) -> Option<f64> {
    dump.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_dump_ends_with_its_total() {
        assert_eq!(total("events: Ir\nsummary: 9\n\nfn=(1) main\n3 9\n\ntotals: 1200\n"), Some(1_200.0));
        assert_eq!(total("events: Ir\n"), None);
    }
}
