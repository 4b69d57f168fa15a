//! What one worker holds: a few tokens of each bucket its callers spend from, taken from shared memory some at a time and given back
//! when they lie idle. An empty bucket is remembered until it can hold a token again, so that refusing costs less than admitting.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::books;
use super::bucket::Terms;
use super::cabinet::{self, Use};
use super::{Account, Allowance, BucketId, Exhausted, Payment, Quota, Refill, Share, SharedMemory, UnixMicros};

/// Buckets a worker holds tokens of. Past it, callers spend from shared memory, token by token.
const MOST: usize = 8192;
/// Most tokens taken at a time.
const MOST_TAKEN: u32 = 32;
/// The part of a bucket's tokens that one worker takes at a time, at most: 1/16, or one token.
const PART: u32 = 16;
/// Tokens are held for the time that brings this part of a burst at most, and then counted anew: while they are held the bucket refills as
/// if they were spent, so any stretch of time may admit so much on top of burst and refill.
const HELD_PART: u64 = 64;
/// The same, in microseconds: no shorter, and no longer.
const HELD: RangeInclusive<UnixMicros> = 50_000..=1_000_000;
/// Longest an empty bucket is believed to be empty without another look, microseconds: other workers may give tokens back.
const BELIEVED: UnixMicros = 1_000_000;
const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60_000_000;

/// One worker's tokens.
pub struct Purse {
    share: Share,
    stashes: HashMap<BucketId, Stash, FixedState>,
    /// Requests that cost nothing, since they were last posted.
    free: HashMap<BucketId, (Arc<Account>, Counts), FixedState>,
    /// When everything was last posted.
    posted: UnixMicros,
    /// Whether something is not to wait: the control plane fetches a credential when it hears of it, or the mailbox was full.
    urgent: bool,
}

/// A worker's tokens of one bucket.
struct Stash {
    quota: Arc<Quota>,
    terms: Terms,
    tokens: u32,
    /// When they were taken.
    taken_at: UnixMicros,
    /// How many were taken then.
    taken: u32,
    /// For how long they are held, microseconds.
    held_for: UnixMicros,
    /// Tokens to take next time: more while they are used up, starting with one.
    next: u32,
    /// Tokens left in shared memory when they were last taken.
    left: u32,
    /// Microseconds until that bucket was full.
    full_in: u64,
    /// When an empty bucket holds its next token, if nobody gives one back.
    token_at: UnixMicros,
    /// Until when it is not looked at again.
    empty_until: UnixMicros,
    /// Whether it was used since the last [`Purse::tidy`].
    recent: bool,
    /// What became of requests since they were last posted.
    counts: Counts,
}

/// What became of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Had a token.
    pub admitted: u64,
    /// Had none.
    pub refused: u64,
    /// Would have been one too many at once.
    pub shed: u64,
    /// Had a token, but the backend refused the gateway's credential.
    pub unauthorized: u64,
}

/// How long a worker holds tokens of `quota`.
fn held_for(quota: &Quota) -> UnixMicros {
    let fills_in = u64::from(quota.burst.get()).saturating_mul(MINUTE);
    let fills_in = fills_in.checked_div(u64::from(quota.requests_per_minute.get())).unwrap_or(0);
    (fills_in / HELD_PART).clamp(*HELD.start(), *HELD.end())
}

impl Counts {
    /// Adds others, up to the largest number there is.
    pub fn add(&mut self, other: Self) {
        self.admitted = self.admitted.saturating_add(other.admitted);
        self.refused = self.refused.saturating_add(other.refused);
        self.shed = self.shed.saturating_add(other.shed);
        self.unauthorized = self.unauthorized.saturating_add(other.unauthorized);
    }

    /// All of them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.admitted.saturating_add(self.refused).saturating_add(self.shed)
    }
}

/// What a look into shared memory brought.
enum Found {
    Tokens { taken: u32, left: u32, full_in: u64 },
    Empty { wait: u64 },
}

impl Default for Purse {
    fn default() -> Self {
        Self { share: Share::ALL, stashes: HashMap::default(), free: HashMap::default(), posted: 0, urgent: false }
    }
}

impl Purse {
    /// Pays for a request; what is left, where that is limited.
    ///
    /// # Errors
    /// There is no token.
    pub fn pay(
        &mut self,
        payment: &Payment,
        shared: &dyn SharedMemory,
        now: UnixMicros,
    ) -> Result<Option<Allowance>, Exhausted> {
        match payment {
            Payment::Quota(quota) => self.spend(quota, shared, now).map(Some),
            Payment::Free(account) => {
                self.note(account, Counts { admitted: 1, ..Counts::default() });
                Ok(None)
            }
        }
    }

