//! The server put together: first everything that can fail (registry, filter module, ports) with [`bind`], then [`Bound::run`] until
//! it is told to stop. Owns every task. What the parts do is their own business.

mod first_admin;
mod first_issuer;
mod foundation;
mod health;
mod limits;
mod policy_gate;
mod restore;
mod routers;
mod searching;
mod serving;
mod tasks;
mod xds_tls;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    broker::{Broker, Edges},
    card_sync::{self, CardSync},
    cards::{CardFetcher, CardVerifier},
    config::{Config, Listen},
    domain::{AgentId, UnixSeconds},
    health::{HealthBoard, Sample},
    issuer::{JwksReader, Refresher},
    quota::{Micros, Quota, Refusals},
    reconciler::{self, Published, ReconcileError, Reconciler, SettingsError},
    revocation_expiry,
    search::{Indexer, ModelPlace, Search},
    sources::Sources,
    xds::{self, NodeTable, TrafficReports, XdsTls},
};
use foundation::Foundation;
pub use foundation::FoundationError;
use health::Readiness;
pub use limits::LedgerPlaceError;
pub use restore::{RestoreError, RestoreOptions, Restored, restore};
use routers::{Parts, Routers};
pub use searching::EmbedderError;
pub use serving::BindError;
use serving::Ports;
pub use tasks::TaskError;
use tasks::Tasks;
pub use xds_tls::XdsTlsError;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The registry and what belongs to it.
    #[error(transparent)]
    Foundation(#[from] FoundationError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The filter module.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Certificates of the xDS port.
    #[error(transparent)]
    XdsTls(#[from] XdsTlsError),
    /// Where the ledger is to be.
    #[error(transparent)]
    Ledger(#[from] LedgerPlaceError),
    /// What the search is to have its vectors from.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// What is registered cannot be published.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
}

/// A server that has its ports and has read everything, and does nothing yet.
pub struct Bound {
    foundation: Foundation,
    ports: Ports,
    xds_tls: Option<XdsTls>,
    broker: Broker,
    reconciler: Reconciler,
    published: Published,
    health: HealthBoard,
    quota: Quota,
    model: Option<ModelPlace>,
}

/// Opens the registry, makes what a first start needs, and binds the ports.
///
/// # Errors
/// [`StartError`]: nothing runs then.
pub async fn bind(config: Config, env: &BTreeMap<String, String>) -> Result<Bound, StartError> {
    let edge = reconciler::edge(&config)?;
    let xds_tls = config.xds_tls.as_ref().map(xds_tls::read).transpose()?;
    let quota = limits::quota(&config.fleet_limits, env, system_micros)?;
    xds_tls::warn_if_open(config.listen.xds, xds_tls.as_ref());
    let ports = Ports::bind(config.listen).await?;
    let foundation = Foundation::lay(config, env, system_clock).await?;
    let model = searching::model(&foundation, env)?;
    let edges = Edges { clock: system_clock, jitter: rand::random };
    let broker = Broker::new(foundation.outbound.clone(), foundation.secrets.clone(), edges);
    let health = HealthBoard::new(system_clock);
    let (reconciler, published) =
        Reconciler::new(foundation.store.clone(), broker.clone(), health.clone(), foundation.config.clone(), &edge)?;
    Ok(Bound { foundation, ports, xds_tls, broker, reconciler, published, health, quota, model })
}

impl Bound {
    /// Where the server listens: port 0 of the settings has become a number.
    #[must_use]
    pub fn addresses(&self) -> Listen {
        self.ports.addresses
    }

    /// Serves until `shutdown`: then it is unready at once, finishes what it has begun, and ends.
    ///
    /// # Errors
    /// The first task that failed; the others were told to stop.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), TaskError> {
        let mut tasks = Tasks::new();
        let readiness = Readiness::default();
        // Before anything can answer: the ports are bound, and whoever asks is answered when all tasks are there.
        let ready = readiness.ready();
        self.spawn(&mut tasks, &readiness);
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            error = tasks.failed() => Err(error),
        };
        drop(ready);
        tasks.finish().await;
        outcome
    }

    fn spawn(self, tasks: &mut Tasks, readiness: &Readiness) {
        let Self { mut foundation, ports, xds_tls, broker, reconciler, published, health, quota, model } = self;
        let stopping = tasks.stopping();
        let nodes = NodeTable::new(foundation.clock);
        for (name, rotation) in foundation.rotations.drain(..) {
            tasks.background(name, rotation.run());
        }
        let keys = JwksReader::new(&foundation.outbound, foundation.secrets.clone());
        let (refresher, unknown_keys) =
            Refresher::new(foundation.store.clone(), keys.clone(), foundation.config.jwks_refresh);
        tasks.background("key set refresh", refresher.run());
        let expiry = revocation_expiry::run(foundation.store.clone(), foundation.clock);
        tasks.background("expiry of revocations", expiry);
        tasks.serve("token broker", endless(broker.clone().run(stopping.clone())));
        tasks.serve("reconciler", endless(reconciler.run(stopping.clone())));
        tasks.serve("heartbeats", endless(health.clone().run(stopping.clone())));
        let snapshots = published.snapshots();
        let reports = Arc::new(Reports { broker: broker.clone(), health: health.clone() });
        let (fleet, usage) = (quota.fleet.clone(), quota.usage.clone());
        let server = quota.into_server(reports.clone());
        tasks.serve("xDS", xds::serve(ports.xds, xds_tls, snapshots, nodes.clone(), reports, server, stopping.clone()));
        let verifier = CardVerifier::new(&foundation.outbound, foundation.config.cards.trusted_jku.clone());
        let cards = CardFetcher::new(&foundation.outbound, Arc::new(broker.clone()), verifier);
        let sync = self::sync(&foundation, &cards, tasks);
        let sources = self::sources(&foundation, &cards, tasks);
        let search = Search::default();
        tasks.background("search index", Indexer::new(search.clone(), foundation.store.clone(), model).run());
        tasks.background("search permissions", searching::follow(search.clone(), published.snapshots()));
        let parts = Parts {
            broker,
            health,
            published,
            nodes,
            keys,
            unknown_keys,
            fleet,
            usage,
            cards,
            sync,
            sources,
            search: search.clone(),
        };
        let routers = Routers::new(&foundation, parts);
        let admin = routers.private.merge(readiness.router());
        tasks.serve("admin HTTP", serving::serve(ports.admin, admin, stopping.clone()));
        tasks.serve("discovery HTTP", serving::serve(ports.discovery, routers.public, stopping));
    }
}

