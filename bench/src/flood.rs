//! Good traffic with and without a flood of invalid tokens beside it. The flood keeps a fixed rate, so that a target that answers it
//! faster is not punished with more of it; good traffic is a closed loop over the usual connections.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    load::{self, Outcome, Pace, Plan},
    throughput::{Rounds, Target, median, plan, reads, requests},
    tokens::{Issuer, SCOPE},
};

/// Invalid requests a second.
const FLOOD_RATE: u32 = 5_000;
const FLOOD_CONNECTIONS: usize = 16;
/// Different tokens of a flood that never repeats itself soon: more than any cache of refused tokens holds.
const DISTINCT: usize = 20_000;

/// Good traffic under one kind of flood, medians over the rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Good answers a second.
    pub(crate) good_rps: f64,
    /// Median latency of good requests, microseconds.
    pub(crate) good_p50_us: f64,
    /// 99th percentile of good requests, microseconds.
    pub(crate) good_p99_us: f64,
    /// Refused requests a second, as answered.
    pub(crate) refused_rps: f64,
    /// Good throughput relative to the same target without a flood.
    pub(crate) ratio_to_calm: f64,
}

/// By target, then by kind of flood.
pub(crate) type Table = BTreeMap<String, BTreeMap<&'static str, Figures>>;

struct Sample {
    good: (f64, f64, f64),
    refused: f64,
}

/// Measures each target calm, then under each kind of flood.
pub(crate) fn measure(targets: &[Target<'_>], issuer: &Issuer, rounds: Rounds) -> Result<Table> {
    let floods = floods(issuer)?;
    let good = [issuer.token(0, SCOPE)?];
    let mut samples: BTreeMap<(String, &'static str), Vec<Sample>> = BTreeMap::new();
    for _ in 0..rounds.count {
        for target in targets {
            for (kind, tokens) in &floods {
                let sample = sample(target, &good, tokens, rounds.length)
                    .with_context(|| format!("{} under flood of {kind}", target.name))?;
                eprintln!(
                    "  {:<10} {kind:<9} {:>8.0} good/s {:>6.0} refused/s",
                    target.name, sample.good.0, sample.refused
                );
                samples.entry((target.name.clone(), kind)).or_default().push(sample);
            }
        }
    }
    Ok(summarise(&samples))
}

/// What is thrown: nothing, text that is no token, one forged token again and again, a forged token never seen before.
fn floods(issuer: &Issuer) -> Result<Vec<(&'static str, Vec<String>)>> {
    let garbage = (0..DISTINCT).map(|index| format!("{index:0>64}")).collect();
    let forged = (0..DISTINCT).map(|index| issuer.forged(index)).collect::<Result<_>>()?;
    Ok(vec![("calm", Vec::new()), ("garbage", garbage), ("repeated", vec![issuer.forged(0)?]), ("forged", forged)])
}

fn sample(target: &Target<'_>, good: &[String], flood: &[String], length: Duration) -> Result<Sample> {
    let good_requests = requests(target, good);
    let good_plan = plan(target.address, &good_requests, length);
    let flood_requests = reads(target, flood);
    let flood_plan = Plan {
        connections: FLOOD_CONNECTIONS,
        requests: &flood_requests,
        pace: Pace::PerSecond(FLOOD_RATE),
        ..plan(target.address, &flood_requests, length)
    };
    let (good, refused) = std::thread::scope(|scope| -> Result<(Outcome, Option<Outcome>)> {
        let flood = (!flood.is_empty()).then(|| scope.spawn(|| load::run(&flood_plan, || Ok(()))));
        let good = load::run(&good_plan, || Ok(()))?;
        let refused =
            flood.map(|thread| thread.join().map_err(|_| anyhow::anyhow!("the flood panicked"))?).transpose()?;
        Ok((good, refused))
    })?;
    good.expect_only(200)?;
    refused.iter().try_for_each(|outcome| outcome.expect_only(401))?;
    let good = (good.rate(), good.micros(0.5), good.micros(0.99));
    Ok(Sample { good, refused: refused.map_or(0.0, |outcome| outcome.rate()) })
}

fn summarise(samples: &BTreeMap<(String, &'static str), Vec<Sample>>) -> Table {
    let middle = |own: &[Sample], of: fn(&Sample) -> f64| median(own.iter().map(of)).unwrap_or_default();
    let mut table = Table::new();
    for ((name, kind), own) in samples {
        let calm = samples.get(&(name.clone(), "calm")).map_or(0.0, |calm| middle(calm, |sample| sample.good.0));
        let good_rps = middle(own, |sample| sample.good.0);
        let figures = Figures {
            good_rps,
            good_p50_us: middle(own, |sample| sample.good.1),
            good_p99_us: middle(own, |sample| sample.good.2),
            refused_rps: middle(own, |sample| sample.refused),
            ratio_to_calm: good_rps / calm,
        };
        table.entry(name.clone()).or_default().insert(kind, figures);
    }
    table
}
