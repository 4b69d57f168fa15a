//! What the leading worker tells the ledger and does with the answer. Every worker leaves what its callers did in a mailbox; the leader
//! enters it in its books, reports it with what each bucket holds, asks for tokens ahead of need, and puts into the buckets what was lent.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::num::NonZeroU32;

use foldhash::fast::FixedState;
use prost::Message;
use tollgate_proto::quota::v1 as wire;

use super::bucket::Terms;
use super::cabinet::{self, Use};
use super::shared::{Outcome, update};
use super::{BucketId, Counts, Payment, Refill, Share, SharedMemory, UnixMicros};
use crate::document::QuotaAway;

const MAILBOX: &str = "tollgate.mailbox";
/// Longest mailbox, bytes. What finds no room waits with its worker.
const MAILBOX_SIZE: usize = 256 * 1024;
/// Buckets in the books. Past it, further ones live on their share alone.
const MOST: usize = 20_000;
/// Buckets in one report.
const MOST_TOLD: usize = 2_000;
/// Tokens are asked for ahead of need, for so much time, microseconds.
const AHEAD: u64 = 300_000;
/// Without an answer for so long, microseconds, the ledger is away.
const AWAY: UnixMicros = 2_000_000;
/// A full bucket leaves the books when it was not used for so long, microseconds.
const IDLE: UnixMicros = 5_000_000;
const SECOND: u64 = 1_000_000;

/// The leader's books.
#[derive(Default)]
pub struct Books {
    lines: HashMap<BucketId, Line, FixedState>,
    /// Buckets of the report that is not answered yet, in its order.
    told: Vec<BucketId>,
    /// When the ledger answered last.
    answered: UnixMicros,
    /// Whether it lent then, and to how many.
    lends: bool,
    nodes: Option<NonZeroU32>,
    /// When its Envoy was last alone.
    alone: UnixMicros,
}

struct Line {
    key: wire::BucketKey,
    /// `None`: there is no limit, and nothing but its counts to tell.
    bounds: Option<Bounds>,
    counts: Counts,
    /// Of the report that is on its way.
    telling: Counts,
    /// Requests a second, smoothed.
    demand: u64,
    used: UnixMicros,
    told: UnixMicros,
}

/// Rate and burst, as a report says them.
#[derive(Clone, Copy)]
struct Bounds {
    requests_per_minute: NonZeroU32,
    burst: NonZeroU32,
}

/// Leaves what a worker's callers did in the mailbox. What finds no room is answered back.
pub(super) fn post(shared: &dyn SharedMemory, mut news: Vec<(Payment, Counts)>) -> Vec<(Payment, Counts)> {
    if news.is_empty() {
        return news;
    }
    // Of whom there is most to tell first: what has to wait will be more the next time.
    news.sort_by_key(|(_, counts)| Reverse(counts.requests()));
    let mut letters = Vec::new();
    let mut ends = Vec::with_capacity(news.len());
    for (payment, counts) in &news {
        let (account, limit) = match payment {
            Payment::Quota(quota) => (&quota.account, (quota.requests_per_minute.get(), quota.burst.get())),
            Payment::Free(account) => (&**account, (0, 0)),
        };
        let report = wire::BucketReport {
            key: Some(wire::BucketKey {
                issuer: account.issuer.to_string(),
                client: account.client.to_string(),
                agent: account.agent.to_string(),
                operations: account.operations.to_owned(),
            }),
            limit: Some(wire::Limit { requests_per_minute: limit.0, burst: limit.1 }),
            admitted: counts.admitted,
            refused: counts.refused,
            shed: counts.shed,
            unauthorized: counts.unauthorized,
            ..wire::BucketReport::default()
        };
        letters.extend_from_slice(&report.encode_length_delimited_to_vec());
        ends.push(letters.len());
    }
    let posted = update(shared, MAILBOX, |mut bytes| {
        let room = MAILBOX_SIZE.saturating_sub(bytes.len());
        let posted = ends.partition_point(|end| *end <= room);
        let end = posted.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
        bytes.extend_from_slice(letters.get(..end).unwrap_or(&[]));
        if end == 0 { Outcome::Leave(0) } else { Outcome::Write(bytes, posted) }
    });
    news.split_off(posted.unwrap_or(0).min(news.len()))
}

