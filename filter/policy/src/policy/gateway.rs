//! The gateway's own settings, checked.

use crate::document::{AdminExposure, BodyMode, GatewayDocument, HostMode, QuotaDocument, RecordMode, RevokedStreams};
use crate::fault::ConfigFault;
use crate::ids::Scope;

/// Largest `maxBodyBytes`: a body is read into the module's memory, which never shrinks.
const MAX_BODY: usize = 16 << 20;

/// The gateway's own settings.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The URL clients use, without a trailing slash.
    pub public_url: Box<str>,
    /// Largest body read for a decision, bytes.
    pub max_body_bytes: usize,
    /// How such a body is read.
    pub body_mode: BodyMode,
    /// Who does the header work around the decision.
    pub host: HostMode,
    /// What becomes of decision records.
    pub records: RecordMode,
    /// Whether there is a control plane to send cards, listing, tokens and admin to.
    pub control_plane: ControlPlane,
    /// Whether `/admin/…` is reachable.
    pub admin: AdminExposure,
    /// The scope that opens it.
    pub admin_scope: Scope,
    /// The fleet's ledger; `None`: each Envoy counts alone.
    pub quota: Option<QuotaDocument>,
    /// What becomes of a revoked caller's open streams.
    pub revoked_streams: RevokedStreams,
    /// The domain below which each agent has a host for gRPC; `None`: gRPC is not carried.
    pub grpc_domain: Option<Box<str>>,
}

/// Whether there is a control plane behind this gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlPlane {
    /// In this cluster.
    Present(Box<str>),
    /// The filter stands alone.
    Absent,
}

impl Gateway {
    pub(super) fn compile(document: GatewayDocument, faults: &mut Vec<ConfigFault>) -> Self {
        let url = document.public_url;
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        let quotable = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'?' | b'#');
        if host.is_empty() || host.starts_with('/') || url.ends_with('/') || !url.bytes().all(quotable) {
            faults.push(ConfigFault::new(
                "gateway.publicUrl",
                "must be an absolute http or https URL without trailing slash, query and fragment",
            ));
        }
        let max_body_bytes = usize::try_from(document.max_body_bytes).unwrap_or(usize::MAX);
        if !(1..=MAX_BODY).contains(&max_body_bytes) {
            faults.push(ConfigFault::new("gateway.maxBodyBytes", "must be between 1 and 16777216"));
        }
        if document.quota.as_ref().is_some_and(|quota| quota.cluster.is_empty()) {
            faults.push(ConfigFault::new("gateway.quota.cluster", "must not be empty"));
        }
        if document.grpc_domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            faults.push(ConfigFault::new("gateway.grpcDomain", "must be a domain name in lower case, without a port"));
        }
        let control_plane = match document.control_plane_cluster {
            Some(name) if name.is_empty() => {
                faults.push(ConfigFault::new("gateway.controlPlaneCluster", "must not be empty"));
                ControlPlane::Absent
            }
            Some(name) => ControlPlane::Present(name.into()),
            None => ControlPlane::Absent,
        };
        Self {
            public_url: url.into(),
            max_body_bytes,
            body_mode: document.body_mode,
            host: document.host,
            records: document.records,
            control_plane,
            admin: document.admin,
            admin_scope: document.admin_scope,
            quota: document.quota,
            revoked_streams: document.revoked_streams,
            grpc_domain: document.grpc_domain.map(Into::into),
        }
    }
}

fn is_domain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed) && text.split('.').all(|label| !label.is_empty())
}
