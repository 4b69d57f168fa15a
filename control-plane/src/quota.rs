//! Rate limits that hold across a fleet of Envoys: who takes part, and who is lent how many tokens of which bucket. `proto/tollgate/
//! quota/v1/quota.proto` is the protocol, `docs/limits.md` what it promises. Spending tokens, and waiting for none, is the filter's.

mod bucket;
mod fleet;
mod memory;
mod nodes;
#[cfg(test)]
mod properties;
mod redis;
mod service;
#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use std::num::NonZeroU32;

use futures::future::BoxFuture;

pub use self::redis::{RedisLedger, RedisUrlError};
pub use memory::MemoryLedger;
pub use nodes::{FleetNode, FleetTable, LeaseHealth};
pub use service::{Quota, Refusals, Server, Service};
pub use tollgate_policy::quota::Counts;
pub use usage::{Usage, UsageTable};

/// A node that was not heard of for this long takes no part any more. As long is a ledger that knows nobody without lending: it
/// cannot know yet among how many it divides.
const ALIVE: Micros = Micros::from_seconds(3);
/// For how long the ledger fills nothing once it lends: until every worker of every node has heard that it does, two or three exchanges
/// later, they fill their buckets themselves.
const HANDOVER: Micros = Micros(500_000);
/// How long what a node says of its demand counts.
const DEMAND_WINDOW: Micros = Micros::from_seconds(1);
/// How long a bucket is remembered at least.
const REMEMBERED: Micros = Micros::from_seconds(10);

/// Microseconds, since 1970 or as a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u64);

/// One process of one Envoy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeKey {
    /// `node.id`.
    pub id: String,
    /// Made anew by each process: one that restarted holds nothing of what it held.
    pub instance: u64,
}

/// Whose requests to whom a bucket counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct BucketKey {
    /// `iss` of the caller's tokens.
    pub issuer: String,
    /// The client.
    pub client: String,
    /// The agent.
    pub agent: String,
    /// The class of operations; empty: all that have no limit of their own.
    pub operations: String,
}

/// How fast a bucket fills, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Tokens a minute.
    pub requests_per_minute: NonZeroU32,
    /// Tokens it holds at most.
    pub burst: NonZeroU32,
}

/// What a node says of one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub key: BucketKey,
    /// `None`: no limit; it is reported for its counts alone.
    pub limit: Option<Limit>,
    /// Whole tokens the node holds.
    pub held: u32,
    /// Whole tokens it asks for on top.
    pub wanted: u32,
    /// Requests a second that arrived there lately.
    pub demand: u32,
    /// What became of the requests since the last exchange.
    pub counts: Counts,
}

/// The answer to one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// Nodes that take part, the asking one among them.
    pub nodes: u32,
    /// What it gets.
    pub lease: Lease,
}

/// Whether tokens are lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// These, one number for each report.
    Leasing(Vec<u64>),
    /// None: each node goes on with its fair share.
    FairShare,
}

/// The ledger gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Where it is kept did not answer in time.
    #[error("the ledger did not answer in time")]
    Slow,
    /// Where it is kept cannot be used.
    #[error("the ledger cannot be used: {0}")]
    Away(String),
}

/// Keeps the tokens that no node holds.
pub trait Ledger: Send + Sync {
    /// One exchange: takes note of what `node` holds, and lends what it asks for as far as the pool and the others' demand go.
    fn exchange<'a>(
        &'a self,
        node: &'a NodeKey,
        reports: &'a [Report],
        now: Micros,
    ) -> BoxFuture<'a, Result<Lent, LedgerError>>;
}

impl Micros {
    /// Whole seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// Whole seconds of it.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span since `earlier`; none if that is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}
