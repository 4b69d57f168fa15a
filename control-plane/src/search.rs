//! Finding agents by what they do: by their words always (BM25), by their meaning where there is a model. A search is over the agents that
//! its caller may see, and nothing that others may see has any part in it. Who may see what is the gate's business.

mod bert;
mod catalogue;
mod corpora;
mod corpus;
mod document;
mod embedder;
mod indexer;
mod minilm;
mod model;
mod terms;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use catalogue::Catalogue;
use corpora::{Corpora, corpus_of};
use tokio::sync::{Notify, watch};

pub use catalogue::is_found;
pub use corpus::{Corpus, Found, Hit};
pub use document::Document;
pub use embedder::{EmbedError, Embedder, TextKind};
pub use indexer::{Indexer, ModelPlace};
pub use minilm::MiniLm;
pub use model::{InstallError, InstallOptions, ModelError, default_directory, install, verify};

use crate::{
    domain::{Generation, Registry},
    gate::Visitor,
};

/// Vectors of queries kept. Past it all are dropped: they come back as they are asked for.
const QUERIES: usize = 1024;
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
#[derive(Clone, Default)]
pub struct Search {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    catalogue: ArcSwap<Catalogue>,
    /// Held by whoever makes the next catalogue.
    turning: Mutex<()>,
    corpora: Mutex<Corpora>,
    embedder: ArcSwapOption<Box<dyn Embedder>>,
    /// By who asked and what: nobody learns from an answer's speed what somebody else searched for.
    queries: Mutex<HashMap<QueryKey, Arc<Vec<f32>>>>,
    /// The generation that every kept corpus is of.
    refreshed: watch::Sender<Generation>,
    /// Told when callers may see something else, though the registry is as it was.
    stale: Notify,
    /// Told when documents may want vectors.
    unread: Notify,
}

/// Embedder, client, query.
type QueryKey = (String, String, String);

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
        lock(&self.inner.queries).clear();
        self.inner.unread.notify_one();
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
            let corpus = corpus_of(&search.catalogue(&registry), &*visitor, &search.inner.corpora);
            lock(&search.inner.corpora).keep(sight, visitor, corpus.clone());
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

    async fn query_vector(&self, client: &str, query: &str) -> Option<(Arc<Box<dyn Embedder>>, Arc<Vec<f32>>)> {
        let embedder = self.embedder()?;
        let key = (embedder.id().to_owned(), client.to_owned(), query.to_owned());
        if let Some(vector) = lock(&self.inner.queries).get(&key).cloned() {
            return Some((embedder, vector));
        }
        let texts = [query.to_owned()];
        let made = tokio::time::timeout(PATIENCE, embedder.embed(TextKind::Query, &texts)).await;
        let vector = match made {
            Ok(Ok(mut vectors)) if vectors.len() == 1 => Arc::new(vectors.remove(0)),
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => {
                tracing::warn!(embedder = embedder.id(), %error, "a query has no vector: ranked by its words");
                return None;
            }
            Err(_) => {
                tracing::warn!(embedder = embedder.id(), "a query's vector took too long: ranked by its words");
                return None;
            }
        };
        let mut queries = lock(&self.inner.queries);
        if queries.len() >= QUERIES {
            queries.clear();
        }
        queries.insert(key, vector.clone());
        Some((embedder, vector))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod tests;