    /// Spends a token of `quota`.
    pub(super) fn spend(
        &mut self,
        quota: &Arc<Quota>,
        shared: &dyn SharedMemory,
        now: UnixMicros,
    ) -> Result<Allowance, Exhausted> {
        let share = self.share;
        match self.stash(quota) {
            Some(stash) => stash.spend(shared, now),
            None => Stash::new(quota, share).spend(shared, now),
        }
    }

    /// The tokens held of `quota`, none at first; `None`: there is no room to hold any.
    fn stash(&mut self, quota: &Arc<Quota>) -> Option<&mut Stash> {
        let has_room = self.stashes.len() < MOST;
        match self.stashes.entry(quota.account.id) {
            Entry::Occupied(stash) => {
                let stash = stash.into_mut();
                if !Arc::ptr_eq(&stash.quota, quota) && stash.quota != *quota {
                    // Another token of the same caller, with another limit: what was taken stays taken, what was counted counted.
                    let Stash { tokens, taken_at, counts, .. } = *stash;
                    *stash = Stash { tokens, taken_at, counts, ..Stash::new(quota, self.share) };
                }
                Some(stash)
            }
            Entry::Vacant(place) if has_room => Some(place.insert(Stash::new(quota, self.share))),
            Entry::Vacant(_) => None,
        }
    }

    /// What is to be divided by how many Envoys from now on, and who fills buckets.
    pub fn share(&mut self, share: Share) {
        if self.share == share {
            return;
        }
        self.share = share;
        for stash in self.stashes.values_mut() {
            stash.terms = Terms::new(&stash.quota, share);
            stash.empty_until = 0;
        }
    }

    /// Notes a request that would have been one too many at once.
    pub fn shed(&mut self, payment: &Payment) {
        self.count(payment, Counts { shed: 1, ..Counts::default() });
    }

    /// Notes that a backend refused the gateway's credential for a request that was paid for.
    pub fn unauthorized(&mut self, payment: &Payment) {
        self.urgent = true;
        self.count(payment, Counts { unauthorized: 1, ..Counts::default() });
    }

    fn count(&mut self, payment: &Payment, counts: Counts) {
        match payment {
            Payment::Free(account) => self.note(account, counts),
            Payment::Quota(quota) => {
                if let Some(stash) = self.stash(quota) {
                    stash.counts.add(counts);
                }
            }
        }
    }

    fn note(&mut self, account: &Arc<Account>, counts: Counts) {
        if let Some((_, known)) = self.free.get_mut(&account.id) {
            known.add(counts);
        } else if self.free.len() < MOST {
            self.free.insert(account.id, (Arc::clone(account), counts));
        }
    }

    /// Leaves what became of requests where the worker that speaks for all finds it: at once what tokens are lent for, the rest once a
    /// second, for it is only counted.
    pub fn post(&mut self, shared: &dyn SharedMemory, now: UnixMicros) {
        let everything = std::mem::take(&mut self.urgent) || now.abs_diff(self.posted) >= SECOND;
        if everything {
            self.posted = now;
        } else if self.share.is_alone() {
            return;
        }
        let limited = self.stashes.values_mut().filter_map(|stash| {
            let counts = std::mem::take(&mut stash.counts);
            (counts != Counts::default()).then(|| (Payment::Quota(Arc::clone(&stash.quota)), counts))
        });
        let mut news: Vec<(Payment, Counts)> = limited.collect();
        if everything {
            news.extend(self.free.drain().map(|(_, (account, counts))| (Payment::Free(account), counts)));
        }
        let unposted = books::post(shared, news);
        // What found no room need not wait for another second.
        self.urgent = !unposted.is_empty();
        for (payment, counts) in unposted {
            match payment {
                Payment::Free(account) => self.note(&account, counts),
                Payment::Quota(quota) => {
                    if let Some(stash) = self.stash(&quota) {
                        stash.counts.add(counts);
                    }
                }
            }
        }
    }

    /// Gives back what lay idle since the last time, and forgets it once that was told. Once a second or so.
    pub fn tidy(&mut self, shared: &dyn SharedMemory, now: UnixMicros) {
        self.stashes.retain(|id, stash| {
            if !std::mem::take(&mut stash.recent) {
                stash.give_back(*id, shared, now);
                return stash.counts != Counts::default();
            }
            true
        });
    }
}

