//! The xDS port's certificates, read once at start.

use std::{io, path::Path, path::PathBuf};

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

fn text(path: &Path) -> Result<String, XdsTlsError> {
    std::fs::read_to_string(path).map_err(|source| XdsTlsError { path: path.to_owned(), source })
}
