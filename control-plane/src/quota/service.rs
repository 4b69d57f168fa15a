//! `QuotaService` (proto/tollgate/quota/v1/quota.proto), beside ADS on the xDS port. A ledger that is away is no error to an Envoy: it
//! is told to go on with its fair share, and the log says once that it is so. What backends refused is passed on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tollgate_proto::quota::v1::{
    self,
    quota_service_server::{QuotaService, QuotaServiceServer},
};
use tonic::{Request, Response, Status};

use crate::domain::AgentId;

use super::{
    FleetNode, FleetTable, Lease, Ledger, LedgerError, Lent, Micros, Report, UsageTable, nodes::LeaseHealth,
    wire::Exchange,
};

/// Largest message: as many buckets as one exchange may have, of the usual length.
const MOST_BYTES: usize = 4 << 20;

/// The gRPC service, for the server on the xDS port.
pub type Server = QuotaServiceServer<Service>;

/// What the exchanges are made with. Clones share it.
#[derive(Clone)]
pub struct Quota {
    /// The tokens.
    pub ledger: Arc<dyn Ledger>,
    /// Who was heard of.
    pub fleet: FleetTable,
    /// What was counted.
    pub usage: UsageTable,
    /// The time.
    pub clock: fn() -> Micros,
}

/// Whoever wants to know whose backend refused the gateway's credential.
pub trait Refusals: Send + Sync + 'static {
    /// `agent`'s backend answered 401.
    fn backend_refused(&self, agent: &AgentId);
}

/// Answers exchanges.
pub struct Service {
    quota: Quota,
    refusals: Arc<dyn Refusals>,
    /// Nodes that took part when the ledger answered last.
    nodes: AtomicU32,
    away: AtomicBool,
}

impl Quota {
    /// The service of it. `refusals` hears of refused credentials.
    #[must_use]
    pub fn into_server(self, refusals: Arc<dyn Refusals>) -> Server {
        let service = Service { quota: self, refusals, nodes: AtomicU32::new(1), away: AtomicBool::new(false) };
        QuotaServiceServer::new(service).max_decoding_message_size(MOST_BYTES)
    }
}

#[tonic::async_trait]
impl QuotaService for Service {
    async fn sync(&self, request: Request<v1::SyncRequest>) -> Result<Response<v1::SyncResponse>, Status> {
        let exchange = Exchange::try_from(request.into_inner());
        let exchange = exchange.map_err(|fault| Status::invalid_argument(fault.to_string()))?;
        let now = (self.quota.clock)();
        let lent = self.quota.ledger.exchange(&exchange.node, &exchange.reports, now).await;
        let lent = self.or_fair_share(lent);
        self.quota.usage.count(&exchange.reports, now);
        self.pass_on_refusals(&exchange.reports);
        let lease = LeaseHealth::from(&lent);
        self.quota.fleet.heard(&exchange.node.id, FleetNode { last_seen: now, lease });
        Ok(Response::new(lent.into()))
    }
}

impl Service {
    fn pass_on_refusals(&self, reports: &[Report]) {
        let refused = reports.iter().filter(|report| report.counts.unauthorized > 0);
        let agents = refused.filter_map(|report| AgentId::try_from(report.key.agent.as_str()).ok());
        agents.for_each(|agent| self.refusals.backend_refused(&agent));
    }

    fn or_fair_share(&self, answer: Result<Lent, LedgerError>) -> Lent {
        match answer {
            Ok(lent) => {
                self.nodes.store(lent.nodes, Ordering::Relaxed);
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the ledger answers again: tokens are lent");
                }
                lent
            }
            Err(error) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "no tokens are lent: each Envoy goes on with its fair share");
                }
                Lent { nodes: self.nodes.load(Ordering::Relaxed), lease: Lease::FairShare }
            }
        }
    }
}

#[cfg(test)]
mod tests;
