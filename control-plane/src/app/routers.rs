//! Which routes each HTTP port has.

use std::sync::Arc;

use axum::Router;
use tollgate_policy::document::AdminExposure;

use super::{foundation::Foundation, policy_gate::PolicyGate};
use crate::{
    admin::{self, AdminState},
    broker::Broker,
    card_sync::CardSync,
    cards::{CardFetcher, CardGateway, CardShelf, CardSigner, GatewaySecurity},
    config::Config,
    discovery::{self, DiscoveryState},
    gate::Gate,
    health::HealthBoard,
    issuer::{self, JwksReader, UnknownKeys},
    quota::{FleetTable, UsageTable},
    reconciler::Published,
    search::Search,
    sources::Sources,
    xds::NodeTable,
};

/// The routes of both ports.
pub(super) struct Routers {
    /// The private port: admin API, and the issuer so that one can log in while the gateway is down.
    pub(super) private: Router,
    /// What Envoy forwards.
    pub(super) public: Router,
}

/// Parts that run elsewhere, and that handlers ask.
pub(super) struct Parts {
    pub(super) broker: Broker,
    pub(super) health: HealthBoard,
    pub(super) published: Published,
    pub(super) nodes: NodeTable,
    pub(super) keys: JwksReader,
    pub(super) unknown_keys: UnknownKeys,
    pub(super) fleet: FleetTable,
    pub(super) usage: UsageTable,
    pub(super) cards: CardFetcher,
    pub(super) sync: CardSync,
    pub(super) sources: Sources,
    pub(super) search: Search,
}

impl Routers {
    pub(super) fn new(foundation: &Foundation, parts: Parts) -> Self {
        let Parts { broker, health, published, nodes, keys, unknown_keys, fleet, usage, cards, sync, sources, search } =
            parts;
        let config = &foundation.config;
        let gate: Arc<dyn Gate> = Arc::new(PolicyGate::new(published, unknown_keys, foundation.clock, rand::random()));
        let signing = config.cards.signing.is_some();
        let signer =
            signing.then(|| CardSigner::new(foundation.store.clone(), &config.gateway.public_url, foundation.clock));
        let shelf = CardShelf::new(card_gateway(config), signer);
        let embedded_issuer = config.issuer.as_ref().map(|issuer| issuer.issuer.clone());
        let issuer = foundation.issuer.clone().map(issuer::router).unwrap_or_default();
        let discovery = discovery::router(DiscoveryState {
            store: foundation.store.clone(),
            gate: gate.clone(),
            shelf: shelf.clone(),
            fetcher: cards.clone(),
            health: health.clone(),
            embedded_issuer: embedded_issuer.clone(),
            search,
        });
        let admin = admin::router(AdminState {
            store: foundation.store.clone(),
            gate,
            cards,
            sync,
            sources,
            shelf,
            broker,
            health,
            secrets: foundation.secrets.clone(),
            outbound: foundation.outbound.clone(),
            keys,
            nodes,
            fleet,
            usage,
            embedded_issuer,
            clock: foundation.clock,
        });
        let public = match config.gateway.admin {
            AdminExposure::Public => discovery.merge(issuer.clone()).merge(admin.clone()),
            AdminExposure::Private => discovery.merge(issuer.clone()),
        };
        Self { private: admin.merge(issuer), public }
    }
}

fn card_gateway(config: &Config) -> CardGateway {
    let public_url = config.gateway.public_url.clone();
    let security = match config.issuer {
        Some(_) => GatewaySecurity::embedded(&public_url),
        None => GatewaySecurity::Bearer,
    };
    CardGateway { public_url, security, grpc_domain: config.gateway.grpc_domain.clone() }
}
