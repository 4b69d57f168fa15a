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
use parts::AgentParts;
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
}

/// The translation in force, and the settings it came from.
struct CurrentTranslation {
    settings: SettingsDocument,
    resource: TranslatorResource,
}

/// The policy in force, and the document it came from.
struct CurrentPolicy {
    document: PolicyDocument,
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
        };
        reconciler.publish()?;
        Ok((reconciler, published))
    }

    /// Publishes every change until `stopping`.
    pub async fn run(self, stopping: CancellationToken) {
        let mut generations = self.store.subscribe();
        let mut credentials = self.broker.subscribe();
        let mut standings = self.health.subscribe();
        generations.mark_changed();
        let mut me = self;
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                Ok(()) = generations.changed() => {}
                Ok(()) = credentials.changed() => {}
                Ok(()) = standings.changed() => {}
            }
            generations.mark_unchanged();
            credentials.mark_unchanged();
            standings.mark_unchanged();
            let next = Instant::now() + SPACING;
            // Thousands of agents take milliseconds: not on a thread that others wait for.
            let work = move || {
                me.refresh();
                me
            };
            me = tokio::task::spawn_blocking(work).await.expect("a refresh does not panic, and nobody aborts it");
            sleep_until(next).await;
        }
    }

    fn refresh(&mut self) {
        match self.publish() {
            Ok(()) => self.published.fault.send_replace(None),
            Err(error) => {
                tracing::error!(%error, "the registry is not published; what was published before stays in force");
                self.published.fault.send_replace(Some(error.to_string()))
            }
        };
    }

    /// Nothing is published unless the policy compiles: that is the check of everything else.
    fn publish(&mut self) -> Result<(), ReconcileError> {
        let registry = self.store.registry();
        let generation = registry.generation;
        let agents = document::active(&registry);
        // What has parts was made known to both of them.
        if !self.agents.are_of(&agents) {
            self.broker.want(&agents);
            self.health.follow(&agents);
        }
        self.agents.update(&agents, &self.broker, &self.health);
        let compiled = self.render_policy(&registry)?;
        self.render_translation(&registry)?;
        self.edge.wait_for_streams(document::stream_idles(&agents));
        let policy = &self.policy.as_ref().expect("rendered above").resource;
        let translator = &self.translation.as_ref().expect("rendered above").resource;
        let agents = self.agents.iter().collect();
        let parts = SnapshotParts { generation, edge: &self.edge, agents, policy, translator };
        let previous = self.published.snapshots.borrow().clone();
        let snapshot = Snapshot::new(&parts, previous.as_deref())
            .map_err(|error| ReconcileError::Snapshot { generation, error })?;
        let replaced = compiled.map(|policy| self.published.policy.swap(Arc::new(Some(Arc::new(policy)))));
        self.published.snapshots.send_replace(Some(Arc::new(snapshot)));
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
        let mut document = policy_document(registry, &self.config, self.agents.documents());
        if let Some(current) = &self.policy {
            document.generation = current.document.generation;
            if document == current.document {
                return Ok(None);
            }
        }
        document.generation = generation.get();
        let policy = Policy::compile(document.clone()).map_err(|error| ReconcileError::Policy { generation, error })?;
        let rendered = RenderedPolicy::of(&document);
        let resource = PolicyResource::new(&self.filter, &document, rendered);
        self.policy = Some(CurrentPolicy { document, resource });
        Ok(Some(policy))
    }
}

#[cfg(test)]
mod tests;
