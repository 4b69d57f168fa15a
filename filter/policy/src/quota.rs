//! Spending: token buckets, one for each caller, agent and separately limited class of operations. All workers of one Envoy spend from
//! the same buckets, which lie in the host's shared memory; a worker takes a few tokens at a time, so that most requests touch only its
//! own memory. Who is limited how is `limit`'s business; here is what is left of it.

mod books;
mod bucket;
mod cabinet;
mod fleet;
mod flight;
mod frame;
mod purse;
mod shared;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use books::Books;
pub use fleet::{Leader, Refill, Share};
pub use flight::{Flight, Gate, Passage};
pub use frame::{framed, read_answer};
pub use purse::{Counts, Purse};
pub use shared::{SharedMemory, Stale};

use crate::document::OperationClass;
use crate::limit::{Limit, Limits};
use crate::permissions::class_name;
use crate::token::CallerKey;

/// Longest issuer or client in a report, bytes; the ledger reads 1,024 of them.
const MAX_NAME: usize = 512;
/// Characters shown of a longer one.
const MAX_SHOWN: usize = 64;

/// Microseconds since the epoch.
pub type UnixMicros = u64;

/// The name of a bucket wherever it lies: a hash of who spends and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BucketId([u8; 16]);

/// A limit with a bucket.
#[derive(Debug, PartialEq, Eq)]
pub struct Quota {
    account: Account,
    requests_per_minute: NonZeroU32,
    burst: NonZeroU32,
    /// What its headers call it: `default`, or the class it is for.
    name: &'static str,
    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10 section 3.1).
    policy: String,
}

/// A number that other workers of this host hardly have, from a worker's own random seed.
#[must_use]
pub fn worker_number(seed: u64) -> u32 {
    let [a, b, c, d, ..] = seed.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Whose requests to whom are counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    id: BucketId,
    /// `iss` and client, shortened where they are longer than the ledger reads.
    issuer: Box<str>,
    client: Box<str>,
    agent: Box<str>,
    /// The class it is for; empty: every class without one of its own.
    operations: &'static str,
}

/// What requests are paid from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// A bucket.
    Quota(Arc<Quota>),
    /// Nothing: they are counted, and that is all.
    Free(Arc<Account>),
}

/// The quotas of one caller on one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotas {
    shared: Payment,
    /// In the order of [`OperationClass`]; `None`: the class is paid from `shared`.
    own: [Option<Payment>; 3],
    /// How many at once.
    pub(crate) gate: Option<Gate>,
}

/// What is left after a request that was admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    quota: Arc<Quota>,
    /// Requests that would be admitted now.
    remaining: u32,
    /// Seconds until the bucket is full.
    full_in: u64,
}

/// There was no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhausted {
    pub(crate) quota: Arc<Quota>,
    /// Seconds until there is one, rounded up: at least 1.
    pub(crate) retry_after: u64,
}

impl BucketId {
    /// What is counted of `caller` at `agent`, at once.
    fn at_once(caller: &CallerKey, agent: &str) -> Self {
        Self::of([caller.issuer(), caller.client(), agent])
    }

    /// What is counted for all callers of `agent` together.
    #[must_use]
    pub fn everyone(agent: &str) -> Self {
        Self::of([agent])
    }

    fn of<const N: usize>(parts: [&str; N]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // With their lengths, so that no two lists of parts are the same bytes.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut id = [0; 16];
        id.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        Self(id)
    }
}

impl Account {
    fn new(caller: &CallerKey, agent: &str, operations: &'static str) -> Self {
        let (issuer, client) = (short(caller.issuer()), short(caller.client()));
        let id = BucketId::of([&*issuer, &*client, agent, operations]);
        Self { id, issuer: issuer.into(), client: client.into(), agent: agent.into(), operations }
    }
}

/// A name that fits into a report, as good as the whole: its beginning and its hash. One caller with a long name must not make a report
/// that the ledger refuses, and with it everyone else's.
fn short(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return Cow::Borrowed(name);
    }
    let mut shown: String = name.chars().take(MAX_SHOWN).collect();
    shown.push('#');
    Sha256::digest(name).iter().for_each(|byte| shown.push_str(&format!("{byte:02x}")));
    Cow::Owned(shown)
}

impl Payment {
    fn new(limit: Limit, caller: &CallerKey, agent: &str, class: Option<OperationClass>) -> Self {
        let operations = class.map_or("", class_name);
        let account = Account::new(caller, agent, operations);
        let Limit::Bucket { requests_per_minute, burst } = limit else { return Self::Free(Arc::new(account)) };
        let name = class.map_or("default", class_name);
        let window = u64::from(burst.get()).saturating_mul(60).div_ceil(u64::from(requests_per_minute.get()));
        let policy = format!("\"{name}\";q={burst};w={window}");
        Self::Quota(Arc::new(Quota { account, requests_per_minute, burst, name, policy }))
    }

    /// The bucket, if there is one.
    #[must_use]
    pub fn quota(&self) -> Option<&Arc<Quota>> {
        match self {
            Self::Quota(quota) => Some(quota),
            Self::Free(_) => None,
        }
    }
}

impl Quota {
    /// The value of `RateLimit-Policy`: so many requests in the time an empty bucket takes to fill.
    #[must_use]
    pub fn policy_header(&self) -> &str {
        &self.policy
    }
}

impl Quotas {
    pub(crate) fn new(limits: &Limits, caller: &CallerKey, agent: &str) -> Self {
        let own = |class| limits.own(class).map(|limit| Payment::new(limit, caller, agent, Some(class)));
        Self {
            shared: Payment::new(limits.shared.unwrap_or(Limit::Unlimited), caller, agent, None),
            own: [OperationClass::Read, OperationClass::Write, OperationClass::Push].map(own),
            gate: limits.max_concurrent.map(|most| Gate::new(BucketId::at_once(caller, agent), most)),
        }
    }

    /// What an operation of `class` is paid from. A class that is not known is none with a limit of its own.
    pub(crate) fn of(&self, class: Option<OperationClass>) -> &Payment {
        match class.and_then(|class| self.own.get(class as usize)) {
            Some(Some(own)) => own,
            _ => &self.shared,
        }
    }
}

impl Allowance {
    /// The quota that was spent from.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The value of `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10 section 4).
    #[must_use]
    pub fn header(&self) -> String {
        header(self.quota.name, self.remaining, self.full_in)
    }
}

impl Exhausted {
    /// The value of `RateLimit`: nothing left, and when to come back.
    pub(crate) fn header(&self) -> String {
        header(self.quota.name, 0, self.retry_after)
    }
}

/// Written by hand: every limited request has one, and `format!` costs it more than the limit itself does.
fn header(name: &str, remaining: u32, seconds: u64) -> String {
    let mut header = String::with_capacity(name.len().saturating_add(48));
    header.push('"');
    header.push_str(name);
    header.push_str("\";r=");
    header.push_str(itoa::Buffer::new().format(remaining));
    header.push_str(";t=");
    header.push_str(itoa::Buffer::new().format(seconds));
    header
}
