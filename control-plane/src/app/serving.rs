//! The HTTP ports: bound first, served later, so that a port in use is known before anything runs.

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

/// The ports.
pub(super) struct Ports {
    pub(super) admin: TcpListener,
    pub(super) discovery: TcpListener,
    pub(super) xds: TcpListener,
}

impl Ports {
    pub(super) async fn bind(listen: Listen) -> Result<Self, BindError> {
        Ok(Self {
            admin: bind("listen.admin", listen.admin).await?,
            discovery: bind("listen.discovery", listen.discovery).await?,
            xds: bind("listen.xds", listen.xds).await?,
        })
    }

    /// Where they really are: port 0 has become a number.
    pub(super) fn addresses(&self) -> Result<Listen, BindError> {
        let address = |setting, listener: &TcpListener| {
            let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
            listener.local_addr().map_err(|source| BindError { setting, address: unknown, source })
        };
        Ok(Listen {
            admin: address("listen.admin", &self.admin)?,
            discovery: address("listen.discovery", &self.discovery)?,
            xds: address("listen.xds", &self.xds)?,
        })
    }
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { setting, address, source })
}

/// Serves until `stopping`; requests that run then are finished.
pub(super) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned()).await
}
