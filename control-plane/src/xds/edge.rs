//! What stays the same while the process lives: where Envoy listens, how it reaches the control plane, the filter's code. Every
//! value comes typed from the configuration; nothing here reads a file.

use std::{collections::BTreeSet, fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use envoy_types::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};

use super::{Resource, resource::version_of};

/// The constant part of every snapshot.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Where Envoy listens for callers.
    pub listen: SocketAddr,
    /// Where Envoy reaches the control plane's discovery listener.
    pub control_plane: UpstreamAddress,
    /// Largest body the filter reads, bytes; Envoy buffers a little more, so that the refusal is the filter's.
    pub max_body_bytes: u32,
    /// Whether Envoy counts what clusters answer by status, and how long they take: some 3 % of a request's instructions. The
    /// bootstrap leaves those of agents out.
    pub response_statistics: bool,
    /// The listener's certificate. `None`: plain HTTP.
    pub certificate: Option<ServingCertificate>,
    /// PEM bundle on Envoy's machine that https backends are verified with, loaded once for all clusters.
    pub upstream_ca: PathBuf,
    /// The filter.
    pub filter: PolicyFilter,
    /// The translation.
    pub translator: FilterModule,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamAddress {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Certificate chain and key: PEM files on Envoy's machine.
#[derive(Debug, Clone)]
pub struct ServingCertificate {
    /// The chain, leaf first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The policy's filter, in one of its forms.
#[derive(Debug, Clone)]
pub enum PolicyFilter {
    /// In Envoy's sandbox. Its code travels.
    Wasm(FilterModule),
    /// In Envoy's own process: a dynamic module, a file on Envoy's machine.
    Native(PathBuf),
}

/// A module's code, hashed once.
#[derive(Clone)]
pub struct FilterModule {
    code: Arc<[u8]>,
    version: Arc<str>,
}

impl FilterModule {
    /// Takes the bytes of a `.wasm` file.
    #[must_use]
    pub fn new(code: &[u8]) -> Self {
        Self { code: code.into(), version: version_of(&[code]).into() }
    }

    /// The code, as it travels.
    pub(super) fn source(&self) -> DataSource {
        DataSource { specifier: Some(Specifier::InlineBytes(self.code.to_vec())), ..Default::default() }
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

impl fmt::Debug for FilterModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterModule").field("bytes", &self.code.len()).field("version", &self.version).finish()
    }
}

/// The resources that no agent changes.
#[derive(Debug, Clone)]
pub struct EdgeResources {
    pub(super) clusters: [Resource; 2],
    pub(super) listeners: [Resource; 2],
    pub(super) routes: Resource,
    pub(super) secrets: Vec<Resource>,
    max_body_bytes: u32,
    /// How long streams may be silent, milliseconds, other than by default.
    stream_idles: BTreeSet<u64>,
}

impl EdgeResources {
    /// Builds them.
    #[must_use]
    pub fn new(edge: &Edge) -> Self {
        Self {
            clusters: [super::clusters::control_plane(edge), super::clusters::translation()],
            listeners: [super::listener::gateway(edge), super::translator::listener(edge)],
            routes: super::routes::gateway(edge.max_body_bytes, &BTreeSet::new()),
            secrets: super::secrets::edge(edge),
            max_body_bytes: edge.max_body_bytes,
            stream_idles: BTreeSet::new(),
        }
    }

    /// Has routes for streams that may be silent for so many milliseconds. A route stays once it is there: the policy that led to it is
    /// replaced after the routes are.
    pub fn wait_for_streams(&mut self, milliseconds: BTreeSet<u64>) {
        if !milliseconds.is_subset(&self.stream_idles) {
            self.stream_idles.extend(milliseconds);
            self.routes = super::routes::gateway(self.max_body_bytes, &self.stream_idles);
        }
    }
}