impl Books {
    /// This worker leads from now on, under the share in force: the ledger has until [`AWAY`] to answer it for the first time.
    pub fn take_over(&mut self, share: Share, now: UnixMicros) {
        self.answered = now;
        self.nodes = Some(share.nodes);
        self.lends = share.refill == Refill::Leases;
    }

    /// Empties the mailbox into the books, `elapsed` after the last time, under the share in force.
    pub fn collect(&mut self, shared: &dyn SharedMemory, share: Share, now: UnixMicros, elapsed: UnixMicros) {
        let emptied = update(shared, MAILBOX, |bytes| match bytes.as_slice() {
            [] => Outcome::Leave(Vec::new()),
            _ => Outcome::Write(Vec::new(), bytes),
        });
        let bytes = emptied.unwrap_or_default();
        let mut arrived: HashMap<BucketId, u64, FixedState> = HashMap::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let Ok(report) = wire::BucketReport::decode_length_delimited(&mut rest) else { break };
            if let Some((id, requests)) = self.enter(report, now) {
                let count = arrived.entry(id).or_insert(0);
                *count = count.saturating_add(requests);
            }
        }
        if share.is_alone() {
            // Nobody asks how much it needs.
            self.alone = now;
            return;
        }
        // While it was alone its workers posted once a second: what comes now may be a second's.
        let elapsed = if now.abs_diff(self.alone) < SECOND { elapsed.max(SECOND) } else { elapsed };
        for (id, line) in &mut self.lines {
            let requests = arrived.get(id).copied().unwrap_or(0);
            let rate = requests.saturating_mul(SECOND).checked_div(elapsed.max(1)).unwrap_or(0);
            // Rises at once, falls by half an exchange: a caller that comes in bursts keeps what it needs.
            line.demand = rate.max(line.demand / 2);
        }
    }

    fn enter(&mut self, report: wire::BucketReport, now: UnixMicros) -> Option<(BucketId, u64)> {
        let (key, limit) = (report.key?, report.limit?);
        let id = BucketId::of([&key.issuer, &key.client, &key.agent, &key.operations]);
        let (rate, burst) = (NonZeroU32::new(limit.requests_per_minute), NonZeroU32::new(limit.burst));
        let bounds = rate.zip(burst).map(|(requests_per_minute, burst)| Bounds { requests_per_minute, burst });
        if self.lines.len() >= MOST && !self.lines.contains_key(&id) {
            return None;
        }
        let line = self.lines.entry(id).or_insert_with(|| Line::new(key, bounds));
        (line.bounds, line.used) = (bounds, now);
        line.counts.add(Counts {
            admitted: report.admitted,
            refused: report.refused,
            shed: report.shed,
            unauthorized: report.unauthorized,
        });
        Some((id, report.admitted.saturating_add(report.refused)))
    }

    /// The report to send, with everything that changed or wants tokens.
    pub fn report(&mut self, shared: &dyn SharedMemory, share: Share, now: UnixMicros) -> Vec<wire::BucketReport> {
        self.told.clear();
        let mut reports = Vec::new();
        let mut full = Vec::new();
        // Who wants no tokens is told of for its counts alone, which can wait.
        let is_due = |line: &Line| {
            let wants = line.bounds.is_some() && !share.is_alone();
            wants || line.counts.unauthorized > 0 || now.saturating_sub(line.told) >= SECOND
        };
        let mut by_wait: Vec<(&BucketId, &mut Line)> = self.lines.iter_mut().filter(|(_, line)| is_due(line)).collect();
        by_wait.sort_by_key(|(_, line)| line.told);
        for (id, line) in by_wait.into_iter().take(MOST_TOLD) {
            let (held, wanted, is_full) = line.stand(*id, shared, share, now);
            let quiet = line.counts == Counts::default();
            if quiet && wanted == 0 && now.saturating_sub(line.used) > IDLE && is_full {
                full.push(*id);
            }
            line.telling = std::mem::take(&mut line.counts);
            line.told = now;
            self.told.push(*id);
            reports.push(line.report(held, wanted));
        }
        for id in full {
            self.lines.remove(&id);
        }
        reports
    }

    /// The ledger answered: what it lent goes into the buckets, and all workers hear of their share.
    pub fn answered(&mut self, answer: &wire::SyncResponse, shared: &dyn SharedMemory, share: Share, now: UnixMicros) {
        self.answered = now;
        self.lends = answer.state() == wire::LeaseState::Leasing;
        let nodes = NonZeroU32::new(answer.nodes);
        // A ledger that has just begun hears of one Envoy after the other: whoever is heard first is not alone for that.
        self.nodes = if self.lends { nodes.or(self.nodes) } else { nodes.max(self.nodes) };
        for (id, granted) in std::mem::take(&mut self.told).into_iter().zip(answer.granted.iter().copied()) {
            let Some(line) = self.lines.get_mut(&id) else { continue };
            line.telling = Counts::default();
            let Some(bounds) = line.bounds else { continue };
            let granted = u32::try_from(granted).unwrap_or(u32::MAX).min(bounds.burst.get());
            if granted > 0 {
                let terms = bounds.terms(share);
                cabinet::open(shared, id, bounds.requests_per_minute.get(), now, |bucket| {
                    bucket.refill_by(&terms, now);
                    bucket.put(&terms, granted);
                    Use::Changed(())
                });
            }
        }
    }

    /// The ledger did not answer: what was told is told again.
    pub fn unanswered(&mut self) {
        for id in std::mem::take(&mut self.told) {
            if let Some(line) = self.lines.get_mut(&id) {
                let telling = std::mem::take(&mut line.telling);
                line.counts.add(telling);
            }
        }
    }

    /// The share that holds now, `before` having held so far.
    #[must_use]
    pub fn share(&self, before: Share, away: QuotaAway, now: UnixMicros) -> Share {
        let nodes = self.nodes.unwrap_or(before.nodes);
        let is_away = now.abs_diff(self.answered) > AWAY;
        let refill = match (is_away, self.lends && nodes > NonZeroU32::MIN, away) {
            (true, _, QuotaAway::Refuse) | (false, true, _) => Refill::Leases,
            (true, _, QuotaAway::FairShare) | (false, false, _) => Refill::Time,
        };
        let since = if refill == before.refill { before.since } else { now };
        Share { nodes, refill, since }
    }

    /// Whether the ledger has answered lately.
    #[must_use]
    pub fn is_healthy(&self, now: UnixMicros) -> bool {
        now.abs_diff(self.answered) <= AWAY
    }
}

