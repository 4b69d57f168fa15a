//! The search's work in the background. It reads each generation for the callers that came lately, so that no search waits for a change; and
//! it keeps every agent's vector, beside the registry and after it: a registration never waits for a model. What is new or says something
//! else is embedded, a batch at a time, and kept in the store.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Document, EmbedError, Embedder, MiniLm, RemoteApi, Search, TextKind};
use crate::{
    domain::{AgentId, TextDigest, Vector},
    store::Store,
};

/// Between attempts when an embedder fails.
const RETRY: Duration = Duration::from_secs(30);
/// Between the first attempts to reach an API; then longer, up to [`LAST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(60);

/// The background task.
pub struct Indexer {
    search: Search,
    store: Store,
    model: Option<ModelPlace>,
}

/// Where the model is.
#[derive(Clone)]
pub enum ModelPlace {
    /// Where the settings say: it should be there.
    Configured(PathBuf),
    /// Where an installation would have put it: it may be there.
    Usual(PathBuf),
    /// Behind an API, which may not be up yet.
    Remote(Box<RemoteApi>),
}

/// What is remembered from one pass to the next.
#[derive(Default)]
struct Progress {
    /// Why the last attempt failed, as the log has it.
    told: Option<String>,
    /// Texts that the embedder does not take.
    refused: BTreeMap<AgentId, TextDigest>,
}

impl Indexer {
    /// An indexer that loads or reaches the model at `model`, if one is given.
    #[must_use]
    pub fn new(search: Search, store: Store, model: Option<ModelPlace>) -> Self {
        Self { search, store, model }
    }

    /// Follows the registry for ever.
    pub async fn run(self) {
        self.forget_the_gone();
        let load = async {
            self.load().await;
            std::future::pending().await
        };
        tokio::select! {
            () = self.read() => {}
            () = self.embed_all() => {}
            () = load => {}
        }
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
        if !catalogue.has_the_agents_of(&before) {
            for document in before.documents().filter(|it| catalogue.document(it.id()).is_none()) {
                self.store.vectors().remove(document.id());
            }
        }
        self.search.inner.unread.notify_one();
    }

    /// Keeps every agent's vector, once there is something to make it.
    async fn embed_all(&self) {
        let (mut progress, mut retry_at) = (Progress::default(), None::<Instant>);
        loop {
            // However often the registry changes, an embedder that failed is left alone until then.
            if retry_at.is_none_or(|at| at <= Instant::now()) {
                let is_done = match self.search.embedder() {
                    Some(embedder) => {
                        let is_done = self.pass(&**embedder, &mut progress).await;
                        self.pack(embedder.id()).await;
                        is_done
                    }
                    None => true,
                };
                retry_at = (!is_done).then(|| Instant::now() + RETRY);
            }
            let retry = async move {
                match retry_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.search.inner.unread.notified() => {}
                () = self.search.inner.another.notified() => retry_at = None,
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
            Some(ModelPlace::Remote(api)) => return self.reach(api).await,
        };
        match tokio::task::spawn_blocking(move || MiniLm::load(&directory)).await {
            Ok(Ok(model)) => self.use_model(Box::new(model)),
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the search model cannot be used: searches go by words");
            }
            Err(_) => tracing::error!("loading the search model panicked: searches go by words"),
        }
    }

