//! Whatever an agent says, and however it keeps silent: the state machine of its heartbeats keeps its promises.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{
    Now,
    pulse::{Ground, Pulse, Report},
};
use crate::domain::{Heartbeat, Standing};

/// What happens to a pulse: a beat or a look, so long after the last.
#[derive(Debug, Clone)]
enum Event {
    Beat(Report, u64),
    Look(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let report = prop_oneof![Just(Report::Healthy), Just(Report::Unhealthy), Just(Report::Draining)];
    let event = prop_oneof![
        (report, 0_u64..40_000).prop_map(|(report, wait)| Event::Beat(report, wait)),
        (0_u64..40_000).prop_map(Event::Look),
    ];
    prop::collection::vec(event, 1..200)
}

fn rhythm(interval: u64, misses_allowed: u32) -> Heartbeat {
    Heartbeat { interval: Duration::from_secs(interval), misses_allowed }
}

fn at(begin: Instant, millis: u64) -> Now {
    Now { at: begin + Duration::from_millis(millis), wall: millis / 1000 }
}

/// A pulse through events, and what it was like after each: when, how long after the last beat, how it stood.
fn lived(rhythm: Heartbeat, events: &[Event], mut see: impl FnMut(&Event, u64, u64, &Pulse)) {
    let begin = Instant::now();
    let mut pulse = Pulse::new(rhythm, at(begin, 0));
    let (mut now, mut last) = (0, 0);
    for event in events {
        match event {
            Event::Beat(report, wait) => {
                now += wait;
                // Time passes whether or not anybody looks.
                pulse.turn(at(begin, now));
                pulse.beat(*report, None, at(begin, now));
                last = now;
            }
            Event::Look(wait) => {
                now += wait;
                pulse.turn(at(begin, now));
            }
        }
        see(event, now, now - last, &pulse);
    }
}

proptest! {
    #[test]
    fn who_is_silent_too_long_is_out_and_says_why(events in events(), interval in 1_u64..20, misses in 1_u32..5) {
        let window = interval * 1000 * u64::from(misses + 1);
        lived(rhythm(interval, misses), &events, |_, _, silent, pulse| {
            if silent >= window {
                assert_ne!(pulse.standing(), Standing::Up);
            } else {
                assert_ne!(pulse.ground(), Ground::Missed);
            }
        });
    }

    #[test]
    fn what_takes_a_backend_out_is_never_delayed(events in events(), interval in 1_u64..20) {
        lived(rhythm(interval, 2), &events, |event, _, _, pulse| {
            if let Event::Beat(Report::Unhealthy | Report::Draining, _) = event {
                assert_ne!(pulse.standing(), Standing::Up);
            }
        });
    }

    #[test]
    fn who_does_not_flap_is_back_with_its_next_beat(interval in 1_u64..20, misses in 1_u32..5, silence in 0_u64..100_000) {
        let events = [Event::Beat(Report::Healthy, 10), Event::Look(silence), Event::Beat(Report::Healthy, 1)];
        let mut last = None;
        lived(rhythm(interval, misses), &events, |_, _, _, pulse| last = Some((pulse.standing(), pulse.ground())));
        prop_assert_eq!(last, Some((Standing::Up, Ground::Beating)));
    }

    #[test]
    fn the_fleet_hears_of_few_changes_however_many_there_are(reports in prop::collection::vec(0_u8..3, 2000), wait in 100_u64..2_000) {
        let report = |it: &u8| [Report::Healthy, Report::Unhealthy, Report::Draining][usize::from(*it)];
        let events: Vec<Event> = reports.iter().map(|it| Event::Beat(report(it), wait)).collect();
        let (mut changes, mut before) = (0_u64, Standing::Up);
        let mut end = 0;
        lived(rhythm(60, 2), &events, |_, now, _, pulse| {
            changes += u64::from(pulse.standing() != before);
            (before, end) = (pulse.standing(), now);
        });
        // Eight departures while the holds grow, then one for each longest hold (300 s); each may come back.
        prop_assert!(changes <= 2 * (9 + end / 300_000), "{} changes in {} s", changes, end / 1000);
    }

    #[test]
    fn the_next_turn_is_never_past_a_change(events in events(), interval in 1_u64..20) {
        let begin = Instant::now();
        let mut pulse = Pulse::new(rhythm(interval, 1), at(begin, 0));
        let mut now = 0;
        for event in events {
            let (Event::Beat(_, wait) | Event::Look(wait)) = event;
            if let Some(next) = pulse.next_turn(at(begin, now).at)
                && next > at(begin, now + wait).at
            {
                let (standing, mut later) = (pulse.standing(), pulse.clone());
                later.turn(at(begin, now + wait));
                prop_assert_eq!(later.standing(), standing, "changed before its turn");
            }
            now += wait;
            match event {
                Event::Beat(report, _) => pulse.beat(report, None, at(begin, now)),
                Event::Look(_) => pulse.turn(at(begin, now)),
            }
        }
    }
}
