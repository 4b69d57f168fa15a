//! Which routes each HTTP port has.

use axum::Router;
use tollgate_policy::document::AdminExposure;

use super::foundation::Foundation;
use crate::{broker::Broker, issuer, issuer::UnknownKeys, reconciler::Published, xds::NodeTable};

/// The routes of both ports.
pub(super) struct Routers {
    /// The private port: admin API, and the issuer so that one can log in while the gateway is down.
    pub(super) private: Router,
    /// What Envoy forwards.
    pub(super) public: Router,
}

impl Routers {
    pub(super) fn new(
        foundation: &Foundation,
        _broker: Broker,
        _published: Published,
        _nodes: NodeTable,
        _unknown_keys: UnknownKeys,
    ) -> Self {
        let issuer = foundation.issuer.clone().map(issuer::router).unwrap_or_default();
        let mut public = Router::new().merge(issuer.clone());
        if foundation.config.gateway.admin == AdminExposure::Public {
            public = public.merge(Router::new());
        }
        Self { private: issuer, public }
    }
}
