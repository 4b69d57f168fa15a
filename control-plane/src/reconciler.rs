//! Keeps what is published equal to what is registered. Takes no input: woken, it reads the registry, the credentials and the health, builds a
//! policy and a snapshot, and publishes both. What a resource looks like is `xds`' business.

mod document;
mod parts;
mod settings;
mod translation;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tollgate_a2a::settings::{Settings, SettingsDocument};
use tollgate_policy::{ConfigError, Policy, document::PolicyDocument};

use crate::{
    broker::Broker,
    config::Config,
    domain::{Generation, Registry},
    health::HealthBoard,
    store::Store,
    xds::{
        Edge, EdgeResources, FilterModule, PolicyFilter, PolicyResource, RenderedPolicy, Snapshot, SnapshotError,
        SnapshotFeed, SnapshotParts, TranslatorResource,
    },
};
pub use document::policy_document;
use parts::{AgentParts, Stale};
pub use settings::{SettingsError, edge};
pub use translation::translation_document;

/// Least time between two publications: the first change after a quiet time goes out at once, a burst in few pieces.
const SPACING: Duration = Duration::from_millis(10);

/// The reconciler. [`Reconciler::run`] follows the registry.
pub struct Reconciler {
    store: Store,
    broker: Broker,
    health: HealthBoard,
    config: Arc<Config>,
    filter: PolicyFilter,
    edge: EdgeResources,
    agents: AgentParts,
    policy: Option<CurrentPolicy>,
    translator: FilterModule,
    translation: Option<CurrentTranslation>,
    published: Published,
    /// The version of agents' resources that was published last.
    published_resources: Option<u64>,
}

/// The translation in force, and the settings it came from.
struct CurrentTranslation {
    settings: SettingsDocument,
    resource: TranslatorResource,
}

/// The policy in force, and what it came from.
struct CurrentPolicy {
    /// The document, but for its agents.
    head: PolicyDocument,
    /// The version of agents' documents.
    documents: u64,
    resource: PolicyResource,
}

/// What was published last, for readers. Clones share it.
#[derive(Clone)]
pub struct Published {
    policy: Arc<ArcSwap<Option<Arc<Policy>>>>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    fault: watch::Sender<Option<String>>,
}

/// Why the registry cannot be published. What was published before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The filter would refuse the policy.
    #[error("the policy at generation {generation} is refused: {error}")]
    Policy {
        /// The registry's generation.
        generation: Generation,
        /// Its faults.
        error: ConfigError,
    },
    /// The translation would refuse its settings.
    #[error("the translation's settings at generation {generation} are refused: {error}")]
    Translation {
        /// The registry's generation.
        generation: Generation,
        /// What is wrong.
        error: tollgate_a2a::settings::SettingsError,
    },
    /// Parts that do not fit together.
    #[error("the snapshot at generation {generation} is not consistent: {error}")]
    Snapshot {
        /// The registry's generation.
        generation: Generation,
        /// What is missing.
        error: SnapshotError,
    },
}

impl Published {
    /// Nothing yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            policy: Arc::new(ArcSwap::from_pointee(None)),
            snapshots: watch::Sender::new(None),
            fault: watch::Sender::new(None),
        }
    }

    /// The policy in force: what the filter decides by. `None`: nothing was published yet.
    #[must_use]
    pub fn policy(&self) -> Option<Arc<Policy>> {
        (**self.policy.load()).clone()
    }

    /// Snapshots for [`crate::xds::serve`].
    #[must_use]
    pub fn snapshots(&self) -> SnapshotFeed {
        self.snapshots.subscribe()
    }

    /// Why the registry's state is not what is published; `None`: it is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }
}

impl Reconciler {
    /// A reconciler, and the first publication.
    ///
    /// # Errors
    /// When the registry cannot be published.
    pub fn new(
        store: Store,
        broker: Broker,
        health: HealthBoard,
        config: Arc<Config>,
        settings: &Edge,
    ) -> Result<(Self, Published), ReconcileError> {
        let published = Published::empty();
        let mut reconciler = Self {
            store,
            broker,
            health,
            config,
            filter: settings.filter.clone(),
            edge: EdgeResources::new(settings),
            agents: AgentParts::default(),
            policy: None,
            translator: settings.translator.clone(),
            translation: None,
            published: published.clone(),
            published_resources: None,
        };
        reconciler.publish(Stale::default())?;
        Ok((reconciler, published))
    }

