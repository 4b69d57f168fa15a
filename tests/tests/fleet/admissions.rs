//! What was let through and when, held against what a limit allows in *any* span of time. A span is taken from when its first request was
//! sent to when its last one was answered: what was let through between them was let through in that time, however slow the machine is.

use std::time::{Duration, Instant};

/// One request that was let through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admission {
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

/// What a fleet may let through: a limit, and what docs/limits.md names on top.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// Tokens a second.
    pub(crate) rate: f64,
    /// Tokens at once.
    pub(crate) at_once: f64,
}

/// The span in which most was let through of what was allowed.
#[derive(Debug)]
pub(crate) struct Worst {
    pub(crate) admitted: usize,
    pub(crate) most: usize,
    pub(crate) span: Duration,
}

impl Allowed {
    /// Within a span: a twentieth more than the rate, and what may come at once.
    fn within(self, span: Duration) -> usize {
        (span.as_secs_f64() * self.rate * 1.05 + self.at_once).ceil() as usize
    }

    /// Looks at every span within `from..to`; fails at one in which more was let through.
    #[track_caller]
    pub(crate) fn check(self, what: &str, admissions: &[Admission], (from, to): (Instant, Instant)) {
        let inside: Vec<Admission> =
            admissions.iter().copied().filter(|it| it.sent >= from && it.answered <= to).collect();
        let (whole, most) = (inside.len(), self.within(to - from));
        assert!(whole > 0, "{what}: nobody was let through");
        let worst = self.worst(&inside);
        eprintln!(
            "{what}: {whole} of {most} in {:.1} s; at worst {} of {} in {:.1} s",
            (to - from).as_secs_f64(),
            worst.admitted,
            worst.most,
            worst.span.as_secs_f64()
        );
        assert!(worst.admitted <= worst.most, "{what}: {worst:?}");
    }

    fn worst(self, admissions: &[Admission]) -> Worst {
        let mut by_end = admissions.to_vec();
        by_end.sort_by_key(|it| it.answered);
        let mut worst = Worst { admitted: 0, most: self.within(Duration::ZERO), span: Duration::ZERO };
        for first in admissions {
            let mut admitted = 0;
            for last in by_end.iter().filter(|it| it.sent >= first.sent) {
                admitted += 1;
                let span = last.answered - first.sent;
                let most = self.within(span);
                if admitted * worst.most > worst.admitted * most {
                    worst = Worst { admitted, most, span };
                }
            }
        }
        worst
    }
}

#[test]
fn a_second_burst_within_a_span_is_found() {
    let begin = Instant::now();
    let at = |millis: u64| begin + Duration::from_millis(millis);
    let burst = |millis: u64| (0..30).map(move |_| Admission { sent: at(millis), answered: at(millis + 1) });
    let allowed = Allowed { rate: 20.0, at_once: 30.0 };
    let apart: Vec<Admission> = burst(0).chain(burst(2_000)).collect();
    let worst = allowed.worst(&apart);
    assert!(worst.admitted <= worst.most, "{worst:?}");
    let close: Vec<Admission> = apart.iter().copied().chain(burst(2_500)).collect();
    let worst = allowed.worst(&close);
    assert_eq!(worst.admitted, 60, "{worst:?}");
    assert!(worst.admitted > worst.most, "{worst:?}");
}
