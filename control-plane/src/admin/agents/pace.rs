//! Deadlines and circuit breakers: how the API takes and shows them.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    admin::fields::Fields,
    domain::{Agent, CircuitBreaker, Timeouts},
};

const MAX_SECONDS: u32 = 86_400;
/// Longest a connection may take to come about, seconds.
const MAX_CONNECT_SECONDS: u32 = 60;
/// What a circuit breaker has where nothing is said, and at most.
const MAX_AT_ONCE: u32 = 65_536;

/// `timeouts`.
pub(super) fn take_timeouts(mut fields: Fields<'_>) -> Timeouts {
    let mut take = |name: &str, most: u32| fields.number(name, 1..=most).map(seconds);
    let timeouts = Timeouts {
        request: take("requestSeconds", MAX_SECONDS),
        stream_idle: take("streamIdleSeconds", MAX_SECONDS),
        connect: take("connectSeconds", MAX_CONNECT_SECONDS),
    };
    fields.end();
    timeouts
}

/// `circuitBreaker`.
pub(super) fn take_breaker(mut fields: Fields<'_>) -> CircuitBreaker {
    let mut take = |name: &str| fields.number(name, 1..=MAX_AT_ONCE).and_then(NonZeroU32::new);
    let breaker = CircuitBreaker {
        max_requests: take("maxRequests"),
        max_pending_requests: take("maxPendingRequests"),
        max_connections: take("maxConnections"),
    };
    fields.end();
    breaker
}

/// Both as the record shows them, with the deadline that is in force.
pub(super) fn show(agent: &Agent, record: &mut Map<String, Value>) {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    let (timeouts, breaker) = (&agent.timeouts, &agent.circuit_breaker);
    record.insert(
        "timeouts".into(),
        json!({
            "requestSeconds": seconds(timeouts.request),
            "streamIdleSeconds": seconds(timeouts.stream_idle),
            "connectSeconds": seconds(timeouts.connect),
        }),
    );
    record.insert("deadlineSeconds".into(), agent.deadline().as_secs().into());
    record.insert(
        "circuitBreaker".into(),
        json!({
            "maxRequests": breaker.max_requests,
            "maxPendingRequests": breaker.max_pending_requests,
            "maxConnections": breaker.max_connections,
        }),
    );
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}
