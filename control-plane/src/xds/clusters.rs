//! CDS: one cluster per agent, and the control plane's own. Credentials and certificates are named here and delivered by SDS.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{
                CircuitBreakers, Cluster,
                circuit_breakers::Thresholds,
                cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig},
            },
            core::v3::{Http1ProtocolOptions, HttpProtocolOptions as CommonOptions},
        },
        extensions::{
            filters::network::http_connection_manager::v3::HttpFilter,
            upstreams::http::v3::{
                HttpProtocolOptions,
                http_protocol_options::{
                    ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
                },
            },
        },
    },
    google::protobuf::Any,
};

use super::{
    Edge, Resource,
    any::{ads, duration, pack, uint32},
    endpoints, secrets, upstream_tls,
};
use crate::domain::{Agent, AgentId};

/// The control plane's cluster, as the routes and the policy document name it.
pub const CONTROL_PLANE: &str = "tollgate-control-plane";
/// What every agent's cluster name begins with; statistics of these are left out by the bootstrap.
pub(super) const AGENT_PREFIX: &str = "agent-";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Common servers (uvicorn, Node) close idle connections after 5 s; being first avoids the race that no POST may be retried after.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Envoy's default of 1,024 is few for streams that live for minutes; limits per caller are the policy's business.
const MAX_REQUESTS: u32 = 65_536;
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The name of an agent's cluster.
#[must_use]
pub fn agent_cluster_name(agent: &AgentId) -> String {
    format!("{AGENT_PREFIX}{agent}")
}

/// The agent that a cluster belongs to, if it belongs to one.
pub(super) fn agent_of(cluster: &str) -> Option<AgentId> {
    AgentId::try_from(cluster.strip_prefix(AGENT_PREFIX)?).ok()
}

/// An agent's cluster.
pub(super) fn agent(agent: &Agent) -> Resource {
    let name = agent_cluster_name(&agent.id);
    let assignment = endpoints::assignment(&name, &agent.backends);
    let mut cluster = base(&name, secrets::injector(agent).into_iter().collect());
    match Discovery::of(agent) {
        Discovery::Eds => {
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into()));
            cluster.eds_cluster_config = Some(EdsClusterConfig { eds_config: Some(ads()), ..Default::default() });
        }
        Discovery::Inline(kind) => {
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
            cluster.load_assignment = Some(assignment);
        }
    }
    cluster.transport_socket = upstream_tls::socket(&agent.backends);
    cluster.transport_socket_matches = upstream_tls::by_host(&agent.backends);
    Resource::new(&name, &cluster)
}

/// An agent's endpoints, where they travel by EDS.
pub(super) fn agent_endpoints(agent: &Agent) -> Option<Resource> {
    let name = agent_cluster_name(&agent.id);
    (Discovery::of(agent) == Discovery::Eds)
        .then(|| Resource::new(&name, &endpoints::assignment(&name, &agent.backends)))
}

/// The cluster of the control plane's discovery listener.
pub(super) fn control_plane(edge: &Edge) -> Resource {
    let upstream = &edge.control_plane;
    let mut cluster = base(CONTROL_PLANE, Vec::new());
    let kind = if upstream.host.parse::<IpAddr>().is_ok() { DiscoveryType::Static } else { DiscoveryType::StrictDns };
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
    cluster.load_assignment = Some(endpoints::single(CONTROL_PLANE, &upstream.host, upstream.port));
    Resource::new(CONTROL_PLANE, &cluster)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Discovery {
    /// Several addresses: they change without the cluster.
    Eds,
    /// With the cluster.
    Inline(DiscoveryType),
}

impl Discovery {
    fn of(agent: &Agent) -> Self {
        let addresses = agent.backends.iter().all(|backend| backend.url.host().parse::<IpAddr>().is_ok());
        match (addresses, agent.backends.len()) {
            (false, _) => Self::Inline(DiscoveryType::StrictDns),
            (true, ..=1) => Self::Inline(DiscoveryType::Static),
            (true, _) => Self::Eds,
        }
    }
}

fn base(name: &str, upstream_filters: Vec<HttpFilter>) -> Cluster {
    let limits = Thresholds {
        max_connections: Some(uint32(MAX_REQUESTS)),
        max_pending_requests: Some(uint32(MAX_REQUESTS)),
        max_requests: Some(uint32(MAX_REQUESTS)),
        ..Default::default()
    };
    Cluster {
        name: name.to_owned(),
        connect_timeout: Some(duration(CONNECT_TIMEOUT)),
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        circuit_breakers: Some(CircuitBreakers { thresholds: vec![limits], ..Default::default() }),
        typed_extension_protocol_options: HashMap::from([(HTTP_OPTIONS.to_owned(), http_options(upstream_filters))]),
        ..Default::default()
    }
}

fn http_options(mut filters: Vec<HttpFilter>) -> Any {
    if !filters.is_empty() {
        filters.push(secrets::upstream_codec());
    }
    pack(&HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            idle_timeout: Some(duration(IDLE_TIMEOUT)),
            ..Default::default()
        }),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default())),
        })),
        http_filters: filters,
        ..Default::default()
    })
}
