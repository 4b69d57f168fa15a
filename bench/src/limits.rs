//! A limit under ten times what it allows, in one Envoy with two workers: how much is let through altogether and in any ten seconds, and
//! what a second caller beside it loses.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{
    Depth,
    gateway::{Form, Gateway, LimitRow},
    load::{self, Outcome, Pace, Plan},
    stage::Stage,
    throughput::reads,
    tokens::SCOPE,
};

/// Calls a second that a caller may make.
const RATE: u32 = 300;
/// Calls at once.
const BURST: u32 = 600;
/// How much more is asked for.
const EXCESS: u32 = 10;
const WORKERS: u8 = 2;
/// The window that is looked at.
const WINDOW: Duration = Duration::from_secs(10);

/// What was let through.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// How long calls were made.
    pub(crate) seconds: f64,
    /// Calls that were answered.
    pub(crate) offered: u64,
    /// Those that were let through.
    pub(crate) admitted: u64,
    /// The same over what is allowed in that time: rate times time, and one burst.
    pub(crate) admitted_over_allowed: f64,
    /// The most that were let through within any ten seconds.
    pub(crate) most_in_a_window: usize,
    /// What is allowed in ten seconds: rate times time, and one burst.
    pub(crate) allowed_in_a_window: f64,
    /// Calls of another caller meanwhile, who asks for half of what it may.
    pub(crate) second_caller_offered: u64,
    /// Those that were let through.
    pub(crate) second_caller_admitted: u64,
}

/// Calls for two minutes.
pub(crate) fn measure(form: Form, stage: &Stage, depth: Depth) -> Result<Figures> {
    let length = match depth {
        Depth::Quick => Duration::from_secs(12),
        Depth::Full => Duration::from_secs(120),
    };
    let limit = LimitRow::Real { per_minute: RATE * 60, burst: BURST };
    let gateway = Gateway::start_with(form, WORKERS, stage, "tollgate-limits", limit)?;
    eprintln!("limits, filter {form:?}: {} calls a second of {RATE} for {length:?}", RATE * EXCESS);
    let call = |caller: usize, connections: usize, rate: u32| -> Result<Outcome> {
        let requests = reads(&gateway.target(), &[stage.issuer.token(caller, SCOPE)?]);
        let pace = Pace::PerSecond(rate);
        let (target, warm_up) = (gateway.listener, Duration::ZERO);
        load::run(&Plan { target, connections, requests: &requests, warm_up, measured: length, pace }, || Ok(()))
    };
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| call(2, 4, RATE / 2));
        let first = call(1, 32, RATE * EXCESS);
        (first, second.join())
    });
    let (first, second) = (first?, second.map_err(|_| anyhow::anyhow!("the second caller panicked"))??);
    gateway.envoy.expect_no_traps()?;
    for outcome in [&first, &second] {
        let expected = outcome.statuses.keys().all(|status| [200, 429].contains(status)) && outcome.broken == 0;
        ensure!(expected, "saw {:?} and {} broken connections", outcome.statuses, outcome.broken);
    }
    let seconds = first.elapsed.as_secs_f64();
    let allowed_in = |seconds: f64| f64::from(RATE) * seconds + f64::from(BURST);
    Ok(Figures {
        seconds,
        offered: first.completed(),
        admitted: first.count(200),
        admitted_over_allowed: first.count(200) as f64 / allowed_in(seconds),
        most_in_a_window: most_within(&first.allowed_at, WINDOW).context("nothing was let through")?,
        allowed_in_a_window: allowed_in(WINDOW.as_secs_f64()),
        second_caller_offered: second.completed(),
        second_caller_admitted: second.count(200),
    })
}

/// The most of these moments, which are in order, that lie within one window. `None`: there are none.
fn most_within(moments: &[Duration], window: Duration) -> Option<usize> {
    let within = |(first, begin): (usize, &Duration)| moments.partition_point(|it| *it <= *begin + window) - first;
    moments.iter().enumerate().map(within).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_window_is_found_wherever_it_begins() {
        let moments = [0, 1, 9, 10, 11, 19, 40].map(Duration::from_secs);
        assert_eq!(most_within(&moments, Duration::from_secs(10)), Some(4));
        assert_eq!(most_within(&moments, Duration::from_secs(1)), Some(2));
        assert_eq!(most_within(&[], Duration::from_secs(1)), None);
    }
}
