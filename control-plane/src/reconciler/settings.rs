//! The configuration as `xds` wants it, read once at start: the filter's code is a file.

use std::{io, path::PathBuf};

use crate::{
    config::Config,
    xds::{Edge, FilterModule, ServingCertificate, UpstreamAddress},
};

/// A file that the configuration names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The filter's code cannot be read.
    #[error("gateway.filter: {} cannot be read", path.display())]
    Filter {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no WebAssembly module.
    #[error("gateway.filter: {} is no WebAssembly module", .0.display())]
    NotWasm(PathBuf),
}

/// What stays the same while the process lives.
///
/// # Errors
/// When the filter's code cannot be used.
pub fn edge(config: &Config) -> Result<Edge, SettingsError> {
    let gateway = &config.gateway;
    let path = &gateway.filter;
    let code = std::fs::read(path).map_err(|source| SettingsError::Filter { path: path.clone(), source })?;
    if !code.starts_with(b"\0asm") {
        return Err(SettingsError::NotWasm(path.clone()));
    }
    Ok(Edge {
        listen: gateway.listen,
        control_plane: UpstreamAddress {
            host: gateway.discovery_address.host().to_owned(),
            port: gateway.discovery_address.port(),
        },
        max_body_bytes: gateway.max_body_bytes,
        certificate: gateway
            .tls
            .as_ref()
            .map(|tls| ServingCertificate { chain: tls.certificate.clone(), key: tls.key.clone() }),
        upstream_ca: gateway.upstream_ca.clone(),
        module: FilterModule::new(&code),
    })
}
