//! The configuration as `xds` wants it, read once at start: the filter's code is a file.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    config::Config,
    xds::{Edge, FilterModule, PolicyFilter, ServingCertificate, UpstreamAddress},
};

/// A file that the configuration names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A module's code cannot be read.
    #[error("gateway.{setting}: {} cannot be read", path.display())]
    Module {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no WebAssembly module.
    #[error("gateway.{setting}: {} is no WebAssembly module", path.display())]
    NotWasm {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
}

/// What stays the same while the process lives.
///
/// # Errors
/// When the filter's code cannot be used.
pub fn edge(config: &Config) -> Result<Edge, SettingsError> {
    let gateway = &config.gateway;
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
        response_statistics: gateway.response_statistics,
        upstream_ca: gateway.upstream_ca.clone(),
        filter: match &gateway.native_filter {
            Some(file) => PolicyFilter::Native(file.clone()),
            None => PolicyFilter::Wasm(module("filter", &gateway.filter)?),
        },
        translator: module("translator", &gateway.translator)?,
    })
}

fn module(setting: &'static str, path: &Path) -> Result<FilterModule, SettingsError> {
    let unreadable = |source| SettingsError::Module { setting, path: path.to_owned(), source };
    let code = std::fs::read(path).map_err(unreadable)?;
    if !code.starts_with(b"\0asm") {
        return Err(SettingsError::NotWasm { setting, path: path.to_owned() });
    }
    Ok(FilterModule::new(&code))
}
