//! The ledger of several control planes, in Redis: one script for each exchange (`ledger.lua`), so that no two see the same pool.
//! The time is Redis' own: several control planes have several clocks, and a pool filled by the faster of two would fill twice over
//! the difference.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures::future::{BoxFuture, FutureExt};
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::{
    ALIVE, BucketKey, DEMAND_WINDOW, HANDOVER, Lease, Ledger, LedgerError, Lent, Limit, Micros, NodeKey, REMEMBERED,
    Report,
};
use crate::domain::SecretText;

/// Longest wait for an answer. Envoys exchange several times a second: a slower ledger is none.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Longest wait for a connection, which is made aside.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest pause between attempts to connect.
const MOST_DELAY: Duration = Duration::from_secs(1);
/// Buckets in one run of the script, which nothing else in Redis interrupts.
const BATCH: usize = 250;
/// All keys begin so; the braces keep them on one node of a cluster.
const PREFIX: &str = "{tollgate}:quota";

/// The ledger.
pub struct RedisLedger {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    script: Script,
    clock: Clock,
}

/// Whose time holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// Redis'.
    Redis,
    /// The caller's, in tests.
    #[cfg(test)]
    Caller,
}

/// The URL is none of a Redis. Does not repeat it: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("limits.redis_url is no URL of a Redis: redis://, rediss:// or unix:")]
pub struct RedisUrlError;

impl Ledger for RedisLedger {
    fn exchange<'a>(
        &'a self,
        node: &'a NodeKey,
        reports: &'a [Report],
        now: Micros,
    ) -> BoxFuture<'a, Result<Lent, LedgerError>> {
        let answer = tokio::time::timeout(TIMEOUT, self.run(node, reports, now));
        answer.map(|answer| answer.map_err(|_| LedgerError::Slow)?).boxed()
    }
}

impl RedisLedger {
    /// A ledger in the Redis at `url`. Connects when it is first used: a Redis that is away keeps nothing from starting.
    ///
    /// # Errors
    /// When `url` is none.
    pub fn new(url: &SecretText) -> Result<Self, RedisUrlError> {
        let client = Client::open(url.expose()).map_err(|_| RedisUrlError)?;
        let script = Script::new(include_str!("ledger.lua"));
        Ok(Self { client, connection: OnceCell::new(), script, clock: Clock::Redis })
    }

    async fn run(&self, node: &NodeKey, reports: &[Report], now: Micros) -> Result<Lent, LedgerError> {
        let limited: Vec<(&Report, Limit)> = reports.iter().filter_map(|it| Some((it, it.limit?))).collect();
        let mut connection = self.connection().await?;
        let (mut nodes, mut lent) = (1, Some(Vec::with_capacity(limited.len())));
        // A node that has nothing to report is alive all the same.
        for batch in limited.chunks(BATCH).chain(limited.is_empty().then_some(&[][..])) {
            let answer: Vec<u64> = self.invocation(node, batch, now).invoke_async(&mut connection).await?;
            let [live, leasing, granted @ ..] = answer.as_slice() else { return Err(odd_answer()) };
            if granted.len() != batch.len() {
                return Err(odd_answer());
            }
            nodes = u32::try_from(*live).unwrap_or(u32::MAX);
            lent = lent.filter(|_| *leasing == 1);
            lent.iter_mut().for_each(|all| all.extend(granted));
        }
        let lease = lent.map_or(Lease::FairShare, |granted| Lease::Leasing(in_order(reports, granted)));
        Ok(Lent { nodes, lease })
    }

    /// Made inside the runtime that it works in, and then kept.
    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_max_delay(MOST_DELAY);
        let made = || async { ConnectionManager::new_lazy_with_config(self.client.clone(), config) };
        self.connection.get_or_try_init(made).await.cloned()
    }

    fn invocation(&self, node: &NodeKey, batch: &[(&Report, Limit)], now: Micros) -> redis::ScriptInvocation<'_> {
        let mut call = self.script.prepare_invoke();
        call.key(format!("{PREFIX}:fleet"));
        match self.clock {
            Clock::Redis => call.arg(""),
            #[cfg(test)]
            Clock::Caller => call.arg(now.0),
        };
        let _ = now;
        call.arg(&node.id).arg(node.instance).arg(ALIVE.0).arg(DEMAND_WINDOW.0).arg(REMEMBERED.0).arg(HANDOVER.0);
        for (report, limit) in batch {
            call.key(key(&report.key)).arg(limit.requests_per_minute.get()).arg(limit.burst.get());
            call.arg(report.held).arg(report.wanted).arg(report.demand);
        }
        call
    }
}

/// What was lent of the limited buckets, with a 0 for each that is not.
fn in_order(reports: &[Report], granted: Vec<u64>) -> Vec<u64> {
    let mut granted = granted.into_iter();
    reports.iter().map(|report| report.limit.and_then(|_| granted.next()).unwrap_or(0)).collect()
}

/// A key of one length, whatever the names are.
fn key(bucket: &BucketKey) -> String {
    let mut hash = Sha256::new();
    for part in [&bucket.issuer, &bucket.client, &bucket.agent, &bucket.operations] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{PREFIX}:bucket:{}", BASE64_URL_SAFE_NO_PAD.encode(hash.finalize()))
}

fn odd_answer() -> LedgerError {
    LedgerError::Away("the script's answer is not what it should be".to_owned())
}

impl From<RedisError> for LedgerError {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() { Self::Slow } else { Self::Away(error.to_string()) }
    }
}

#[cfg(test)]
mod tests;
