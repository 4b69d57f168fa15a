//! Waiting for another process: asked again and again until it is so, or until patience ends.

use std::time::{Duration, Instant};

/// Patience with anything that happens on this machine alone, even when it is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is an answer; panics with `what` when there is none in time.
///
/// # Panics
/// After [`PATIENCE`].
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        breathe();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process offers no event to wait on; nothing depends on how long this takes"
)]
fn breathe() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Returns when `time` has passed since `begin`: for load that comes at a certain pace.
#[expect(clippy::disallowed_methods, reason = "the pace of load is what is asked for, and no test judges by it")]
pub fn pace(begin: Instant, time: Duration) {
    std::thread::sleep(time.saturating_sub(begin.elapsed()));
}
