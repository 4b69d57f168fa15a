//! One token bucket: continuous refill in whole numbers, nothing lost to rounding and nothing gained. Amounts are in units of a
//! microsecond at one request a minute, so that time times rate is an amount. The clock is the caller's, and may go back.

use std::num::NonZeroU32;

use super::{Quota, Refill, Share, UnixMicros};

/// One token where an Envoy is alone: the microseconds of a minute.
const TOKEN: i64 = 60_000_000;
/// A clock that is further back than this was set; one that is less so belongs to a worker that read it a moment earlier.
const CLOCK_SET: UnixMicros = 5_000_000;
/// When to look again for tokens that the ledger may lend, microseconds.
const SOON: u64 = 100_000;
/// What workers hold of a bucket and have not spent is less than this part of it, 1/4: a worker takes 1/16 at most.
const NEARLY_FULL: i64 = 4;
/// Most Envoys a share is divided by.
const MAX_NODES: u32 = 10_000;

/// What a bucket holds and how it fills: a limit, and the share of it that this Envoy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Units a microsecond brings; 0 where only the ledger brings tokens.
    rate: i64,
    /// No time before this brings any: until then the ledger did.
    since: UnixMicros,
    /// Who fills it.
    pub(super) refill: Refill,
    /// Units that make a token. A share is a matter of price: with three Envoys, each of three buckets that fill at the whole rate
    /// sells a token for three.
    price: i64,
    /// Units a full bucket holds.
    size: i64,
    /// Units that may be in it: a share, and lent tokens up to a whole burst.
    most: i64,
}

/// A bucket: what was taken out and has not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Units.
    pub(super) spent: i64,
    /// When `spent` was right.
    pub(super) at: UnixMicros,
    /// When it was last seen to be full, or so nearly that it would be if workers had not taken what they hold.
    pub(super) full_at: UnixMicros,
}

impl Terms {
    pub(super) fn new(quota: &Quota, share: Share) -> Self {
        Self::of(quota.requests_per_minute, quota.burst, share)
    }

    pub(super) fn of(requests_per_minute: NonZeroU32, burst: NonZeroU32, share: Share) -> Self {
        let nodes = i64::from(share.nodes.get().min(MAX_NODES));
        // However many share it, each may sell one token.
        let burst = i64::from(burst.get()).max(nodes);
        Self {
            rate: match share.refill {
                Refill::Time => i64::from(requests_per_minute.get()),
                Refill::Leases => 0,
            },
            since: share.since,
            refill: share.refill,
            price: TOKEN.saturating_mul(nodes),
            size: TOKEN.saturating_mul(burst),
            most: TOKEN.saturating_mul(burst).saturating_mul(nodes),
        }
    }
}

impl Bucket {
    /// A full one.
    pub(super) fn full(now: UnixMicros) -> Self {
        Self { spent: 0, at: now, full_at: now }
    }

    /// Puts in what the time since the last refill brings.
    pub(super) fn refill(&mut self, rate: i64, now: UnixMicros) {
        let Some(elapsed) = now.checked_sub(self.at) else {
            if self.at.saturating_sub(now) > CLOCK_SET {
                self.at = now;
            }
            return;
        };
        let brought = i64::try_from(elapsed).unwrap_or(i64::MAX).saturating_mul(rate);
        self.spent = self.spent.saturating_sub(brought).max(self.spent.min(0));
        self.at = now;
    }

    /// [`Bucket::refill`] as `terms` say.
    pub(super) fn refill_by(&mut self, terms: &Terms, now: UnixMicros) {
        self.at = self.at.max(terms.since.min(now));
        self.refill(terms.rate, now);
        // Lent tokens are worth more once the share is larger: never more than a burst.
        self.spent = self.spent.max(terms.size.saturating_sub(terms.most));
        if self.spent <= terms.size / NEARLY_FULL {
            self.full_at = now;
        }
    }

    /// Whole tokens in it.
    pub(super) fn held(&self, terms: &Terms) -> u32 {
        let tokens = terms.size.saturating_sub(self.spent).checked_div(terms.price).unwrap_or(0);
        u32::try_from(tokens.max(0)).unwrap_or(u32::MAX)
    }

    /// Takes tokens out; no more than [`Bucket::held`].
    pub(super) fn take(&mut self, terms: &Terms, tokens: u32) {
        self.spent = self.spent.saturating_add(terms.price.saturating_mul(i64::from(tokens)));
    }

    /// Puts back tokens that were taken at `taken_at` and not spent. Where the bucket was full since then they would have run over: they
    /// are lost.
    pub(super) fn give_back(&mut self, terms: &Terms, tokens: u32, taken_at: UnixMicros) {
        if self.full_at > taken_at {
            return;
        }
        let returned = terms.price.saturating_mul(i64::from(tokens));
        self.spent = self.spent.saturating_sub(returned).max(self.spent.min(0));
    }

    /// Puts in tokens that the ledger lent, which may be more than this Envoy's share.
    pub(super) fn put(&mut self, terms: &Terms, tokens: u32) {
        self.spent = self.spent.saturating_sub(terms.price.saturating_mul(i64::from(tokens)));
    }

    /// Microseconds until it holds a token.
    pub(super) fn wait(&self, terms: &Terms) -> u64 {
        let missing = self.spent.saturating_add(terms.price).saturating_sub(terms.size);
        time(missing, terms.rate)
    }

    /// Microseconds until it is full.
    pub(super) fn full_in(&self, terms: &Terms) -> u64 {
        time(self.spent, terms.rate)
    }
}

/// The time that brings `units`, rounded up. Where only the ledger brings any, that is a matter of its next answers: soon.
fn time(units: i64, rate: i64) -> u64 {
    if rate <= 0 {
        return if units > 0 { SOON } else { 0 };
    }
    let (units, rate) = (u64::try_from(units).unwrap_or(0), u64::try_from(rate).unwrap_or(1).max(1));
    units.div_ceil(rate)
}
