//! Finding agents by what they do: by their words always (BM25), by their meaning where there is a model. A search is over the agents that
//! its caller may see, and nothing that others may see has any part in it. Who may see what is the gate's business.

mod availability;
mod bert;
mod corpus;
mod document;
mod embedder;
mod indexer;
mod minilm;
mod model;
mod remote;
mod terms;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

pub use corpus::{Corpus, Found, Hit};
pub use document::Document;
pub use embedder::{EmbedError, Embedder, TextKind};
pub use indexer::{Indexer, ModelPlace};
pub use minilm::MiniLm;
pub use model::{InstallError, InstallOptions, ModelError, default_directory, install, verify};
pub use remote::{AnswerFault, Bedrock, OpenAi, RemoteApi, RemoteEmbedder, read_openai_answer, read_titan_answer};

use availability::{Availability, News};

use crate::{
    domain::{Agent, AgentId, Generation, Registry},
    gate::{Sight, Visitor},
};

/// Corpora kept: one for each set of permissions that callers have, the last used ones.
const CORPORA: usize = 64;
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
    catalogue: Mutex<Arc<Catalogue>>,
    corpora: Mutex<Corpora>,
    embedder: ArcSwapOption<Box<dyn Embedder>>,
    /// Whether it answers searches.
    availability: Availability,
    /// A place for each query that it is asked for.
    places: Semaphore,
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

impl Default for Search {
    fn default() -> Self {
        let inner = Inner {
            catalogue: Mutex::default(),
            corpora: Mutex::default(),
            embedder: ArcSwapOption::empty(),
            availability: Availability::default(),
            places: Semaphore::new(AT_ONCE),
            queries: Mutex::default(),
            stale: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }
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
        self.inner.availability.reset();
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
pub(crate) mod stand_in;
#[cfg(test)]
mod tests;
