//! The ports: bound first, served later, so that a port in use is known before anything runs.

use std::{io, net::SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Listen;

/// A port that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("{setting} = {address} cannot be bound")]
pub struct BindError {
    /// The setting.
    pub setting: &'static str,
    /// Its address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// The ports, and where they really are: port 0 has become a number.
pub(super) struct Ports {
    pub(super) admin: TcpListener,
    pub(super) discovery: TcpListener,
    pub(super) xds: TcpListener,
    pub(super) addresses: Listen,
}

impl Ports {
    pub(super) async fn bind(listen: Listen) -> Result<Self, BindError> {
        let (admin, admin_address) = bind("listen.admin", listen.admin).await?;
        let (discovery, discovery_address) = bind("listen.discovery", listen.discovery).await?;
        let (xds, xds_address) = bind("listen.xds", listen.xds).await?;
        let addresses = Listen { admin: admin_address, discovery: discovery_address, xds: xds_address };
        Ok(Self { admin, discovery, xds, addresses })
    }
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |source| BindError { setting, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves until `stopping`; requests that run then are finished.
pub(super) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned()).await
}
