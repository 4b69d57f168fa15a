//! Cards kept current: each agent's is fetched again on a jittered period, and whenever an operator asks. A card that says the same
//! costs nothing but the request; a good one that says something else becomes a version; a bad or vanished one leaves the last good
//! one and marks the record. Nothing else of a record changes here, its status least of all.

mod schedule;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    cards::{CardError, CardFetcher, Refetched, Validators, difference},
    domain::{Agent, AgentId, AgentStatus, Card, Registry, UnixSeconds},
    store::{Change, Store, StoreError, WriteError},
};
use schedule::Schedule;

/// Cards fetched at once.
const AT_ONCE: usize = 8;
/// Changed places of a card that the log names.
const NAMED_CHANGES: usize = 8;

/// Where cards come from.
pub trait Upstream: Send + Sync {
    /// The agent's card as it is now.
    fn refetch<'a>(
        &'a self,
        agent: &'a Agent,
        known: &'a Validators,
        now: UnixSeconds,
    ) -> BoxFuture<'a, Result<Refetched, CardError>>;
}

impl Upstream for CardFetcher {
    fn refetch<'a>(
        &'a self,
        agent: &'a Agent,
        known: &'a Validators,
        now: UnixSeconds,
    ) -> BoxFuture<'a, Result<Refetched, CardError>> {
        Box::pin(Self::refetch(self, agent, known, now))
    }
}

/// The world's facts, as arguments.
#[derive(Debug, Clone, Copy)]
pub struct Edges {
    /// The time.
    pub clock: fn() -> UnixSeconds,
    /// A number in `0.0..1.0`, so that fetches do not come in herds.
    pub jitter: fn() -> f64,
}

/// Keeps cards current. Clones share what they know.
#[derive(Clone)]
pub struct CardSync {
    store: Store,
    upstream: Arc<dyn Upstream>,
    edges: Edges,
    seen: Arc<Mutex<HashMap<AgentId, Seen>>>,
}

/// What was found when a card was last looked at. Not worth a write: without it, the next look is a whole fetch.
struct Seen {
    /// The card that it is about.
    card: Weak<Card>,
    validators: Validators,
    at: UnixSeconds,
}

/// What a sync came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The card says what it said, and nothing was wrong before: nothing is written.
    Unchanged,
    /// The record has another card, or its error is gone.
    Written,
    /// The card cannot be had. The record has the last good one, and says why.
    Failed(CardError),
    /// The record is another than it was, or gone: whoever changed it has seen to its card.
    Superseded,
}

impl CardSync {
    /// Syncs of the store's agents, by cards of `upstream`.
    #[must_use]
    pub fn new(store: Store, upstream: Arc<dyn Upstream>, edges: Edges) -> Self {
        Self { store, upstream, edges, seen: Arc::default() }
    }

    /// When the agent's card was last found to be good.
    #[must_use]
    pub fn last_synced(&self, agent: &Agent) -> UnixSeconds {
        let seen = self.lock();
        let seen = seen.get(&agent.id).filter(|seen| seen.is_of(agent));
        seen.map_or(agent.card.fetched_at, |seen| seen.at.max(agent.card.fetched_at))
    }

    /// Fetches the agent's card, if it is another than the one there is, and writes what came of it.
    ///
    /// # Errors
    /// The registry could not be written.
    pub async fn sync(&self, id: &AgentId) -> Result<Outcome, StoreError> {
        let Some(agent) = self.store.registry().agents.get(id).cloned() else { return Ok(Outcome::Superseded) };
        let fetched = self.upstream.refetch(&agent, &self.validators(&agent), (self.edges.clock)()).await;
        let now = (self.edges.clock)();
        let (before, result) = (agent.clone(), fetched.clone().map(|it| it.card));
        let decide = move |registry: &Registry| {
            let current = registry.agents.get(&before.id).filter(|current| is_same_place(current, &before));
            let current = current.ok_or(Superseded)?;
            Ok(synced(current, &result, now).map(Change::PutAgent).into_iter().collect())
        };
        match self.store.write::<Superseded>(decide).await {
            Ok(_) => {}
            Err(WriteError::Refused(Superseded)) => return Ok(Outcome::Superseded),
            Err(WriteError::Store(error)) => return Err(error),
        }
        let registry = self.store.registry();
        let Some(current) = registry.agents.get(id) else { return Ok(Outcome::Superseded) };
        report(&agent, current, fetched.as_ref().err());
        Ok(match fetched {
            Err(error) => Outcome::Failed(error),
            Ok(fetched) => {
                let seen = Seen { card: Arc::downgrade(&current.card), validators: fetched.validators, at: now };
                self.lock().insert(id.clone(), seen);
                if Arc::ptr_eq(current, &agent) { Outcome::Unchanged } else { Outcome::Written }
            }
        })
    }