    /// Asks the API until it answers. The log has a line for each new reason why it does not.
    async fn reach(&self, api: &RemoteApi) {
        let (mut backoff, mut told) = (FIRST_BACKOFF, String::new());
        loop {
            let error = match api.connect().await {
                Ok(embedder) => return self.use_model(Box::new(embedder)),
                Err(error) => error.to_string(),
            };
            if error != told {
                tracing::warn!(url = %api.url(), error, "the embedder cannot be used yet: searches go by words");
                told = error;
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(LAST_BACKOFF);
        }
    }

    fn use_model(&self, model: Box<dyn Embedder>) {
        tracing::info!(model = model.id(), "searches go by meaning");
        self.search.set_embedder(model);
    }

    /// Brings every agent's vector up to date. `false`: something is left to be tried again.
    async fn pass(&self, embedder: &dyn Embedder, progress: &mut Progress) -> bool {
        let catalogue = self.search.inner.catalogue.load_full();
        progress.refused.retain(|id, digest| catalogue.document(id).is_some_and(|it| it.digest == *digest));
        let id: Arc<str> = embedder.id().into();
        let stale: Vec<Arc<Document>> = catalogue.documents().filter(|it| !it.has_vector_of(&id)).cloned().collect();
        let mut missing = Vec::new();
        for document in stale {
            match self.store.vectors().get(&document.id) {
                Some(kept) if kept.embedder == id && kept.digest == document.digest => {
                    document.vector.store(Some(Arc::new(kept)));
                }
                _ if progress.refused.contains_key(&document.id) => {}
                _ => missing.push(document),
            }
        }
        if !missing.is_empty() {
            tracing::debug!(agents = missing.len(), "embedding");
        }
        for batch in missing.chunks(embedder.max_batch().max(1)) {
            if let Err(error) = self.embed(embedder, &id, batch, progress).await {
                progress.fails(&id, &error);
                return false;
            }
            progress.works(&id);
            // Not after all of them: who may see this one does not wait for those that others may see.
            self.pack(&id).await;
        }
        true
    }

    /// Embeds a batch; where it is refused, each text alone, so that one that is not taken keeps no other back.
    async fn embed(
        &self,
        embedder: &dyn Embedder,
        id: &Arc<str>,
        batch: &[Arc<Document>],
        progress: &mut Progress,
    ) -> Result<(), EmbedError> {
        match self.embed_together(embedder, id, batch).await {
            Err(EmbedError::Refused(_)) if batch.len() > 1 => {}
            outcome => return progress.unless_refused(batch, outcome),
        }
        for document in batch.chunks(1) {
            let outcome = self.embed_together(embedder, id, document).await;
            progress.unless_refused(document, outcome)?;
        }
        Ok(())
    }

    async fn embed_together(
        &self,
        embedder: &dyn Embedder,
        id: &Arc<str>,
        batch: &[Arc<Document>],
    ) -> Result<(), EmbedError> {
        let texts: Vec<String> = batch.iter().map(|document| document.text.clone()).collect();
        let vectors = embedder.embed(TextKind::Document, &texts).await?;
        if vectors.len() != batch.len() {
            return Err(EmbedError::Fatal(format!("{} vectors for {} texts", vectors.len(), batch.len())));
        }
        for (document, values) in batch.iter().zip(vectors) {
            self.keep(document, Vector { embedder: id.clone(), digest: document.digest, values });
        }
        Ok(())
    }

    fn keep(&self, document: &Document, vector: Vector) {
        if self.search.inner.catalogue.load().document(&document.id).is_none() {
            return;
        }
        if let Err(error) = self.store.vectors().put(&document.id, &vector) {
            // It serves from memory, and is made again after a restart.
            tracing::warn!(agent = %document.id, error = &error as &dyn std::error::Error, "a vector is not kept");
        }
        document.vector.store(Some(Arc::new(vector)));
    }

    async fn pack(&self, embedder: &str) {
        let (search, embedder) = (self.search.clone(), embedder.to_owned());
        if tokio::task::spawn_blocking(move || search.pack(&embedder)).await.is_err() {
            tracing::error!("packing vectors panicked: searches look at them one by one");
        }
    }

    /// Drops the vectors of agents that went while nobody looked.
    fn forget_the_gone(&self) {
        let (kept, registry) = (self.store.vectors().ids(), self.store.registry());
        for id in kept.iter().filter(|id| !registry.agents.contains_key(*id)) {
            self.store.vectors().remove(id);
        }
    }
}

impl Progress {
    /// A text that is refused alone is not sent again before it is another one.
    fn unless_refused(&mut self, batch: &[Arc<Document>], outcome: Result<(), EmbedError>) -> Result<(), EmbedError> {
        let Err(EmbedError::Refused(status)) = outcome else { return outcome };
        for document in batch {
            tracing::warn!(agent = %document.id, status, "the embedder refuses the agent's text: it is found by its words");
            self.refused.insert(document.id.clone(), document.digest);
        }
        Ok(())
    }

    fn fails(&mut self, embedder: &str, error: &EmbedError) {
        let error = error.to_string();
        if self.told.as_ref() != Some(&error) {
            tracing::warn!(embedder, error, "agents have no vectors yet: they are found by their words");
            self.told = Some(error);
        }
    }

    fn works(&mut self, embedder: &str) {
        if self.told.take().is_some() {
            tracing::info!(embedder, "agents are embedded again");
        }
    }
}

impl Document {
    fn has_vector_of(&self, embedder: &str) -> bool {
        self.vector_of(embedder).is_some()
    }

    /// What this embedder made of this text, if it did.
    pub(super) fn vector_of(&self, embedder: &str) -> Option<Arc<Vector>> {
        self.vector.load_full().filter(|it| &*it.embedder == embedder && it.digest == self.digest)
    }
}
