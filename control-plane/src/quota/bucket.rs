//! One bucket: the pool, and what each node was last known to hold. Arithmetic in whole units, 60 million to the token: a
//! microsecond at one request a minute is one unit, so nothing is lost to rounding, and nothing made by it. `ledger.lua` is the same
//! in Redis: whoever changes one changes both.

use super::{
    DEMAND_WINDOW, HANDOVER, Limit, Micros, REMEMBERED, Report,
    fleet::{Slot, Standing},
};

/// Units of one token.
const TOKEN: i128 = 60_000_000;
/// More demand than this, requests a second, counts as this: products stay exact in the numbers of Lua.
const MOST_DEMAND: u32 = 1_000_000;
/// Longer spans count as this: some eleven days.
const LONGEST: Micros = Micros::from_seconds(1_000_000);

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Tokens that nobody holds, in units. Below zero while more is out than the bucket holds: after a node joined.
    pool: i128,
    /// When the pool was last filled.
    touched: Micros,
    requests_per_minute: u32,
    holdings: Vec<Holding>,
    /// When it is no more than what a bucket is that nobody has spoken of.
    forgotten_at: Micros,
}

/// What one node was last known to hold.
#[derive(Debug)]
struct Holding {
    slot: Slot,
    held: u64,
    demand: u32,
    said_at: Micros,
    /// Whether it was given less than it asked for.
    waits: bool,
    lent_at: Micros,
}

impl Bucket {
    /// A bucket that nobody has spoken of: every node holds its share, and the pool is empty.
    pub(super) fn new(limit: Limit, now: Micros) -> Self {
        let requests_per_minute = limit.requests_per_minute.get();
        Self { pool: 0, touched: now, requests_per_minute, holdings: Vec::new(), forgotten_at: now.plus(REMEMBERED) }
    }

    /// Whether a new bucket would do as well.
    pub(super) fn is_forgotten(&self, now: Micros) -> bool {
        self.forgotten_at <= now
    }

    /// Takes note of a report, and lends.
    pub(super) fn exchange(&mut self, report: &Report, limit: Limit, standing: &Standing) -> u64 {
        let (now, nodes) = (standing.now, u64::from(standing.nodes()));
        self.refill(standing);
        self.requests_per_minute = limit.requests_per_minute.get();
        self.holdings.retain(|holding| standing.is_alive(holding.slot));
        self.note(report, standing);
        // With fewer tokens than nodes, each node holds one all the same: else those that need none would hold all there are.
        let burst = u64::from(limit.burst.get()).max(nodes);
        let share = burst / nodes;
        let silent = nodes.saturating_sub(self.holdings.len() as u64);
        let out = self.holdings.iter().map(|it| it.likely_left(now)).sum::<u64>() + silent * share;
        self.pool = self.pool.min((i128::from(burst) - i128::from(out)) * TOKEN);
        if nodes == 1 {
            // It fills its bucket by itself.
            self.pool = 0;
        }
        let granted = if standing.is_leasing() { self.share_of(report, standing) } else { 0 };
        self.lend(granted, report, standing);
        self.forgotten_at = now.plus(self.until_fresh(nodes * share, out + granted));
        granted
    }

    fn refill(&mut self, standing: &Standing) {
        let since = self.touched.max(standing.leasing_since.plus(HANDOVER));
        let elapsed = standing.now.since(since).min(LONGEST);
        self.pool += i128::from(elapsed.0) * i128::from(self.requests_per_minute);
        self.touched = self.touched.max(standing.now);
    }

    fn note(&mut self, report: &Report, standing: &Standing) {
        let (held, demand, now) = (u64::from(report.held), report.demand.min(MOST_DEMAND), standing.now);
        match self.holdings.iter_mut().find(|it| it.slot == standing.slot) {
            Some(known) => *known = Holding { held, demand, said_at: now, ..*known },
            None => {
                let slot = standing.slot;
                self.holdings.push(Holding { slot, held, demand, said_at: now, waits: false, lent_at: now });
            }
        }
    }

    /// What of the pool goes to the node that reports: as its demand is to everyone's. Where that is less than a token, whole
    /// tokens go to whoever has waited longest for its demand, so that the first to ask is not always the same.
    fn share_of(&self, report: &Report, standing: &Standing) -> u64 {
        let pool = u64::try_from(self.pool.div_euclid(TOKEN)).unwrap_or(0);
        let most = pool.min(u64::from(report.wanted));
        let own = self.holdings.iter().find(|it| it.slot == standing.slot);
        let Some(own) = own.filter(|_| most > 0) else { return 0 };
        let now = standing.now;
        let lately = || self.holdings.iter().filter(|it| now.since(it.said_at) < DEMAND_WINDOW);
        let demand: u128 = lately().map(|it| u128::from(it.demand)).sum();
        let part = (u128::from(pool) * u128::from(own.demand)).checked_div(demand).unwrap_or(0);
        if part == 0 {
            let others = lately().filter(|it| it.slot != own.slot && it.waits);
            return u64::from(others.map(|it| it.patience(now)).max().is_none_or(|most| most <= own.patience(now)));
        }
        u64::try_from(part).unwrap_or(u64::MAX).min(most)
    }

    fn lend(&mut self, granted: u64, report: &Report, standing: &Standing) {
        self.pool -= i128::from(granted) * TOKEN;
        if let Some(holding) = self.holdings.iter_mut().find(|it| it.slot == standing.slot) {
            holding.held += granted;
            holding.waits = granted < u64::from(report.wanted);
            if granted > 0 {
                holding.lent_at = standing.now;
            }
        }
    }

    /// How long until pool and nodes together have what they have in a bucket that nobody has spoken of.
    fn until_fresh(&self, fresh: u64, out: u64) -> Micros {
        let pool = self.pool.div_euclid(TOKEN);
        let missing = (i128::from(fresh) - i128::from(out) - pool).max(-pool).max(0);
        let rate = i128::from(self.requests_per_minute);
        let seconds = u64::try_from((missing * 60 + rate - 1) / rate).unwrap_or(u64::MAX);
        Micros::from_seconds(seconds.min(LONGEST.seconds())).max(REMEMBERED)
    }
}

impl Holding {
    /// What it most likely still holds: a token lent is spent before it is reported, and a pool that counts it as held meanwhile
    /// runs over.
    fn likely_left(&self, now: Micros) -> u64 {
        let elapsed = now.since(self.said_at).min(DEMAND_WINDOW);
        self.held.saturating_sub(u64::from(self.demand) * elapsed.0 / 1_000_000)
    }

    /// How long it was lent nothing, for its demand.
    fn patience(&self, now: Micros) -> u64 {
        now.since(self.lent_at).min(REMEMBERED).0 * u64::from(self.demand.max(1))
    }
}
