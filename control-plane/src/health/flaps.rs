//! How long a backend that keeps changing is held where it is. The first two changes cost nothing: a restart is no flapping. From then
//! on each doubles the wait before it is let back, and quiet time is forgiven.

use std::time::Duration;

use tokio::time::Instant;

/// Departures that are not held against a backend.
const FREE: u32 = 2;
/// The hold of the first departure past those.
const FIRST_HOLD: Duration = Duration::from_secs(5);
/// The longest hold.
const LONGEST_HOLD: Duration = Duration::from_secs(300);
/// The time in which one departure is forgiven.
const FORGIVEN_IN: Duration = Duration::from_secs(120);

/// The departures of one backend.
#[derive(Debug, Clone, Default)]
pub(super) struct Flaps {
    count: u32,
    last: Option<Instant>,
    held_until: Option<Instant>,
}

impl Flaps {
    /// Notes a departure.
    pub(super) fn note(&mut self, now: Instant) {
        // Time in which it was held is not quiet: whoever never stops is never forgiven.
        let calm_since = self.held_until.max(self.last);
        let quiet = calm_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let forgiven = u32::try_from(quiet.as_secs() / FORGIVEN_IN.as_secs()).unwrap_or(u32::MAX);
        self.count = self.count.saturating_sub(forgiven).saturating_add(1);
        self.last = Some(now);
        self.held_until = self.hold().map(|hold| now + hold);
    }

    /// Until when it is held; `None`: it is free to change.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| *until > now)
    }

    fn hold(&self) -> Option<Duration> {
        let doublings = self.count.checked_sub(FREE + 1)?;
        Some(
            2u32.checked_pow(doublings)
                .and_then(|times| FIRST_HOLD.checked_mul(times))
                .map_or(LONGEST_HOLD, |hold| hold.min(LONGEST_HOLD)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn holds_grow_to_a_bound_and_quiet_is_forgiven() {
        let (mut flaps, begin) = (Flaps::default(), Instant::now());
        let mut holds = Vec::new();
        for _ in 0..10 {
            flaps.note(begin);
            holds.push(flaps.held_until(begin).map_or(0, |until| (until - begin).as_secs()));
        }
        assert_eq!(holds, [0, 0, 5, 10, 20, 40, 80, 160, 300, 300]);
        let later = begin + LONGEST_HOLD + FORGIVEN_IN * 9;
        flaps.note(later);
        assert_eq!(flaps.held_until(later), None);
    }
}
