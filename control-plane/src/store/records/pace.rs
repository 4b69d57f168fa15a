//! Deadlines and circuit breakers as stored.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::domain::CircuitBreaker;

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredBreaker {
    max_requests: Option<NonZeroU32>,
    max_pending_requests: Option<NonZeroU32>,
    max_connections: Option<NonZeroU32>,
}

impl From<CircuitBreaker> for StoredBreaker {
    fn from(breaker: CircuitBreaker) -> Self {
        let CircuitBreaker { max_requests, max_pending_requests, max_connections } = breaker;
        Self { max_requests, max_pending_requests, max_connections }
    }
}

impl From<StoredBreaker> for CircuitBreaker {
    fn from(stored: StoredBreaker) -> Self {
        let StoredBreaker { max_requests, max_pending_requests, max_connections } = stored;
        Self { max_requests, max_pending_requests, max_connections }
    }
}
