//! Discovery sources: agent cards and AI catalogues of other hosts, looked at on a period. What is found there and not registered yet
//! is proposed: it becomes a pending agent, which nobody can call or see until an operator approves it. A source is never believed
//! further than that: it changes no agent that is registered, reaches nothing that the outbound rules do not let it reach, and may
//! have only so many agents waiting.

mod catalog;
mod id;
mod proposal;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use futures::{StreamExt, future, stream};
use http::{HeaderMap, HeaderValue, header};
use url::Url;

use crate::{
    cards::{CardError, CardFetcher, FoundCard},
    config::{DiscoverySettings, PublicUrl},
    domain::{AgentId, Registry, UnixSeconds},
    outbound::{Fetched, Outbound, OutboundError},
    store::{Store, StoreError, WriteError},
    strict_json::{self, StrictJsonError},
};
pub use catalog::{Candidate, candidates};

/// No catalogue is longer, in bytes.
const MAX_CATALOG: usize = 1 << 20;
/// Cards of one source that are fetched at once.
const AT_ONCE: usize = 4;
/// Of what was skipped, so much is told.
const MAX_SKIPPED: usize = 100;

/// The sources. Clones share what they know.
#[derive(Clone)]
pub struct Sources {
    store: Store,
    outbound: Outbound,
    fetcher: CardFetcher,
    gateway: Url,
    settings: DiscoverySettings,
    clock: fn() -> UnixSeconds,
    reports: Arc<Mutex<BTreeMap<Url, Report>>>,
}

/// What the last look at a source came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When it was.
    pub at: UnixSeconds,
    /// What was found; or why the source itself could not be read.
    pub outcome: Result<Findings, ScanError>,
}

/// What a source has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Agents that became pending by this look.
    pub proposed: Vec<AgentId>,
    /// How many are registered already, or wait since an earlier look.
    pub known: usize,
    /// What was passed over, and why; the first hundred.
    pub skipped: Vec<Skipped>,
    /// How many entries were not looked at, for there are too many.
    pub left_out: usize,
}

/// Something that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where its card is, or would be.
    pub url: String,
    /// Why. Nothing in it is the peer's own text.
    pub reason: String,
}

