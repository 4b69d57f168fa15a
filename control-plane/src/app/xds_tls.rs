//! The xDS port's certificates, read once at start.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{config, domain::SecretText, xds::XdsTls};

/// A file of the xDS port's TLS cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("xds_tls: {} cannot be read", path.display())]
pub struct XdsTlsError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

pub(super) fn read(settings: &config::XdsTls) -> Result<XdsTls, XdsTlsError> {
    Ok(XdsTls {
        certificate: text(&settings.server.certificate)?,
        key: SecretText::new(text(&settings.server.key)?),
        client_ca: settings.client_ca.as_deref().map(text).transpose()?,
    })
}

/// Whoever reaches the port is served every agent's credential: off the machine itself, that asks for client certificates.
pub(super) fn warn_if_open(listen: SocketAddr, tls: Option<&XdsTls>) {
    if !listen.ip().is_loopback() && tls.is_none_or(|tls| tls.client_ca.is_none()) {
        tracing::warn!(%listen, "the xDS port serves backend credentials to whoever reaches it: set xds_tls.client_ca");
    }
}

fn text(path: &Path) -> Result<String, XdsTlsError> {
    std::fs::read_to_string(path).map_err(|source| XdsTlsError { path: path.to_owned(), source })
}
