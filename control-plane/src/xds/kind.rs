//! The resource types served, and the order in which they go out.

/// A resource type. The order of the variants is the order of sending: what is named goes before what names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// CDS.
    Cluster,
    /// EDS.
    Endpoints,
    /// LDS.
    Listener,
    /// RDS.
    Routes,
    /// SDS.
    Secret,
    /// ECDS.
    Extension,
}

impl ResourceKind {
    /// All of them, in sending order.
    pub const ALL: [Self; 6] =
        [Self::Cluster, Self::Endpoints, Self::Listener, Self::Routes, Self::Secret, Self::Extension];

    /// The protobuf type URL.
    #[must_use]
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Extension => "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        }
    }

    /// The kind of a type URL; `None`: not served here.
    #[must_use]
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// The word for people and the admin API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cds",
            Self::Endpoints => "eds",
            Self::Listener => "lds",
            Self::Routes => "rds",
            Self::Secret => "sds",
            Self::Extension => "ecds",
        }
    }

    /// Whether an empty first subscription means "everything" (xDS protocol: clusters and listeners only).
    pub(super) fn defaults_to_wildcard(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// Whether one response at a time is out. Names an Envoy asks for while it warms a cluster are answered at once instead:
    /// the cluster's own acknowledgement may wait for them.
    pub(super) fn sends_one_at_a_time(self) -> bool {
        !matches!(self, Self::Secret | Self::Endpoints)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}
