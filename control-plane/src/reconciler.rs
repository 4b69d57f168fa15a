//! Keeps what is published equal to what is registered. Takes no input: woken, it reads the registry and the credentials, builds a
//! policy and a snapshot, and publishes both. What a resource looks like is `xds`' business.

mod document;
mod parts;
mod settings;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tollgate_policy::{Policy, fault::ConfigError};

use crate::{
    broker::Broker,
    config::Config,
    domain::Generation,
    store::Store,
    xds::{EdgeResources, FilterModule, PolicyResource, RenderedPolicy, Snapshot, SnapshotFeed, SnapshotParts},
};
pub use document::policy_document;
use parts::Parts;
pub use settings::{SettingsError, edge};

/// Least time between two publications. The first change after a quiet time goes out at once; a burst goes out in few pieces.
const SPACING: Duration = Duration::from_millis(10);

/// The reconciler. Built once; [`Reconciler::run`] then follows the registry.
pub struct Reconciler {
    store: Store,
    broker: Broker,
    config: Arc<Config>,
    module: FilterModule,
    edge: EdgeResources,
    parts: Parts,
    policy: Option<Rendered>,
    published: Published,
}

/// What was published last, for readers.
#[derive(Clone)]
pub struct Published {
    policy: Arc<ArcSwap<Policy>>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    fault: watch::Sender<Option<Arc<ReconcileError>>>,
}