/// Why a source cannot be read. Safe to show: nothing in it is the peer's own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// No answer, or not the right one.
    #[error("the source cannot be fetched: {0}")]
    Fetch(#[from] OutboundError),
    /// Not JSON, or JSON that two parsers could read differently.
    #[error("the source is not strict JSON: {0}")]
    Json(#[from] StrictJsonError),
    /// Neither a catalogue nor a card.
    #[error("the source is no AI catalogue, and as a card: {0}")]
    Card(#[from] CardError),
    /// The registry could not be written.
    #[error("the registry could not be written: see the log")]
    Store,
}

/// A card that was found at a place, not registered yet.
#[derive(Debug, Clone)]
struct Found {
    card_url: Url,
    found: FoundCard,
}

/// What became of one candidate.
enum Looked {
    Known,
    Found(Box<Found>),
    Skipped(Skipped),
}

impl Sources {
    /// The sources of `settings`, whose agents become pending in `store`. `gateway`: the URL of this gateway, whose own agents are not
    /// for it to find.
    #[must_use]
    pub fn new(
        store: Store,
        outbound: &Outbound,
        fetcher: CardFetcher,
        gateway: &PublicUrl,
        settings: DiscoverySettings,
        clock: fn() -> UnixSeconds,
    ) -> Self {
        let outbound = outbound.with_max_bytes(MAX_CATALOG);
        let gateway = Url::parse(gateway.as_str()).expect("a public URL is a URL");
        Self { store, outbound, fetcher, gateway, settings, clock, reports: Arc::default() }
    }

    /// Each source with what the last look at it came to, if there was one.
    #[must_use]
    pub fn reports(&self) -> Vec<(Url, Option<Report>)> {
        let reports = self.lock();
        self.settings.sources.iter().map(|url| (url.clone(), reports.get(url).cloned())).collect()
    }

    /// How often each source is looked at.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.settings.interval
    }

    /// Looks at every source now, and then once in each period, a tenth more or less, for ever.
    pub async fn run(self, jitter: fn() -> f64) {
        let watches = self.settings.sources.iter().map(|url| self.watch(url, jitter));
        future::join_all(watches).await;
        // Without sources there is nothing to do, ever.
        future::pending().await
    }

    async fn watch(&self, url: &Url, jitter: fn() -> f64) {
        loop {
            self.scan(url).await;
            tokio::time::sleep(self.settings.interval.mul_f64(0.9 + 0.2 * jitter())).await;
        }
    }

    /// Looks at every source once.
    pub async fn scan_all(&self) {
        future::join_all(self.settings.sources.iter().map(|url| self.scan(url))).await;
    }

    async fn scan(&self, url: &Url) {
        let outcome = self.look(url).await;
        match &outcome {
            Ok(found) => {
                let (known, skipped, left_out) = (found.known, found.skipped.len(), found.left_out);
                tracing::debug!(source = %url, known, skipped, left_out, "looked at a discovery source");
                for id in &found.proposed {
                    tracing::info!(source = %url, agent = %id, "an agent waits for approval");
                }
            }
            Err(error) => {
                tracing::warn!(source = %url, error = error as &dyn std::error::Error, "a discovery source cannot be read");
            }
        }
        self.lock().insert(url.clone(), Report { at: (self.clock)(), outcome });
    }

    async fn look(&self, source: &Url) -> Result<Findings, ScanError> {
        let fetched = self.get(source).await?;
        let document = strict_json::parse(&fetched.body)?;
        let mut findings = Findings::default();
        let looked = match candidates(&document, source) {
            Some(mut candidates) => {
                let most = self.settings.max_agents;
                findings.left_out = candidates.len().saturating_sub(most);
                candidates.truncate(most);
                let looks = candidates.into_iter().map(|candidate| self.look_at(candidate));
                stream::iter(looks).buffered(AT_ONCE).collect().await
            }
            None => vec![self.check(source.clone(), fetched).await.or_else(|error| match error {
                // It is the source that cannot be read then, not something in it.
                NotFound::Card(error) => Err(ScanError::Card(error)),
                NotFound::Other(skipped) => Ok(Looked::Skipped(skipped)),
            })?],
        };
        let mut found = Vec::new();
        for looked in looked {
            match looked {
                Looked::Known => findings.known += 1,
                Looked::Skipped(skipped) => findings.skip(skipped),
                Looked::Found(card) => found.push(*card),
            }
        }
        if !found.is_empty() {
            self.propose(source, found, &mut findings).await?;
        }
        Ok(findings)
    }

    /// An entry of a catalogue.
    async fn look_at(&self, candidate: Candidate) -> Looked {
        let url = match candidate {
            Candidate::At(url) => url,
            Candidate::Unusable(skipped) => return Looked::Skipped(skipped),
        };
        if proposal::is_known(&self.store.registry(), &url) {
            return Looked::Known;
        }
        if url.origin() == self.gateway.origin() {
            return Looked::Skipped(Skipped::new(&url, "it is an agent of this gateway"));
        }
        let checked = match self.get(&url).await {
            Ok(fetched) => self.check(url.clone(), fetched).await,
            Err(error) => Err(NotFound::Card(error.into())),
        };
        checked.unwrap_or_else(|error| {
            Looked::Skipped(match error {
                NotFound::Card(error) => Skipped::new(&url, error),
                NotFound::Other(skipped) => skipped,
            })
        })
    }

    async fn get(&self, url: &Url) -> Result<Fetched, OutboundError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, application/*+json"));
        let fetched = self.outbound.get(url, headers).await?;
        // Nothing was asked that could be answered by "as before".
        if fetched.status.is_success() { Ok(fetched) } else { Err(OutboundError::Status(fetched.status.as_u16())) }
    }

    /// Whether what was fetched is the card of an agent that could be registered: the gateway must be allowed to reach it.
    async fn check(&self, card_url: Url, fetched: Fetched) -> Result<Looked, NotFound> {
        if proposal::is_known(&self.store.registry(), &card_url) {
            return Ok(Looked::Known);
        }
        let found = self.fetcher.found(fetched, (self.clock)()).await.map_err(NotFound::Card)?;
        let backend = found.backend.url();
        if backend.origin() == self.gateway.origin() {
            return Err(NotFound::Other(Skipped::new(&card_url, "its agent is this gateway")));
        }
        self.outbound.vet(backend).await.map_err(|error| NotFound::Other(Skipped::new(&card_url, error)))?;
        Ok(Looked::Found(Box::new(Found { card_url, found })))
    }

    async fn propose(&self, source: &Url, found: Vec<Found>, findings: &mut Findings) -> Result<(), ScanError> {
        let told = Arc::new(OnceLock::new());
        let (teller, source, most, now) = (told.clone(), source.clone(), self.settings.max_agents, (self.clock)());
        let decide = move |registry: &Registry| {
            let (changes, proposed) = proposal::decide(registry, &source, found, most, now);
            let _ = teller.set(proposed);
            Ok::<_, std::convert::Infallible>(changes)
        };
        match self.store.write(decide).await {
            Ok(_) => {}
            Err(WriteError::Refused(never)) => match never {},
            Err(WriteError::Store(error)) => return Err(error.into()),
        }
        let more = told.get().cloned().unwrap_or_default();
        findings.proposed = more.proposed;
        findings.known += more.known;
        more.skipped.into_iter().for_each(|skipped| findings.skip(skipped));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Url, Report>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something is no proposal.
enum NotFound {
    Card(CardError),
    Other(Skipped),
}

impl Findings {
    fn skip(&mut self, skipped: Skipped) {
        if self.skipped.len() < MAX_SKIPPED {
            self.skipped.push(skipped);
        }
    }
}

impl Skipped {
    fn new(url: &Url, reason: impl ToString) -> Self {
        Self { url: url.to_string(), reason: reason.to_string() }
    }
}

impl From<StoreError> for ScanError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "proposals could not be written");
        Self::Store
    }
}
