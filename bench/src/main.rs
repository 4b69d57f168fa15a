//! `tollgate-bench`: what Tollgate costs beside bare Envoy and beside Envoy's own filters, how fast a write is enforced, and what a
//! flood of bad tokens does. Run by `cargo xtask bench`, which builds everything first. docs/benchmarks.md says how to read it.

mod apply;
mod backend;
mod bodies;
mod callers;
mod chains;
mod envoy;
mod flood;
mod gateway;
mod health;
mod http;
mod instructions;
mod limits;
mod load;
mod process;
mod propagation;
mod report;
mod revocation;
mod search;
mod stage;
mod streams;
mod throughput;
mod tokens;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use crate::{gateway::Form, report::Report, stage::Stage, throughput::Rounds};

/// Measures Tollgate, bare Envoy and Envoy's own filters in one run.
#[derive(Parser)]
struct Arguments {
    /// What to measure. All of it when nothing is named.
    #[arg(value_enum)]
    what: Vec<Measurement>,
    /// The Envoy binary, 1.40 or newer.
    #[arg(long)]
    envoy: PathBuf,
    /// The control plane, a release build.
    #[arg(long)]
    tollgate: PathBuf,
    /// The filter in wasm.
    #[arg(long)]
    filter: PathBuf,
    /// The filter in native code.
    #[arg(long)]
    module: PathBuf,
    /// The directory of the search model. Without it `search` measures words alone.
    #[arg(long)]
    search_model: Option<PathBuf>,
    /// Measures `limits`, `revocation`, `callers` and `propagation` with the filter in this form alone.
    #[arg(long, value_enum)]
    form: Option<Form>,
    /// Interleaved rounds: 40 of `throughput`, 7 of others.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds each target is measured in a round: 0.5 of `throughput`, 4 of others.
    #[arg(long)]
    seconds: Option<f64>,
    /// A look, not a measurement: two short rounds, few trials, at most 1,000 agents.
    #[arg(long)]
    quick: bool,
    /// Another gateway in front of the backend, as name=http://host:port/path. It must accept target/bench/jwks.json.
    #[arg(long = "peer", value_parser = stage::Peer::parse)]
    peers: Vec<stage::Peer>,
    /// Port of the static backend, for a peer to point at. Any free one by default.
    #[arg(long, default_value_t = 0)]
    backend_port: u16,
    /// Where to write the results. Sections that are not measured are kept.
    #[arg(long, default_value = "bench/results.json")]
    output: PathBuf,
    /// Where keys, logs and configurations go.
    #[arg(long, default_value = "target/bench")]
    work: PathBuf,
}

/// The measurements.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Requests a second, latency and processor time, beside bare Envoy and its own filters.
    Throughput,
    /// What a body costs: unread, read for the decision, translated.
    Bodies,
    /// From an admin write to its enforcement, at 10, 1,000 and 10,000 agents.
    Propagation,
    /// A file of 1,000 agents, until every one of them answers; and the same file again.
    Apply,
    /// Good traffic beside a flood of invalid tokens.
    Flood,
    /// Ten times what a limit allows, for two minutes: what is let through.
    Limits,
    /// Envoy's memory as a hundred thousand callers pass, and as many again.
    Callers,
    /// From a revocation's answer to the last call of its victim.
    Revocation,
    /// What looking after a thousand agents costs an idle Envoy.
    Health,
    /// Envoy's memory for open streams, a thousand at once.
    Streams,
    /// Searching among 10,000 agents: latency, rate and memory.
    Search,
    /// Instructions of a request, and of its limit. Needs valgrind; left out where nothing is named and it is not there.
    Instructions,
}

/// How thorough a run is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Quick,
    Full,
}

impl Arguments {
    fn depth(&self) -> Depth {
        if self.quick { Depth::Quick } else { Depth::Full }
    }

    fn forms(&self) -> Vec<Form> {
        self.form.map_or_else(|| vec![Form::Wasm, Form::Native], |form| vec![form])
    }

    fn rounds(&self, usual: Rounds) -> Rounds {
        match self.depth() {
            Depth::Quick => Rounds { count: 2, length: Duration::from_secs(1) },
            Depth::Full => Rounds {
                count: self.rounds.unwrap_or(usual.count).max(1),
                length: self.seconds.map_or(usual.length, Duration::from_secs_f64),
            },
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cores = std::thread::available_parallelism().context("counting cores")?.get();
    ensure!(cores >= 2, "two cores are needed: one for Envoy, one for everything else");
    process::pin_self(envoy::REST_CORE)?;
    let wanted = |what| arguments.what.is_empty() || arguments.what.contains(&what);
    let stage = Stage::set(&arguments)?;
    let mut report = Report::open(&arguments.output, &arguments)?;
    if wanted(Measurement::Throughput) {
        report.throughput(&stage.throughput(arguments.rounds(Rounds::SHORT))?)?;
    }
    if wanted(Measurement::Bodies) {
        report.bodies(&bodies::measure(&stage, arguments.rounds(Rounds::LONG))?)?;
    }
    if wanted(Measurement::Flood) {
        report.flood(&stage.flood(arguments.rounds(Rounds::LONG))?)?;
    }
    for form in arguments.forms() {
        if wanted(Measurement::Limits) {
            report.limits(form, &limits::measure(form, &stage, arguments.depth())?)?;
        }
        if wanted(Measurement::Revocation) {
            report.revocation(form, &revocation::measure(form, &stage, arguments.depth())?)?;
        }
        if wanted(Measurement::Callers) {
            report.callers(form, &callers::measure(form, &stage, arguments.depth())?)?;
        }
    }
    if wanted(Measurement::Streams) {
        report.streams(&streams::measure(&stage, arguments.depth())?)?;
    }
    if wanted(Measurement::Health) {
        report.health(&health::measure(&stage, arguments.depth())?)?;
    }
    if wanted(Measurement::Apply) {
        report.apply(&apply::measure(&stage, arguments.depth())?)?;
    }
    if wanted(Measurement::Propagation) {
        for form in arguments.forms() {
            report.propagation(form, &propagation::measure(form, &stage, arguments.depth())?)?;
        }
    }
    if wanted(Measurement::Search) {
        report.search(&search::measure(&stage, arguments.depth(), arguments.search_model.as_deref())?)?;
    }
    if wanted(Measurement::Instructions) && (!arguments.what.is_empty() || instructions::can_be_counted()) {
        report.instructions(&instructions::measure(stage, arguments.depth())?)?;
    }
    println!("written to {}", arguments.output.display());
    Ok(())
}