    /// Looks at the card of every agent that is not retired once in `interval`, for ever; at those that failed, less and less often.
    pub async fn run(self, interval: Duration) {
        let mut generations = self.store.subscribe();
        let mut schedule = Schedule::new(interval, self.edges.jitter);
        let mut running = JoinSet::new();
        let mut followed: Option<Arc<Registry>> = None;
        loop {
            let registry = self.store.registry();
            // With thousands of agents one is due every moment, and mostly nothing has changed since the last.
            if followed.as_ref().is_none_or(|it| !Arc::ptr_eq(it, &registry)) {
                let kept = registry.agents.values().filter(|agent| agent.status != AgentStatus::Retired);
                schedule.follow(kept, Instant::now());
                let mut seen = self.lock();
                if seen.len() > registry.agents.len() {
                    seen.retain(|id, _| registry.agents.contains_key(id));
                }
                drop(seen);
                followed = Some(registry);
            }
            for id in schedule.take_due(Instant::now(), AT_ONCE - running.len()) {
                running.spawn(self.clone().run_one(id));
            }
            let next = schedule.next().filter(|_| running.len() < AT_ONCE);
            tokio::select! {
                () = sleep_until(next) => {}
                Some(done) = running.join_next() => {
                    let (id, has_failed) = done.expect("a sync does not panic, and nobody aborts it");
                    schedule.done(&id, has_failed, Instant::now());
                }
                Ok(()) = generations.changed() => {}
            }
        }
    }

    async fn run_one(self, id: AgentId) -> (AgentId, bool) {
        let outcome = self.sync(&id).await;
        if let Err(error) = &outcome {
            tracing::error!(agent = %id, error = error as &dyn std::error::Error, "a card sync could not be written");
        }
        (id, !matches!(outcome, Ok(Outcome::Unchanged | Outcome::Written | Outcome::Superseded)))
    }

    fn validators(&self, agent: &Agent) -> Validators {
        let seen = self.lock();
        let seen = seen.get(&agent.id).filter(|seen| seen.is_of(agent));
        seen.map_or_else(|| Validators::of(&agent.card), |seen| seen.validators.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_of(&self, agent: &Agent) -> bool {
        std::ptr::eq(self.card.as_ptr(), Arc::as_ptr(&agent.card))
    }
}

/// The record is another than it was when its card was asked for.
struct Superseded;

/// Whether a card that was asked for as `before` has it is one for `current`: the place is the same, and nobody else has fetched one
/// meanwhile.
fn is_same_place(current: &Agent, before: &Agent) -> bool {
    Arc::ptr_eq(&current.card, &before.card)
        && current.backends == before.backends
        && current.card_url == before.card_url
        && current.card_signatures == before.card_signatures
}

/// The record after a sync; `None`: as before. The same document in other words is the same card.
fn synced(current: &Agent, outcome: &Result<Card, CardError>, now: UnixSeconds) -> Option<Agent> {
    match outcome {
        Err(error) => {
            let sync_error = Some(error.to_string());
            (current.sync_error != sync_error).then(|| Agent { sync_error, ..current.clone() })
        }
        Ok(card) => {
            let says_the_same = card.document == current.card.document && card.signature == current.card.signature;
            if says_the_same && current.sync_error.is_none() {
                return None;
            }
            let agent = current.clone().with_card(card.clone());
            Some(Agent { sync_error: None, updated_at: now, ..agent })
        }
    }
}

/// Says in the log what is news.
fn report(before: &Agent, after: &Agent, error: Option<&CardError>) {
    match error {
        Some(error) if before.sync_error != after.sync_error => {
            tracing::warn!(agent = %after.id, error = error as &dyn std::error::Error, "a card sync failed: the last good card stays");
        }
        Some(error) => {
            tracing::debug!(agent = %after.id, error = error as &dyn std::error::Error, "a card sync failed again");
        }
        None if after.card.version != before.card.version => {
            let changes = difference(&before.card.document, &after.card.document);
            let named: Vec<&str> = changes.iter().take(NAMED_CHANGES).map(|change| change.pointer.as_str()).collect();
            let (version, count) = (after.card.version, changes.len());
            tracing::info!(agent = %after.id, version, changes = count, at = named.join(" "), "a card changed");
        }
        None if before.sync_error.is_some() => tracing::info!(agent = %after.id, "a card can be had again"),
        None => tracing::debug!(agent = %after.id, "a card is as it was"),
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
