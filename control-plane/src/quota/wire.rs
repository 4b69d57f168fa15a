//! The protocol's messages as the ledger's types: checked whole, and the first fault named by its field.

use std::num::NonZeroU32;

use tollgate_proto::quota::v1;

use super::{BucketKey, Counts, Lease, Lent, Limit, NodeKey, Report};

/// Longest text, bytes.
const MOST_TEXT: usize = 1024;
/// Most buckets in one exchange.
const MOST_BUCKETS: usize = 5_000;
/// Words that `operations` may be; empty: those without a limit of their own.
const OPERATIONS: [&str; 4] = ["", "read", "write", "push"];

/// A message that is not what the protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {fault}")]
pub(super) struct Malformed {
    field: String,
    fault: &'static str,
}

/// A request that is well formed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) node: NodeKey,
    pub(super) reports: Vec<Report>,
}

impl TryFrom<v1::SyncRequest> for Exchange {
    type Error = Malformed;

    fn try_from(request: v1::SyncRequest) -> Result<Self, Malformed> {
        let id = named("node_id", request.node_id)?;
        if request.buckets.len() > MOST_BUCKETS {
            return Err(malformed("buckets", "has more than 5000 items"));
        }
        let reports =
            (0..).zip(request.buckets).map(|(at, bucket): (usize, _)| report(&format!("buckets[{at}]"), bucket));
        Ok(Self { node: NodeKey { id, instance: request.instance }, reports: reports.collect::<Result<_, _>>()? })
    }
}

fn report(field: &str, bucket: v1::BucketReport) -> Result<Report, Malformed> {
    let key = bucket.key.ok_or_else(|| malformed(&format!("{field}.key"), "is missing"))?;
    let limit = bucket.limit.ok_or_else(|| malformed(&format!("{field}.limit"), "is missing"))?;
    Ok(Report {
        key: bucket_key(field, key)?,
        limit: read_limit(field, limit)?,
        held: tokens(&format!("{field}.held"), bucket.held)?,
        wanted: tokens(&format!("{field}.wanted"), bucket.wanted)?,
        demand: bucket.demand,
        counts: Counts {
            admitted: bucket.admitted,
            refused: bucket.refused,
            shed: bucket.shed,
            unauthorized: bucket.unauthorized,
        },
    })
}

fn bucket_key(field: &str, key: v1::BucketKey) -> Result<BucketKey, Malformed> {
    if !OPERATIONS.contains(&key.operations.as_str()) {
        return Err(malformed(&format!("{field}.key.operations"), "must be read, write, push or empty"));
    }
    Ok(BucketKey {
        issuer: named(&format!("{field}.key.issuer"), key.issuer)?,
        client: named(&format!("{field}.key.client"), key.client)?,
        agent: named(&format!("{field}.key.agent"), key.agent)?,
        operations: key.operations,
    })
}

/// Neither rate nor burst is ever taken for "no limit" by being left out: a burst of 0 beside a rate is a fault.
fn read_limit(field: &str, limit: v1::Limit) -> Result<Option<Limit>, Malformed> {
    let Some(requests_per_minute) = NonZeroU32::new(limit.requests_per_minute) else { return Ok(None) };
    let burst = NonZeroU32::new(limit.burst);
    let burst = burst.ok_or_else(|| malformed(&format!("{field}.limit.burst"), "must be at least 1 beside a rate"))?;
    Ok(Some(Limit { requests_per_minute, burst }))
}

fn named(field: &str, text: String) -> Result<String, Malformed> {
    match text.len() {
        0 => Err(malformed(field, "is empty")),
        1..=MOST_TEXT => Ok(text),
        _ => Err(malformed(field, "is longer than 1024 bytes")),
    }
}

fn tokens(field: &str, number: u64) -> Result<u32, Malformed> {
    u32::try_from(number).map_err(|_| malformed(field, "is larger than a bucket can be"))
}

fn malformed(field: &str, fault: &'static str) -> Malformed {
    Malformed { field: field.to_owned(), fault }
}

impl From<Lent> for v1::SyncResponse {
    fn from(lent: Lent) -> Self {
        let (state, granted) = match lent.lease {
            Lease::Leasing(granted) => (v1::LeaseState::Leasing, granted),
            Lease::FairShare => (v1::LeaseState::FairShare, Vec::new()),
        };
        Self { nodes: lent.nodes.max(1), state: state.into(), granted }
    }
}
