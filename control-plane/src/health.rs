//! How each backend is. Three say so: the agent itself, by heartbeats ([`pulse`]); every Envoy, by what it sees of the backends that it
//! checks and calls ([`sights`]); and nobody, which is a state too. The agent's word and its silence decide for the whole fleet, through
//! the endpoints' health status; what an Envoy sees, it has acted on already, and is kept here to be shown.
//!
//! Everything is in memory: a heartbeat writes nothing, and a restart begins with a full window of grace.

mod board;
mod flaps;
#[cfg(test)]
mod properties;
mod pulse;
mod sights;
#[cfg(test)]
mod tests;
mod view;

use tokio::time::Instant;

use crate::domain::UnixSeconds;

pub use board::{Availability, Beat, BeatError, Beaten, HealthBoard};
pub use pulse::Report;
pub use sights::{Sample, SampleValue};
pub use view::{AgentView, BackendView, NodeSight, State};

/// The time, twice: to measure by, and to show.
#[derive(Debug, Clone, Copy)]
struct Now {
    at: Instant,
    wall: UnixSeconds,
}
