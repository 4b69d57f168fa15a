//! Tables for people and `bench/results.json` for everything else. Sections that a run does not measure are kept from the run before.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Arguments, apply, bodies, callers, flood, gateway::Form, health, instructions, limits, propagation, revocation,
    search, streams, throughput,
};

/// The results file in the making.
pub(crate) struct Report {
    path: PathBuf,
    document: Value,
}

impl Report {
    /// Reads the file of an earlier run, or begins a new one, and notes where this run happens.
    pub(crate) fn open(path: &Path, arguments: &Arguments) -> Result<Self> {
        let earlier = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut report = Self { path: path.to_owned(), document: earlier.unwrap_or_else(|| json!({})) };
        let environment = json!({"envoy": version(&arguments.envoy)?, "processor": processor(), "connections": 16});
        report.put("environment", &environment)?;
        Ok(report)
    }

    /// Prints and keeps throughput.
    pub(crate) fn throughput(&mut self, table: &throughput::Table) -> Result<()> {
        println!(
            "\n{:<12} {:<10} {:>9} {:>9} {:>9} {:>8} {:>6} {:>8} {:>10} {:>8}",
            "tokens", "target", "rps", "p50 us", "p99 us", "cpu us", "busy", "of bare", "of native", "of edge"
        );
        for (set, targets) in table {
            for (name, figures) in targets {
                println!(
                    "{set:<12} {name:<10} {:>9.0} {:>9.0} {:>9.0} {:>8} {:>6} {:>8} {:>10} {:>8}",
                    figures.rps,
                    figures.p50_us,
                    figures.p99_us,
                    shown(figures.cpu_us),
                    shown(figures.busy),
                    shown(figures.ratio_to_bare),
                    shown(figures.ratio_to_native),
                    shown(figures.ratio_to_edge),
                );
            }
        }
        self.put("throughput", table)
    }

    /// Prints and keeps the flood.
    pub(crate) fn flood(&mut self, table: &flood::Table) -> Result<()> {
        println!(
            "\n{:<10} {:<10} {:>9} {:>9} {:>9} {:>10} {:>8}",
            "target", "flood", "good/s", "p50 us", "p99 us", "refused/s", "of calm"
        );
        for (name, kinds) in table {
            for (kind, figures) in kinds {
                println!(
                    "{name:<10} {kind:<10} {:>9.0} {:>9.0} {:>9.0} {:>10.0} {:>8.2}",
                    figures.good_rps,
                    figures.good_p50_us,
                    figures.good_p99_us,
                    figures.refused_rps,
                    figures.ratio_to_calm,
                );
            }
        }
        self.put("flood", table)
    }

    /// Prints and keeps propagation, to a filter in one of its forms.
    pub(crate) fn propagation(&mut self, form: Form, table: &propagation::Table) -> Result<()> {
        let section = form.section("propagation");
        println!(
            "\n{section}\n{:>8} {:>8} {:>8} {:>8} {:>14} {:>10} {:>14}",
            "agents", "p50 ms", "p99 ms", "max ms", "bystander max", "envoy MiB", "registered in"
        );
        for (agents, figures) in table {
            println!(
                "{agents:>8} {:>8.1} {:>8.1} {:>8.1} {:>11.1} ms {:>10.0} {:>12.1} s",
                figures.p50_ms,
                figures.p99_ms,
                figures.max_ms,
                figures.bystander_max_ms,
                figures.envoy_mib,
                figures.registering_s,
            );
        }
        self.put(&section, table)
    }

    /// Prints and keeps what a limit lets through.
    pub(crate) fn limits(&mut self, form: Form, figures: &limits::Figures) -> Result<()> {
        let section = form.section("limits");
        println!(
            "\n{section}: {} of {:.0} let through in {:.0} s, {:.4} of what is allowed; at most {} of {:.0} in ten seconds; {} of {} of a second caller's",
            figures.admitted,
            figures.offered,
            figures.seconds,
            figures.admitted_over_allowed,
            figures.most_in_a_window,
            figures.allowed_in_a_window,
            figures.second_caller_admitted,
            figures.second_caller_offered,
        );
        self.put(&section, figures)
    }

    /// Prints and keeps the kill switch.
    pub(crate) fn revocation(&mut self, form: Form, figures: &revocation::Figures) -> Result<()> {
        let section = form.section("revocation");
        println!(
            "\n{section}: last call {:.1} ms after the answer (median), {:.1} ms (p99), {:.1} ms (longest of {})",
            figures.p50_ms, figures.p99_ms, figures.max_ms, figures.trials
        );
        println!(
            "wait=applied: answered in {:.1} ms (median); {} of {} let a call through after the answer",
            figures.waited_p50_ms, figures.waited_late, figures.waited_trials
        );
        self.put(&section, figures)
    }

