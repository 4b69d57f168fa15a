//! Throughput, latency and processor time of every target, in interleaved rounds so that a slow spell of the machine hits all alike, and
//! over several processes of each: where its memory happens to lie makes one of them some 4 % faster than another for as long as it lives.
//! Figures are medians over the rounds; ratios are medians of the ratios within a round.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    envoy::Envoy,
    http,
    load::{self, Outcome, Pace, Plan},
    tokens::{Issuer, SCOPE},
};

/// Rounds before every target is started anew.
const ROUNDS_OF_A_PROCESS: usize = 5;
/// Connections, each with one request in flight.
const CONNECTIONS: usize = 16;
/// Tokens in the larger set.
const MANY: usize = 1_000;
const WARM_UP: Duration = Duration::from_millis(150);
/// 60 bytes of JSON-RPC.
const BODY: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"a":1}}"#;

/// Something to measure.
pub(crate) struct Target<'a> {
    /// Its name in the results.
    pub(crate) name: String,
    /// Where load goes.
    pub(crate) address: SocketAddr,
    /// `Host`.
    pub(crate) host: String,
    /// Path of the measured agent.
    pub(crate) path: String,
    /// The process whose time is counted; a peer's is not known.
    pub(crate) envoy: Option<&'a Envoy>,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    /// Rounds.
    pub(crate) count: usize,
    /// Measured time of each target in a round.
    pub(crate) length: Duration,
}

impl Rounds {
    /// For ratios of targets: a slow spell of the machine lasts longer than a round, and meets all of them.
    pub(crate) const SHORT: Self = Self { count: 40, length: Duration::from_millis(500) };
    /// For what must last to show.
    pub(crate) const LONG: Self = Self { count: 7, length: Duration::from_secs(4) };

    /// The rounds of one process of each target after the other.
    pub(crate) fn by_process(self) -> impl Iterator<Item = Self> {
        let rest = move |begun| self.count - begun;
        (0..self.count)
            .step_by(ROUNDS_OF_A_PROCESS)
            .map(move |begun| Self { count: rest(begun).min(ROUNDS_OF_A_PROCESS), ..self })
    }
}

/// Medians of one target with one token set.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Answers a second.
    pub(crate) rps: f64,
    /// Median latency, microseconds.
    pub(crate) p50_us: f64,
    /// 99th percentile of latency, microseconds.
    pub(crate) p99_us: f64,
    /// Envoy's processor time for a request, microseconds; absent for a peer.
    pub(crate) cpu_us: Option<f64>,
    /// The part of its core that Envoy used; near 1 means that Envoy, not the load, was the limit.
    pub(crate) busy: Option<f64>,
    /// Throughput relative to bare Envoy.
    pub(crate) ratio_to_bare: Option<f64>,
    /// Throughput relative to Envoy's own chain.
    pub(crate) ratio_to_native: Option<f64>,
    /// Throughput relative to Envoy's own chain behind Tollgate's edge.
    pub(crate) ratio_to_edge: Option<f64>,
}

/// By token set, then by target.
pub(crate) type Table = BTreeMap<&'static str, BTreeMap<String, Figures>>;

#[derive(Clone)]
struct Sample {
    rps: f64,
    p50: f64,
    p99: f64,
    cpu: Option<f64>,
    busy: Option<f64>,
}

/// What was measured so far, and with which tokens.
pub(crate) struct Samples {
    tokens: Vec<String>,
    /// By token set and target.
    taken: BTreeMap<(&'static str, String), Vec<Sample>>,
}

impl Samples {
    /// None yet.
    pub(crate) fn of(issuer: &Issuer) -> Result<Self> {
        let tokens = (0..MANY).map(|caller| issuer.token(caller, SCOPE)).collect::<Result<_>>()?;
        Ok(Self { tokens, taken: BTreeMap::new() })
    }