    /// Publishes every change until `stopping`.
    pub async fn run(self, stopping: CancellationToken) {
        let mut generations = self.store.subscribe();
        let mut credentials = self.broker.subscribe();
        let mut standings = self.health.subscribe();
        // Nobody knows what changed since the first publication.
        generations.mark_changed();
        credentials.mark_changed();
        standings.mark_changed();
        let mut me = self;
        loop {
            let mut stale = Stale::default();
            tokio::select! {
                () = stopping.cancelled() => return,
                Ok(()) = generations.changed() => {}
                Ok(()) = credentials.changed() => stale.credentials = true,
                Ok(()) = standings.changed() => stale.standings = true,
            }
            generations.mark_unchanged();
            stale.credentials |= credentials.has_changed().unwrap_or(true);
            credentials.mark_unchanged();
            stale.standings |= standings.has_changed().unwrap_or(true);
            standings.mark_unchanged();
            let next = Instant::now() + SPACING;
            // Thousands of agents take milliseconds: not on a thread that others wait for.
            let work = move || {
                me.refresh(stale);
                me
            };
            me = tokio::task::spawn_blocking(work).await.expect("a refresh does not panic, and nobody aborts it");
            sleep_until(next).await;
        }
    }

    fn refresh(&mut self, stale: Stale) {
        match self.publish(stale) {
            Ok(()) => self.published.fault.send_replace(None),
            Err(error) => {
                tracing::error!(%error, "the registry is not published; what was published before stays in force");
                self.published.fault.send_replace(Some(error.to_string()))
            }
        };
    }

    /// Nothing is published unless the policy compiles: that is the check of everything else.
    fn publish(&mut self, stale: Stale) -> Result<(), ReconcileError> {
        let registry = self.store.registry();
        let generation = registry.generation;
        let changes = self.agents.changes(&registry);
        if !changes.is_empty() {
            self.broker.follow(&changes);
            self.health.follow(&changes);
            self.edge.wait_for_streams(document::stream_idles(&changes.written));
        }
        self.agents.update(&changes, stale, &self.broker, &self.health);
        let compiled = self.render_policy(&registry)?;
        self.render_translation(&registry)?;
        let policy = &self.policy.as_ref().expect("rendered above").resource;
        let translator = &self.translation.as_ref().expect("rendered above").resource;
        let parts = SnapshotParts { generation, edge: &self.edge, policy, translator };
        let resources = Some(self.agents.versions().resources);
        let previous = self.published.snapshots.borrow().clone();
        let snapshot = match previous {
            Some(previous) if self.published_resources == resources => previous.with_the_same_agents(&parts),
            previous => Snapshot::new(&parts, &self.agents.resources().collect::<Vec<_>>(), previous.as_deref()),
        };
        let snapshot = snapshot.map_err(|error| ReconcileError::Snapshot { generation, error })?;
        let replaced = compiled.map(|policy| self.published.policy.swap(Arc::new(Some(Arc::new(policy)))));
        self.published.snapshots.send_replace(Some(Arc::new(snapshot)));
        self.published_resources = resources;
        // Thousands of agents take a while to be taken apart: Envoy has their successors by now.
        drop(replaced);
        Ok(())
    }

    /// Renders the translation's settings if they are others than those in force; the module's own parser must take them.
    fn render_translation(&mut self, registry: &Registry) -> Result<(), ReconcileError> {
        let settings = translation_document(registry, &self.config);
        if self.translation.as_ref().is_some_and(|current| current.settings == settings) {
            return Ok(());
        }
        Settings::compile(settings.clone())
            .map_err(|error| ReconcileError::Translation { generation: registry.generation, error })?;
        let resource = TranslatorResource::new(&self.translator, &settings);
        self.translation = Some(CurrentTranslation { settings, resource });
        Ok(())
    }

    /// Compiles the policy if it is another than the one in force. The document keeps the generation it was first rendered at: a
    /// change that does not concern the policy does not travel with it.
    fn render_policy(&mut self, registry: &Registry) -> Result<Option<Policy>, ReconcileError> {
        let generation = registry.generation;
        let documents = self.agents.versions().documents;
        let mut head = policy_document(registry, &self.config);
        let same_agents = self.policy.as_ref().filter(|current| current.documents == documents);
        if let Some(current) = same_agents {
            head.generation = current.head.generation;
            if head == current.head {
                return Ok(None);
            }
        }
        head.generation = generation.get();
        let document = PolicyDocument { agents: self.agents.documents().cloned().collect(), ..head.clone() };
        let rendered = RenderedPolicy::of(&document);
        let resource = match same_agents {
            Some(current) => current.resource.with_the_same_agents(&self.filter, &rendered),
            None => PolicyResource::new(&self.filter, &document, &rendered),
        };
        let policy = Policy::compile(document).map_err(|error| ReconcileError::Policy { generation, error })?;
        self.policy = Some(CurrentPolicy { head, documents, resource });
        Ok(Some(policy))
    }
}

#[cfg(test)]
mod tests;