impl Bounds {
    fn terms(self, share: Share) -> Terms {
        Terms::of(self.requests_per_minute, self.burst, share)
    }
}

impl Line {
    fn new(key: wire::BucketKey, bounds: Option<Bounds>) -> Self {
        Self { key, bounds, counts: Counts::default(), telling: Counts::default(), demand: 0, used: 0, told: 0 }
    }

    /// Tokens held and wanted, and whether the bucket is what one that was never used is.
    fn stand(&self, id: BucketId, shared: &dyn SharedMemory, share: Share, now: UnixMicros) -> (u64, u64, bool) {
        let Some(bounds) = self.bounds else { return (0, 0, true) };
        if share.is_alone() {
            // Nobody else could have it: not worth a look into shared memory.
            return (u64::from(bounds.burst.get()), 0, true);
        }
        let held = u64::from(held(shared, id, bounds, share, now));
        let burst = bounds.burst.get();
        let own = u64::from(burst.checked_div(share.nodes.get()).unwrap_or(0).max(1));
        let ahead = self.demand.saturating_mul(AHEAD).div_ceil(SECOND).min(u64::from(burst));
        (held, own.max(ahead).saturating_sub(held), held >= own)
    }

    fn report(&self, held: u64, wanted: u64) -> wire::BucketReport {
        wire::BucketReport {
            key: Some(self.key.clone()),
            limit: Some(self.bounds.map_or_else(wire::Limit::default, |bounds| wire::Limit {
                requests_per_minute: bounds.requests_per_minute.get(),
                burst: bounds.burst.get(),
            })),
            held,
            wanted,
            demand: u32::try_from(self.demand).unwrap_or(u32::MAX),
            admitted: self.telling.admitted,
            refused: self.telling.refused,
            shed: self.telling.shed,
            unauthorized: self.telling.unauthorized,
        }
    }
}

fn held(shared: &dyn SharedMemory, id: BucketId, bounds: Bounds, share: Share, now: UnixMicros) -> u32 {
    let terms = bounds.terms(share);
    let held = cabinet::open(shared, id, bounds.requests_per_minute.get(), now, |bucket| {
        bucket.refill_by(&terms, now);
        Use::Unchanged(bucket.held(&terms))
    });
    held.unwrap_or(0)
}
