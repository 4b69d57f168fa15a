//! The gRPC server on the xDS port: ADS, the metrics service and the quota service, with optional mutual TLS.

use std::{sync::Arc, time::Duration};

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming};

use super::{NodeTable, SnapshotFeed, TrafficReports, health_reports, service::Ads};
use crate::{domain::SecretText, quota};

/// TLS on the xDS port, PEM.
#[derive(Debug, Clone)]
pub struct XdsTls {
    /// The server's chain.
    pub certificate: String,
    /// Its key.
    pub key: SecretText,
    /// Who signs Envoys' certificates; `None`: none is asked for.
    pub client_ca: Option<String>,
}

/// The xDS port failed.
#[derive(Debug, thiserror::Error)]
#[error("the xDS server failed")]
pub struct ServeError(#[from] tonic::transport::Error);

const KEEPALIVE: Duration = Duration::from_secs(30);

/// Serves until `stopping`; streams then end, and Envoys go on with what they have.
///
/// # Errors
/// When TLS material cannot be used, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    tls: Option<XdsTls>,
    snapshots: SnapshotFeed,
    nodes: NodeTable,
    reports: Arc<dyn TrafficReports>,
    quota: quota::Server,
    stopping: CancellationToken,
) -> Result<(), ServeError> {
    let ads = Ads { snapshots, nodes, stopping: stopping.clone() };
    let mut server = Server::builder().http2_keepalive_interval(Some(KEEPALIVE)).tcp_nodelay(true);
    if let Some(tls) = tls {
        server = server.tls_config(tls_config(&tls))?;
    }
    server
        .add_service(AggregatedDiscoveryServiceServer::new(ads))
        .add_service(health_reports::server(reports))
        .add_service(quota)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopping.cancelled_owned())
        .await?;
    Ok(())
}

fn tls_config(tls: &XdsTls) -> ServerTlsConfig {
    let identity = Identity::from_pem(&tls.certificate, tls.key.expose());
    let config = ServerTlsConfig::new().identity(identity);
    match &tls.client_ca {
        Some(authority) => config.client_ca_root(Certificate::from_pem(authority)),
        None => config,
    }
}

#[cfg(test)]
mod tests;
