//! What an agent's record says of its clusters' patience and capacity.

use std::{num::NonZeroU32, time::Duration};

use envoy_types::pb::envoy::config::cluster::v3::{CircuitBreakers, Cluster, circuit_breakers::Thresholds};

use super::any::{duration, uint32};
use crate::domain::{CircuitBreaker, Timeouts};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Envoy's default of 1,024 is few for streams that live for minutes; limits per caller are the policy's business. Retries are as many:
/// each request that found its backend gone may look for another, and Envoy's default of 3 would fail the rest of them.
const MAX_AT_ONCE: u32 = 65_536;

/// Settings of every cluster.
pub(super) fn apply(cluster: &mut Cluster, timeouts: &Timeouts, breaker: &CircuitBreaker) {
    let most = |limit: Option<NonZeroU32>| Some(uint32(limit.map_or(MAX_AT_ONCE, NonZeroU32::get)));
    let limits = Thresholds {
        max_connections: most(breaker.max_connections),
        max_pending_requests: most(breaker.max_pending_requests),
        max_requests: most(breaker.max_requests),
        max_retries: Some(uint32(MAX_AT_ONCE)),
        ..Default::default()
    };
    cluster.connect_timeout = Some(duration(timeouts.connect.unwrap_or(CONNECT_TIMEOUT)));
    cluster.circuit_breakers = Some(CircuitBreakers { thresholds: vec![limits], ..Default::default() });
}
