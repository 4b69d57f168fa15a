//! The ledger of a single control plane, in its memory. A restart forgets it; nodes then go on with their fair shares until it knows
//! the fleet again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use futures::future::{BoxFuture, FutureExt, ready};

use super::{
    BucketKey, Lease, Ledger, LedgerError, Lent, Micros, NodeKey, REMEMBERED, Report,
    bucket::Bucket,
    fleet::{Fleet, Standing},
};

/// Buckets remembered; of more than these nothing is lent, and their nodes live on their shares.
const MOST_BUCKETS: usize = 200_000;

/// The ledger.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    fleet: Fleet,
    buckets: Buckets,
}

#[derive(Debug, Default)]
struct Buckets {
    by_key: HashMap<BucketKey, Bucket>,
    swept_at: Micros,
}

impl Ledger for MemoryLedger {
    fn exchange<'a>(
        &'a self,
        node: &'a NodeKey,
        reports: &'a [Report],
        now: Micros,
    ) -> BoxFuture<'a, Result<Lent, LedgerError>> {
        ready(Ok(self.lock().exchange(node, reports, now))).boxed()
    }
}

impl MemoryLedger {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no holder of this lock panics")
    }
}

impl Book {
    fn exchange(&mut self, node: &NodeKey, reports: &[Report], now: Micros) -> Lent {
        let standing = self.fleet.hear(node, now);
        self.buckets.sweep(now);
        let granted = reports.iter().map(|report| self.buckets.exchange(report, &standing)).collect();
        let lease = if standing.is_leasing() { Lease::Leasing(granted) } else { Lease::FairShare };
        Lent { nodes: standing.nodes(), lease }
    }
}

impl Buckets {
    fn exchange(&mut self, report: &Report, standing: &Standing) -> u64 {
        let Some(limit) = report.limit else { return 0 };
        if let Some(bucket) = self.by_key.get_mut(&report.key) {
            if bucket.is_forgotten(standing.now) {
                *bucket = Bucket::new(limit, standing.now);
            }
            return bucket.exchange(report, limit, standing);
        }
        if self.by_key.len() >= MOST_BUCKETS {
            return 0;
        }
        let mut bucket = Bucket::new(limit, standing.now);
        let granted = bucket.exchange(report, limit, standing);
        self.by_key.insert(report.key.clone(), bucket);
        granted
    }

    /// Now and then, drops what is forgotten.
    fn sweep(&mut self, now: Micros) {
        if now.since(self.swept_at) >= REMEMBERED {
            self.by_key.retain(|_, bucket| !bucket.is_forgotten(now));
            self.swept_at = now;
        }
    }
}