    /// Prints and keeps what bodies cost.
    pub(crate) fn bodies(&mut self, figures: &bodies::Figures) -> Result<()> {
        println!(
            "\nbodies: 4 KiB unread {:.1} us, read {:.1} us ({:.2}); translated {:.1} us, {:.1} us with little text, {:.1} us for a KiB",
            figures.full_cpu_us,
            figures.reader_cpu_us,
            figures.reader_over_full,
            figures.translated_large_cpu_us,
            figures.translated_small_cpu_us,
            figures.translation_us_per_kib
        );
        self.put("bodies", figures)
    }

    /// Prints and keeps what a file of agents takes.
    pub(crate) fn apply(&mut self, figures: &apply::Figures) -> Result<()> {
        println!(
            "\napply: {} agents in force after {:.1} s, all called after {:.1} s; again {:.1} s, one changed {:.1} s, pruned {:.1} s",
            figures.agents,
            figures.applied_s,
            figures.verified_s,
            figures.again_s,
            figures.one_changed_s,
            figures.pruned_s
        );
        self.put("apply", figures)
    }

    /// Prints and keeps what callers leave behind.
    pub(crate) fn callers(&mut self, form: Form, figures: &callers::Figures) -> Result<()> {
        let section = form.section("callers");
        println!(
            "\n{section}: Envoy has {:.0} MiB, {:.0} after {} callers, {:.0} after as many others",
            figures.before_mib, figures.first_wave_mib, figures.callers, figures.second_wave_mib
        );
        self.put(&section, figures)
    }

    /// Prints and keeps what open streams take.
    pub(crate) fn streams(&mut self, figures: &streams::Figures) -> Result<()> {
        println!(
            "\nstreams: {} open ones take {:.1} KiB of Envoy each, bare {:.1}, translated {:.1}",
            figures.streams, figures.passed_kib, figures.bare_kib, figures.translated_kib
        );
        self.put("streams", figures)
    }

    /// Prints and keeps what looking after agents costs.
    pub(crate) fn health(&mut self, figures: &health::Figures) -> Result<()> {
        println!(
            "\nhealth: {} agents cost an idle Envoy {:.1} % of a core unchecked, {:.1} % checked every {} s",
            figures.agents,
            figures.idle_unchecked * 100.0,
            figures.idle_checked * 100.0,
            figures.interval_s
        );
        self.put("health", figures)
    }

    /// Prints and keeps what searches take.
    pub(crate) fn search(&mut self, figures: &search::Figures) -> Result<()> {
        println!(
            "\n{:<10} {:>8} {:>8} {:>12} {:>9} {:>9}   ({} agents)",
            "search", "p50 ms", "p99 ms", "searches/s", "MiB", "peak MiB", figures.agents
        );
        for (name, side) in [("lexical", Some(&figures.lexical)), ("semantic", figures.semantic.as_ref())] {
            let Some(side) = side else { continue };
            println!(
                "{name:<10} {:>8.2} {:>8.2} {:>12.0} {:>9.0} {:>9.0}",
                side.p50_ms, side.p99_ms, side.rps, side.resident_mib, side.peak_mib
            );
        }
        self.put("search", figures)
    }

    /// Prints and keeps what was counted.
    pub(crate) fn instructions(&mut self, figures: &instructions::Figures) -> Result<()> {
        println!(
            "\ninstructions of a request: bare {:.0}, native {:.0}, edge {:.0}",
            figures.bare, figures.native, figures.edge
        );
        for (form, cost) in [("wasm", figures.wasm), ("native", figures.module)] {
            println!(
                "  filter in {form}: unlimited {:.0} ({:.3} of native), limited {:.0} ({:.3}); a limit costs {:.0}",
                cost.unlimited,
                figures.native / cost.unlimited,
                cost.limited,
                figures.native / cost.limited,
                cost.limit
            );
        }
        self.put("instructions", figures)
    }

    fn put(&mut self, section: &str, value: &impl Serialize) -> Result<()> {
        self.document[section] = rounded(serde_json::to_value(value)?);
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_string_pretty(&self.document)? + "\n";
        fs::write(&self.path, text).with_context(|| format!("writing {}", self.path.display()))
    }
}

/// Four significant digits are more than any of this is worth.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            let scale = 10f64.powi(3 - float.abs().max(1e-9).log10().floor() as i32);
            json!((float * scale).round() / scale)
        }
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}

fn shown(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn version(envoy: &Path) -> Result<String> {
    let output = Command::new(envoy).arg("--version").output().context("asking Envoy for its version")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split_once("version: ").map_or(text.as_str(), |(_, version)| version).trim().to_owned())
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_owned())
}