/// What keeps cards current, at work where the settings have a period.
fn sync(foundation: &Foundation, cards: &CardFetcher, tasks: &mut Tasks) -> CardSync {
    let edges = card_sync::Edges { clock: foundation.clock, jitter: rand::random };
    let sync = CardSync::new(foundation.store.clone(), Arc::new(cards.clone()), edges);
    if let Some(interval) = foundation.config.cards.sync_interval {
        tasks.background("card sync", sync.clone().run(interval));
    }
    sync
}

/// What looks for new agents, at work where the settings name a source.
fn sources(foundation: &Foundation, cards: &CardFetcher, tasks: &mut Tasks) -> Sources {
    let (store, config) = (foundation.store.clone(), &foundation.config);
    let (gateway, settings) = (&config.gateway.public_url, config.discovery.clone());
    let sources = Sources::new(store, &foundation.outbound, cards.clone(), gateway, settings, foundation.clock);
    if !config.discovery.sources.is_empty() {
        tasks.background("discovery sources", sources.clone().run(rand::random));
    }
    sources
}

/// Passes on what Envoy saw.
struct Reports {
    broker: Broker,
    health: HealthBoard,
}

impl Refusals for Reports {
    fn backend_refused(&self, agent: &AgentId) {
        self.broker.backend_refused(agent);
    }
}

impl TrafficReports for Reports {
    fn backends_seen(&self, node: &str, samples: &[Sample]) {
        self.health.report(node, samples);
    }
}

async fn endless(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}

/// The edge of the project where time is read.
fn system_clock() -> UnixSeconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The same, finer.
fn system_micros() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
