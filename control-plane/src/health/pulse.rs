//! One backend's heartbeats as a state machine: beats and time go in, a standing comes out. No clock, no I/O.
//!
//! What takes a backend out takes it out at once; what lets it back is damped where it keeps changing ([`Flaps`]).

use tokio::time::Instant;

use super::{Now, flaps::Flaps};
use crate::domain::{Heartbeat, Standing, UnixSeconds};

/// What an agent says of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It takes calls.
    Healthy,
    /// It should get none.
    Unhealthy,
    /// It should get no new ones, and ends what it has.
    Draining,
}

/// Why a backend stands as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// Nothing was heard yet, and it is not late.
    NotHeardYet,
    /// It says that it is well.
    Beating,
    /// It said otherwise.
    Reported,
    /// It has not said anything for too long.
    Missed,
    /// It is well again, too soon after it changed too often.
    Held,
}

/// One backend's heartbeats.
#[derive(Debug, Clone)]
pub(super) struct Pulse {
    rhythm: Heartbeat,
    /// The last beat, or when watching began.
    last: Instant,
    last_beat: Option<UnixSeconds>,
    report: Report,
    detail: Option<String>,
    flaps: Flaps,
    standing: Standing,
    ground: Ground,
    since: UnixSeconds,
}

impl Pulse {
    /// Nothing heard yet: it has a whole window.
    pub(super) fn new(rhythm: Heartbeat, now: Now) -> Self {
        Self {
            rhythm,
            last: now.at,
            last_beat: None,
            report: Report::Healthy,
            detail: None,
            flaps: Flaps::default(),
            standing: Standing::Up,
            ground: Ground::NotHeardYet,
            since: now.wall,
        }
    }

    /// Goes on with another rhythm. What was promised before does not count: it has a whole window again, unless it is out.
    pub(super) fn keep_time(&mut self, rhythm: Heartbeat, now: Now) {
        if self.rhythm != rhythm {
            self.rhythm = rhythm;
            if self.ground != Ground::Missed {
                self.last = now.at;
            }
        }
    }

    /// Takes a beat.
    pub(super) fn beat(&mut self, report: Report, detail: Option<String>, now: Now) {
        self.last = now.at;
        self.last_beat = Some(now.wall);
        self.report = report;
        self.detail = detail;
        self.turn(now);
    }

    /// Brings the standing up to date.
    pub(super) fn turn(&mut self, now: Now) {
        let (wanted, ground) = self.wanted(now.at);
        let held = self.standing != Standing::Up && wanted != self.standing && self.flaps.held_until(now.at).is_some();
        let (standing, ground) = if held { (self.standing, Ground::Held) } else { (wanted, ground) };
        if standing != self.standing && standing != Standing::Up {
            self.flaps.note(now.at);
        }
        if (standing, ground) != (self.standing, self.ground) {
            (self.standing, self.ground, self.since) = (standing, ground, now.wall);
        }
    }

    /// When the standing may change though nothing is heard.
    pub(super) fn next_turn(&self, now: Instant) -> Option<Instant> {
        match self.ground {
            Ground::Held => self.flaps.held_until(now),
            Ground::Missed => None,
            _ => Some(self.due()),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn ground(&self) -> Ground {
        self.ground
    }

    pub(super) fn since(&self) -> UnixSeconds {
        self.since
    }

    pub(super) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    pub(super) fn last_beat(&self) -> Option<UnixSeconds> {
        self.last_beat
    }

    fn wanted(&self, now: Instant) -> (Standing, Ground) {
        if now >= self.due() {
            return (Standing::Down, Ground::Missed);
        }
        match self.report {
            Report::Healthy if self.last_beat.is_none() => (Standing::Up, Ground::NotHeardYet),
            Report::Healthy => (Standing::Up, Ground::Beating),
            Report::Unhealthy => (Standing::Down, Ground::Reported),
            Report::Draining => (Standing::Draining, Ground::Reported),
        }
    }

    /// When the beat after those that may be missed is late.
    fn due(&self) -> Instant {
        self.last + self.rhythm.interval * self.rhythm.misses_allowed.saturating_add(1)
    }
}
