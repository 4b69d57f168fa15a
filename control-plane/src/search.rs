//! Finding agents by what they do: by their words always (BM25), by their meaning where there is a model. A search is over the agents that
//! its caller may see, and nothing that others may see has any part in it. Who may see what is the gate's business.

mod availability;
mod bert;
mod catalogue;
mod corpora;
mod corpus;
mod document;
mod embedder;
mod indexer;
mod minilm;
mod model;
mod remote;
mod terms;
mod weights;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use catalogue::Catalogue;
use corpora::{Corpora, corpus_of};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

pub use catalogue::is_found;
pub use corpus::{Corpus, Found, Hit};
pub use document::Document;
pub use embedder::{EmbedError, Embedder, TextKind};
pub use indexer::{Indexer, ModelPlace};
pub use minilm::MiniLm;
pub use model::{InstallError, InstallOptions, ModelError, default_directory, install, verify};
pub use remote::{AnswerFault, Bedrock, OpenAi, RemoteApi, RemoteEmbedder, read_openai_answer, read_titan_answer};

use availability::{Availability, News};

use crate::{
    domain::{Generation, Registry},
    gate::Visitor,
};

/// Vectors of queries kept. Past it all are dropped: they come back as they are asked for.
const QUERIES: usize = 1024;
/// Queries that an embedder is asked for at once. Others go by their words: a flood of searches is no flood of requests to somebody's API.
const AT_ONCE: usize = 64;
/// How long a query's vector may take; then its words must do.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a search ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By words.
    Lexical,
    /// By meaning and words.
    Semantic,
}

impl Mode {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lexical => "lexical",
            Self::Semantic => "semantic",
        }
    }
}

/// Searches. Clones share what was read.
#[derive(Clone)]
pub struct Search {
    inner: Arc<Inner>,
}

struct Inner {
    catalogue: ArcSwap<Catalogue>,
    /// Held by whoever makes the next catalogue.
    turning: Mutex<()>,
    corpora: Mutex<Corpora>,
    embedder: ArcSwapOption<Box<dyn Embedder>>,
    /// Whether it answers searches.
    availability: Availability,
    /// A place for each query that it is asked for.
    places: Semaphore,
    /// By who asked and what: nobody learns from an answer's speed what somebody else searched for.
    queries: Mutex<HashMap<QueryKey, Arc<Vec<f32>>>>,
    /// The generation that every kept corpus is of.
    refreshed: watch::Sender<Generation>,
    /// Told when callers may see something else, though the registry is as it was.
    stale: Notify,
    /// Told when documents may want vectors.
    unread: Notify,
    /// Told when there is another embedder.
    another: Notify,
}

/// Embedder, client, query.
type QueryKey = (String, String, String);

