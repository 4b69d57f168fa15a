//! How long an agent's answers are waited for, and how much it is given to do at once.

use std::{num::NonZeroU32, time::Duration};

use super::Agent;

/// Deadline of an agent that answers at once, unless its record says otherwise.
const SIMPLE_DEADLINE: Duration = Duration::from_secs(30);
/// Deadline of an agent whose card offers streams: its other answers may take their time too.
const STREAMING_DEADLINE: Duration = Duration::from_secs(300);

/// Deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// For a whole answer that is not a stream. Absent: 30 s, or 5 minutes where the card offers streams.
    pub request: Option<Duration>,
    /// For a stream's silence. Absent: the gateway's.
    pub stream_idle: Option<Duration>,
    /// For a connection to come about. Absent: the gateway's.
    pub connect: Option<Duration>,
}

/// What each Envoy gives an agent at most. What is more is refused at once, before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CircuitBreaker {
    /// Requests under way. Absent: 65,536.
    pub max_requests: Option<NonZeroU32>,
    /// Requests that wait for a connection. Absent: 65,536.
    pub max_pending_requests: Option<NonZeroU32>,
    /// Connections. Absent: 65,536.
    pub max_connections: Option<NonZeroU32>,
}

impl Agent {
    /// The deadline of an answer that is not a stream.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let streams = self.card.document["capabilities"]["streaming"] == true;
        self.timeouts.request.unwrap_or(if streams { STREAMING_DEADLINE } else { SIMPLE_DEADLINE })
    }
}

/// Whole milliseconds, as durations are stored and published.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