    /// Measures every target with one token and with many. A first round is not counted: caches fill, and V8 compiles again what runs often.
    pub(crate) fn take(&mut self, targets: &[Target<'_>], rounds: Rounds) -> Result<()> {
        for round in 0..=rounds.count {
            for (set, count) in [("one_token", 1), ("many_tokens", MANY)] {
                for turn in 0..targets.len() {
                    // Each round starts with another target: none is always the first after a pause.
                    let target = &targets[(turn + round) % targets.len()];
                    let sample = sample(target, &requests(target, &self.tokens[..count]), rounds.length)
                        .with_context(|| format!("{} with {set}", target.name))?;
                    if round > 0 {
                        eprintln!("  round {round} {set:<11} {:<10} {:>8.0} /s", target.name, sample.rps);
                        self.taken.entry((set, target.name.clone())).or_default().push(sample);
                    }
                }
            }
        }
        Ok(())
    }

    /// Medians.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        for ((set, name), own) in &self.taken {
            let over = |yardstick: &str| {
                let other = self.taken.get(&(*set, yardstick.to_owned()))?;
                median(own.iter().zip(other).map(|(own, other)| own.rps / other.rps))
            };
            let figures = Figures {
                rps: median(own.iter().map(|sample| sample.rps)).unwrap_or_default(),
                p50_us: median(own.iter().map(|sample| sample.p50)).unwrap_or_default(),
                p99_us: median(own.iter().map(|sample| sample.p99)).unwrap_or_default(),
                cpu_us: median(own.iter().filter_map(|sample| sample.cpu)),
                busy: median(own.iter().filter_map(|sample| sample.busy)),
                ratio_to_bare: over("bare"),
                ratio_to_native: over("native"),
                ratio_to_edge: over("edge"),
            };
            table.entry(set).or_default().insert(name.clone(), figures);
        }
        table
    }
}

/// The measured request with each token in turn.
pub(crate) fn requests(target: &Target<'_>, tokens: &[String]) -> Vec<Vec<u8>> {
    let render = |token: &String| {
        let bearer = format!("Bearer {token}");
        // What clients of protocol 1.0 send (A2A v1.0 section 3.6.1); none would mean 0.3, which the agent does not speak.
        let headers =
            [("content-type", "application/json"), ("a2a-version", "1.0"), ("authorization", bearer.as_str())];
        http::request("POST", &target.path, &target.host, &headers, BODY)
    };
    tokens.iter().map(render).collect()
}

/// A read without a body for each token in turn: refused, it does not cost its connection, as Envoy has nothing left to read.
pub(crate) fn reads(target: &Target<'_>, tokens: &[String]) -> Vec<Vec<u8>> {
    let path = format!("{}/tasks/t-1", target.path);
    let render = |token: &String| {
        let bearer = format!("Bearer {token}");
        http::request("GET", &path, &target.host, &[("authorization", bearer.as_str())], b"")
    };
    tokens.iter().map(render).collect()
}

/// A closed-loop plan over the usual connections.
pub(crate) fn plan(target: SocketAddr, requests: &[Vec<u8>], measured: Duration) -> Plan<'_> {
    Plan { target, connections: CONNECTIONS, requests, warm_up: WARM_UP, measured, pace: Pace::Closed }
}

/// Envoy's processor time for a request, microseconds.
pub(crate) fn cpu(target: &Target<'_>, requests: &[Vec<u8>], length: Duration) -> Result<f64> {
    sample(target, requests, length)?.cpu.context("a target without a process")
}

fn sample(target: &Target<'_>, requests: &[Vec<u8>], length: Duration) -> Result<Sample> {
    let cpu = || target.envoy.map(Envoy::cpu).transpose();
    let mut before = None;
    let outcome = load::run(&plan(target.address, requests, length), || {
        before = cpu()?;
        Ok(())
    })?;
    let spent = cpu()?.zip(before).map(|(after, before)| after.saturating_sub(before).as_secs_f64());
    outcome.expect_only(200)?;
    Ok(Sample::new(&outcome, spent))
}

impl Sample {
    fn new(outcome: &Outcome, spent: Option<f64>) -> Self {
        Self {
            rps: outcome.rate(),
            p50: outcome.micros(0.5),
            p99: outcome.micros(0.99),
            cpu: spent.map(|seconds| seconds * 1e6 / outcome.completed() as f64),
            busy: spent.map(|seconds| seconds / outcome.elapsed.as_secs_f64()),
        }
    }
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::{BODY, median};

    #[test]
    fn the_measured_body_has_sixty_bytes() {
        assert_eq!(BODY.len(), 60);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), Some(2.5));
        assert_eq!(median([9.0, 1.0, 3.0].into_iter()), Some(3.0));
        assert_eq!(median(std::iter::empty()), None);
    }
}
