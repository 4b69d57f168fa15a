//! The search's work in the background. It reads each generation for the callers that came lately, so that no search waits for a change; and
//! it keeps every agent's vector, beside the registry and after it: a registration never waits for a model. What is new or says something
//! else is embedded, one text at a time, and kept in the store.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Catalogue, Document, Embedder, MiniLm, Search, TextKind};
use crate::{domain::Vector, store::Store};

/// Between attempts when an embedder fails.
const RETRY: Duration = Duration::from_secs(30);

/// The background task.
pub struct Indexer {
    search: Search,
    store: Store,
    model: Option<ModelPlace>,
}

/// Where the model is.
#[derive(Debug, Clone)]
pub enum ModelPlace {
    /// Where the settings say: it should be there.
    Configured(PathBuf),
    /// Where an installation would have put it: it may be there.
    Usual(PathBuf),
}

impl Indexer {
    /// An indexer that loads the model in `model` first, if one is given.
    #[must_use]
    pub fn new(search: Search, store: Store, model: Option<ModelPlace>) -> Self {
        Self { search, store, model }
    }

    /// Follows the registry for ever.
    pub async fn run(self) {
        self.forget_the_gone();
        tokio::join!(self.read(), self.embed());
    }

    /// Keeps what callers find up to date with the registry and the policy.
    async fn read(&self) {
        let mut generations = self.store.subscribe();
        loop {
            generations.borrow_and_update();
            let begin = Instant::now();
            self.refresh().await;
            // A registry that is written to without pause costs half a core, and no more.
            tokio::time::sleep(begin.elapsed()).await;
            tokio::select! {
                changed = generations.changed() => if changed.is_err() { return },
                () = self.search.inner.stale.notified() => {}
            }
        }
    }

    async fn refresh(&self) {
        let (search, registry) = (self.search.clone(), self.store.registry());
        let before = search.inner.catalogue.load_full();
        let refreshed = tokio::task::spawn_blocking(move || search.refresh(&registry)).await;
        let Ok(catalogue) = refreshed else {
            tracing::error!("reading the agents for the search panicked: it goes on with those of before");
            return;
        };
        for document in before.documents().filter(|it| !catalogue.has(it.id())) {
            self.store.vectors().remove(document.id());
        }
        self.search.inner.unread.notify_one();
    }

    /// Keeps every agent's vector, once there is something to make it.
    async fn embed(&self) {
        self.load().await;
        loop {
            let catalogue = self.search.inner.catalogue.load_full();
            let is_done = match self.search.embedder() {
                Some(embedder) => self.pass(&catalogue, &**embedder).await,
                None => true,
            };
            let retry = async { if is_done { std::future::pending().await } else { tokio::time::sleep(RETRY).await } };
            tokio::select! {
                () = self.search.inner.unread.notified() => {}
                () = retry => {}
            }
        }
    }

    async fn load(&self) {
        let directory = match &self.model {
            None => return,
            Some(ModelPlace::Configured(directory)) => directory.clone(),
            Some(ModelPlace::Usual(directory)) if directory.exists() => directory.clone(),
            Some(ModelPlace::Usual(_)) => {
                tracing::info!("no search model is installed: searches go by words (`tollgate model install`)");
                return;
            }
        };
        match tokio::task::spawn_blocking(move || MiniLm::load(&directory)).await {
            Ok(Ok(model)) => {
                tracing::info!(model = model.id(), "searches go by meaning");
                self.search.set_embedder(Box::new(model));
            }
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the search model cannot be used: searches go by words");
            }
            Err(_) => tracing::error!("loading the search model panicked: searches go by words"),
        }
    }

    /// Brings every agent's vector up to date. `false`: something is left to be tried again.
    async fn pass(&self, catalogue: &Catalogue, embedder: &dyn Embedder) -> bool {
        let id: Arc<str> = embedder.id().into();
        let stale: Vec<Arc<Document>> = catalogue.documents().filter(|it| !it.has_vector_of(&id)).cloned().collect();
        let mut missing = Vec::new();
        for document in stale {
            match self.store.vectors().get(&document.id) {
                Some(kept) if kept.embedder == id && kept.digest == document.digest => {
                    document.vector.store(Some(Arc::new(kept)));
                }
                _ => missing.push(document),
            }
        }
        if !missing.is_empty() {
            tracing::debug!(agents = missing.len(), "embedding");
        }
        let mut is_done = true;
        for batch in missing.chunks(embedder.max_batch().max(1)) {
            let texts: Vec<String> = batch.iter().map(|document| document.text.clone()).collect();
            let made = embedder.embed(TextKind::Document, &texts).await;
            match made {
                Ok(vectors) if vectors.len() == batch.len() => {
                    for (document, values) in batch.iter().zip(vectors) {
                        self.keep(document, Vector { embedder: id.clone(), digest: document.digest, values });
                    }
                }
                Ok(_) => is_done = false,
                Err(error) => {
                    tracing::warn!(embedder = %id, %error, "agents have no vectors yet: they are found by their words");
                    return false;
                }
            }
        }
        is_done
    }

    fn keep(&self, document: &Document, vector: Vector) {
        if !self.search.inner.catalogue.load().has(&document.id) {
            return;
        }
        if let Err(error) = self.store.vectors().put(&document.id, &vector) {
            // It serves from memory, and is made again after a restart.
            tracing::warn!(agent = %document.id, error = &error as &dyn std::error::Error, "a vector is not kept");
        }
        document.vector.store(Some(Arc::new(vector)));
    }

    /// Drops the vectors of agents that went while nobody looked.
    fn forget_the_gone(&self) {
        let (kept, registry) = (self.store.vectors().ids(), self.store.registry());
        for id in kept.iter().filter(|id| !registry.agents.contains_key(*id)) {
            self.store.vectors().remove(id);
        }
    }
}

impl Document {
    fn has_vector_of(&self, embedder: &str) -> bool {
        self.vector.load().as_ref().is_some_and(|it| &*it.embedder == embedder && it.digest == self.digest)
    }
}
