//! Finding agents by what they do: by their words always (BM25), by their meaning where there is a model. A search is over the agents that
//! its caller may see, and nothing that others may see has any part in it. Who may see what is the gate's business.

mod bert;
mod corpus;
mod document;
mod embedder;
mod indexer;
mod minilm;
mod model;
mod terms;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

pub use corpus::{Corpus, Found, Hit};
pub use document::Document;
pub use embedder::{EmbedError, Embedder, TextKind};
pub use indexer::{Indexer, ModelPlace};
pub use minilm::MiniLm;
pub use model::{InstallError, InstallOptions, ModelError, default_directory, install, verify};

use crate::{
    domain::{Agent, AgentId, Generation, Registry},
    gate::{Sight, Visitor},
};

/// Corpora kept: one for each set of permissions that callers have, the last used ones.
const CORPORA: usize = 64;
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
    catalogue: Mutex<Arc<Catalogue>>,
    corpora: Mutex<Corpora>,
    embedder: ArcSwapOption<Box<dyn Embedder>>,
    /// By who asked and what: nobody learns from an answer's speed what somebody else searched for.
    queries: Mutex<HashMap<QueryKey, Arc<Vec<f32>>>>,
    /// Told when documents may want vectors.
    stale: Notify,
}

/// Embedder, client, query.
type QueryKey = (String, String, String);

/// Every agent of a generation, read.
#[derive(Debug, Default)]
struct Catalogue {
    generation: Generation,
    documents: BTreeMap<AgentId, Arc<Document>>,
}

/// The corpora of callers that came lately.
#[derive(Default)]
struct Corpora {
    generation: Generation,
    /// With the turn of its last use.
    by_sight: HashMap<Sight, (u64, Arc<Corpus>)>,
    turn: u64,
}

impl Search {
    /// Ranks the agents that `visitor` may see.
    pub async fn find(&self, registry: &Registry, visitor: &dyn Visitor, query: &str, most: usize) -> (Mode, Found) {
        let corpus = self.corpus(registry, visitor);
        let terms = terms::query_terms(query);
        let Some((embedder, vector)) = self.query_vector(visitor.client(), query).await else {
            return (Mode::Lexical, corpus.by_words(&terms, most));
        };
        // A scan of dot products: short beside the embedding of the query.
        match corpus.by_meaning(&terms, embedder.id(), &vector, most) {
            Some(found) => (Mode::Semantic, found),
            None => (Mode::Lexical, corpus.by_words(&terms, most)),
        }
    }

    /// Uses `embedder` from now on.
    pub fn set_embedder(&self, embedder: Box<dyn Embedder>) {
        self.inner.embedder.store(Some(Arc::new(embedder)));
        lock(&self.inner.queries).clear();
        self.inner.stale.notify_one();
    }

    fn embedder(&self) -> Option<Arc<Box<dyn Embedder>>> {
        self.inner.embedder.load_full()
    }

    /// The agents that `visitor` may see, at this registry's generation or a later one.
    fn corpus(&self, registry: &Registry, visitor: &dyn Visitor) -> Arc<Corpus> {
        let catalogue = self.catalogue(registry);
        let sight = visitor.sight();
        {
            let mut corpora = lock(&self.inner.corpora);
            if corpora.generation == catalogue.generation
                && let Some(corpus) = corpora.used(&sight)
            {
                return corpus;
            }
        }
        let seen = catalogue.documents.values().filter(|it| is_found(&it.agent, visitor)).cloned().collect();
        let corpus = Arc::new(Corpus::new(seen));
        lock(&self.inner.corpora).keep(catalogue.generation, sight, corpus.clone());
        corpus
    }

    /// Every agent, read; those that did not change are those of the generation before.
    fn catalogue(&self, registry: &Registry) -> Arc<Catalogue> {
        let mut current = lock(&self.inner.catalogue);
        if current.generation >= registry.generation && !current.documents.is_empty() {
            return current.clone();
        }
        let read = |(id, agent): (&AgentId, &Arc<Agent>)| {
            let before = current.documents.get(id);
            let document = match before {
                Some(before) if Arc::ptr_eq(&before.agent, agent) => before.clone(),
                _ => Arc::new(Document::read(agent, before.map(|it| &**it))),
            };
            (id.clone(), document)
        };
        let documents = registry.agents.iter().map(read).collect();
        *current = Arc::new(Catalogue { generation: registry.generation, documents });
        current.clone()
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

/// Whether an agent is listed, and found, for a caller.
#[must_use]
pub fn is_found(agent: &Agent, visitor: &dyn Visitor) -> bool {
    agent.is_active() && visitor.may_see(&agent.id)
}

impl Corpora {
    fn used(&mut self, sight: &Sight) -> Option<Arc<Corpus>> {
        self.turn += 1;
        let (turn, corpus) = self.by_sight.get_mut(sight)?;
        *turn = self.turn;
        Some(corpus.clone())
    }

    fn keep(&mut self, generation: Generation, sight: Sight, corpus: Arc<Corpus>) {
        if generation < self.generation {
            return;
        }
        if generation > self.generation {
            self.by_sight.clear();
            self.generation = generation;
        }
        self.turn += 1;
        if self.by_sight.len() >= CORPORA
            && let Some(oldest) = self.by_sight.iter().min_by_key(|(_, (turn, _))| *turn).map(|(it, _)| it.clone())
        {
            self.by_sight.remove(&oldest);
        }
        self.by_sight.insert(sight, (self.turn, corpus));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod tests;