impl Default for Search {
    fn default() -> Self {
        let inner = Inner {
            catalogue: ArcSwap::default(),
            turning: Mutex::default(),
            corpora: Mutex::default(),
            embedder: ArcSwapOption::empty(),
            availability: Availability::default(),
            places: Semaphore::new(AT_ONCE),
            queries: Mutex::default(),
            refreshed: watch::Sender::default(),
            stale: Notify::new(),
            unread: Notify::new(),
            another: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Search {
    /// Ranks the agents that `visitor` may see. What changed in the last moments may not be in the ranking yet; but nothing is found that
    /// is not active and visible in `registry`.
    pub async fn find(
        &self,
        registry: &Arc<Registry>,
        visitor: &Arc<dyn Visitor>,
        query: &str,
        most: usize,
    ) -> (Mode, Found) {
        let corpus = self.corpus(registry, visitor).await;
        let (mode, mut found) = self.ranked(&corpus, visitor.client(), query, most).await;
        let before = found.hits.len();
        found.hits.retain(|hit| registry.agents.get(hit.document.id()).is_some_and(|it| is_found(it, &**visitor)));
        found.total -= before - found.hits.len();
        (mode, found)
    }

    async fn ranked(&self, corpus: &Corpus, client: &str, query: &str, most: usize) -> (Mode, Found) {
        let terms = terms::query_terms(query);
        let Some((embedder, vector)) = self.query_vector(client, query).await else {
            return (Mode::Lexical, corpus.by_words(&terms, most));
        };
        // A scan of dot products: short beside the embedding of the query.
        match corpus.by_meaning(&terms, embedder.id(), &vector, most) {
            Some(found) => (Mode::Semantic, found),
            None => (Mode::Lexical, corpus.by_words(&terms, most)),
        }
    }

    /// Has the indexer look at what callers may see: a policy came into force.
    pub fn look_again(&self) {
        self.inner.stale.notify_one();
    }

    /// Uses `embedder` from now on.
    pub fn set_embedder(&self, embedder: Box<dyn Embedder>) {
        self.inner.embedder.store(Some(Arc::new(embedder)));
        self.inner.availability.reset();
        lock(&self.inner.queries).clear();
        self.inner.another.notify_one();
    }

    /// Returns when searches are of this generation or a later one.
    #[cfg(test)]
    pub(crate) async fn caught_up(&self, generation: Generation) {
        let mut refreshed = self.inner.refreshed.subscribe();
        refreshed.wait_for(|it| *it >= generation).await.expect("the sender is here");
    }

    fn embedder(&self) -> Option<Arc<Box<dyn Embedder>>> {
        self.inner.embedder.load_full()
    }

    /// What `visitor` may find. Only the first of a sight to come, in a while, waits for it.
    async fn corpus(&self, registry: &Arc<Registry>, visitor: &Arc<dyn Visitor>) -> Arc<Corpus> {
        let sight = visitor.sight();
        if let Some(corpus) = lock(&self.inner.corpora).used(&sight) {
            return corpus;
        }
        let (search, registry, visitor) = (self.clone(), registry.clone(), visitor.clone());
        let made = tokio::task::spawn_blocking(move || {
            let before = lock(&search.inner.corpora).refreshes();
            let visitor = visitor.renewed();
            let corpus = corpus_of(&search.catalogue(&registry), &*visitor, &search.inner.corpora);
            let mut corpora = lock(&search.inner.corpora);
            corpora.keep(sight, visitor, corpus.clone());
            if corpora.refreshes() != before {
                search.inner.stale.notify_one();
            }
            search.inner.unread.notify_one();
            corpus
        });
        made.await.unwrap_or_else(|_| Arc::new(Corpus::new(Vec::new())))
    }

    /// Every agent of this registry's generation or a later one. Reads what changed: blocks.
    fn catalogue(&self, registry: &Registry) -> Arc<Catalogue> {
        let _turn = lock(&self.inner.turning);
        let current = self.inner.catalogue.load_full();
        if current.generation >= registry.generation && !current.is_empty() {
            return current;
        }
        let next = Arc::new(current.next(registry));
        self.inner.catalogue.store(next.clone());
        next
    }

    /// Brings what callers find up to this registry and to the policy in force. Blocks.
    fn refresh(&self, registry: &Registry) -> Arc<Catalogue> {
        let catalogue = self.catalogue(registry);
        let visitors = lock(&self.inner.corpora).visitors();
        for (sight, visitor) in visitors {
            let visitor = visitor.renewed();
            let corpus = corpus_of(&catalogue, &*visitor, &self.inner.corpora);
            lock(&self.inner.corpora).replace(&sight, visitor, corpus);
        }
        self.inner.refreshed.send_replace(catalogue.generation);
        catalogue
    }

    /// Has the vectors of every kept corpus side by side. Blocks.
    fn pack(&self, embedder: &str) {
        let corpora = lock(&self.inner.corpora).corpora();
        corpora.iter().for_each(|corpus| corpus.pack(embedder));
    }

    async fn query_vector(&self, client: &str, query: &str) -> Option<(Arc<Box<dyn Embedder>>, Arc<Vec<f32>>)> {
        let embedder = self.embedder()?;
        let key = (embedder.id().to_owned(), client.to_owned(), query.to_owned());
        if let Some(vector) = lock(&self.inner.queries).get(&key).cloned() {
            return Some((embedder, vector));
        }
        let vector = Arc::new(self.ask(&**embedder, query).await?);
        let mut queries = lock(&self.inner.queries);
        if queries.len() >= QUERIES {
            queries.clear();
        }
        queries.insert(key, vector.clone());
        Some((embedder, vector))
    }

    /// The query's vector, if the embedder is worth asking and answers in time.
    async fn ask(&self, embedder: &dyn Embedder, query: &str) -> Option<Vec<f32>> {
        let (availability, id) = (&self.inner.availability, embedder.id());
        let _place = self.inner.places.try_acquire().ok()?;
        let attempt = availability.ask(Instant::now(), PATIENCE)?;
        let answers = || {
            if availability.worked(attempt) == News::Changed {
                tracing::info!(embedder = id, "the embedder answers again: searches go by meaning");
            }
        };
        let texts = [query.to_owned()];
        let reason = match tokio::time::timeout(PATIENCE, embedder.embed(TextKind::Query, &texts)).await {
            Ok(Ok(mut vectors)) if vectors.len() == 1 => {
                answers();
                return vectors.pop();
            }
            // It is this query that it does not take: the next one may do.
            Ok(Err(EmbedError::Refused(status))) => {
                answers();
                tracing::debug!(embedder = id, status, "a query is refused by the embedder: ranked by its words");
                return None;
            }
            Ok(Ok(vectors)) => format!("{} vectors for one text", vectors.len()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} seconds", PATIENCE.as_secs()),
        };
        if availability.failed(Instant::now()) == News::Changed {
            tracing::warn!(embedder = id, reason, "the embedder fails: searches go by words until it answers again");
        }
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod evaluation;
#[cfg(test)]
pub(crate) mod stand_in;
#[cfg(test)]
mod tests;