impl Stash {
    fn new(quota: &Arc<Quota>, share: Share) -> Self {
        Self {
            quota: Arc::clone(quota),
            terms: Terms::new(quota, share),
            tokens: 0,
            taken_at: 0,
            taken: 0,
            held_for: held_for(quota),
            next: 1,
            left: 0,
            full_in: 0,
            token_at: 0,
            empty_until: 0,
            recent: false,
            counts: Counts::default(),
        }
    }

    fn spend(&mut self, shared: &dyn SharedMemory, now: UnixMicros) -> Result<Allowance, Exhausted> {
        self.recent = true;
        let held = now.checked_sub(self.taken_at).is_some_and(|since| since <= self.held_for);
        if (self.tokens == 0 || !held)
            && let Err(exhausted) = self.fetch(shared, now)
        {
            self.counts.refused = self.counts.refused.saturating_add(1);
            return Err(exhausted);
        }
        self.counts.admitted = self.counts.admitted.saturating_add(1);
        self.tokens = self.tokens.saturating_sub(1);
        let remaining = self.left.saturating_add(self.tokens);
        Ok(Allowance { quota: Arc::clone(&self.quota), remaining, full_in: self.full_in.div_ceil(SECOND) })
    }

    /// Takes tokens from shared memory, at least one, and gives back what was held too long.
    #[inline(never)]
    fn fetch(&mut self, shared: &dyn SharedMemory, now: UnixMicros) -> Result<(), Exhausted> {
        let wait = self.empty_until.saturating_sub(now);
        // A clock that was set back must not make an empty bucket empty for longer.
        if wait > 0 && wait <= BELIEVED {
            return Err(self.exhausted(self.token_at.saturating_sub(now)));
        }
        let (terms, next, stale, taken_at) = (self.terms, self.next, self.tokens, self.taken_at);
        let found = cabinet::open(shared, self.quota.account.id, self.quota.requests_per_minute.get(), now, |bucket| {
            bucket.refill_by(&terms, now);
            bucket.give_back(&terms, stale, taken_at);
            let held = bucket.held(&terms);
            if held == 0 {
                return Use::Unchanged(Found::Empty { wait: bucket.wait(&terms) });
            }
            let part = held.checked_div(PART).unwrap_or(0).max(1);
            let taken = next.min(part);
            bucket.take(&terms, taken);
            Use::Changed(Found::Tokens { taken, left: held.saturating_sub(taken), full_in: bucket.full_in(&terms) })
        });
        match found {
            Some(Found::Tokens { taken, left, full_in }) => {
                // Twice as many while they are used up, and as many as were used where some were left.
                let used = self.taken.saturating_sub(stale).max(1);
                self.next = if stale == 0 { self.next.saturating_mul(2).min(MOST_TAKEN) } else { used };
                (self.taken_at, self.taken) = (now, taken);
                (self.tokens, self.left, self.full_in) = (taken, left, full_in);
                Ok(())
            }
            Some(Found::Empty { wait }) => {
                self.next = 1;
                self.token_at = now.saturating_add(wait.max(self.fleet_wait()));
                self.empty_until = now.saturating_add(wait.min(BELIEVED));
                Err(self.exhausted(wait))
            }
            // Nobody is let through because something failed.
            None => Err(self.exhausted(SECOND)),
        }
    }

    #[cold]
    #[inline(never)]
    fn give_back(&mut self, id: BucketId, shared: &dyn SharedMemory, now: UnixMicros) {
        let (terms, tokens, taken_at) = (self.terms, std::mem::take(&mut self.tokens), self.taken_at);
        if tokens == 0 {
            return;
        }
        // Tokens that cannot be given back are lost, which admits less and not more.
        cabinet::open(shared, id, self.quota.requests_per_minute.get(), now, |bucket| {
            bucket.refill_by(&terms, now);
            bucket.give_back(&terms, tokens, taken_at);
            Use::Changed(())
        });
    }

    /// Microseconds in which the whole fleet gets another token, where the ledger fills the bucket.
    fn fleet_wait(&self) -> u64 {
        match self.terms.refill {
            Refill::Time => 0,
            Refill::Leases => MINUTE.div_ceil(u64::from(self.quota.requests_per_minute.get())),
        }
    }

    fn exhausted(&self, wait: u64) -> Exhausted {
        Exhausted { quota: Arc::clone(&self.quota), retry_after: wait.div_ceil(SECOND).max(1) }
    }
}
