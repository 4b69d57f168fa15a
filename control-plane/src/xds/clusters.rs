//! CDS: one cluster per agent, and the control plane's own. Credentials and certificates are named here and delivered by SDS.

use std::{collections::HashMap, net::IpAddr, num::NonZeroU32, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig},
            },
            core::v3::{Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions},
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
    any::{ads, duration, pack},
    endpoints, pacing, secrets, translator, upstream_tls,
};
use crate::domain::{Agent, AgentId, Backend, CircuitBreaker, Timeouts};

/// The control plane's cluster, as the routes and the policy document name it.
pub const CONTROL_PLANE: &str = "tollgate-control-plane";
/// What every agent's cluster name begins with; statistics of these are left out by the bootstrap.
pub(super) const AGENT_PREFIX: &str = "agent-";
/// What the name of a gRPC interface's cluster ends with.
const GRPC_SUFFIX: &str = ".grpc";
/// What the name of a cluster ends with through which requests are translated.
const TRANSLATED_SUFFIX: &str = ".translated";

/// Common servers (uvicorn, Node) close idle connections after 5 s; being first avoids the race that no POST may be retried after.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The name of an agent's cluster.
#[must_use]
pub fn agent_cluster_name(agent: &AgentId) -> String {
    format!("{AGENT_PREFIX}{agent}")
}

/// The name of the cluster of an agent's gRPC interface. No agent's id has a dot in it.
#[must_use]
pub fn grpc_cluster_name(agent: &AgentId) -> String {
    format!("{AGENT_PREFIX}{agent}{GRPC_SUFFIX}")
}

/// The name of the cluster through which an agent's requests are translated.
#[must_use]
pub fn translated_cluster_name(agent: &AgentId) -> String {
    format!("{AGENT_PREFIX}{agent}{TRANSLATED_SUFFIX}")
}

/// The agent that a cluster belongs to, if it belongs to one.
pub(super) fn agent_of(cluster: &str) -> Option<AgentId> {
    let name = cluster.strip_prefix(AGENT_PREFIX)?;
    AgentId::try_from(name.split('.').next().unwrap_or(name)).ok()
}

/// An agent's cluster.
pub(super) fn agent(agent: &Agent) -> Resource {
    at_backends(agent, &agent_cluster_name(&agent.id), Vec::new())
}

/// The same backends behind the translation. What passes as it is has the other cluster, and nothing of this one's cost.
pub(super) fn agent_translated(agent: &Agent) -> Resource {
    at_backends(agent, &translated_cluster_name(&agent.id), translator::upstream_filters())
}

fn at_backends(agent: &Agent, name: &str, mut filters: Vec<HttpFilter>) -> Resource {
    filters.extend(secrets::injector(agent));
    let mut cluster = base(name, filters, Upstream::Http1);
    pacing::apply(&mut cluster, &agent.timeouts, &agent.circuit_breaker);
    match Discovery::of(agent) {
        Discovery::Eds => {
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into()));
            // Both clusters have the same endpoints.
            let service_name = agent_cluster_name(&agent.id);
            cluster.eds_cluster_config = Some(EdsClusterConfig { eds_config: Some(ads()), service_name });
        }
        Discovery::Inline(kind) => {
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
            cluster.load_assignment = Some(endpoints::assignment(name, &agent.backends));
        }
    }
    cluster.transport_socket = upstream_tls::socket(&agent.backends);
    cluster.transport_socket_matches = upstream_tls::by_host(&agent.backends);
    Resource::new(name, &cluster)
}

/// The cluster of an agent's gRPC interface, if callers reach one.
pub(super) fn agent_grpc(agent: &Agent) -> Option<Resource> {
    let url = agent.a2a.grpc.as_ref()?;
    let name = grpc_cluster_name(&agent.id);
    let backends = [Backend { url: url.clone(), priority: 0, weight: NonZeroU32::MIN }];
    let mut cluster = base(&name, secrets::injector(agent).into_iter().collect(), Upstream::Http2);
    pacing::apply(&mut cluster, &agent.timeouts, &agent.circuit_breaker);
    let kind = if url.host().parse::<IpAddr>().is_ok() { DiscoveryType::Static } else { DiscoveryType::StrictDns };
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
    cluster.load_assignment = Some(endpoints::assignment(&name, &backends));
    cluster.transport_socket = upstream_tls::socket(&backends);
    cluster.transport_socket_matches = upstream_tls::by_host(&backends);
    Some(Resource::new(&name, &cluster))
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
    let mut cluster = base(CONTROL_PLANE, Vec::new(), Upstream::Http1);
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

/// What is spoken with a cluster's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upstream {
    Http1,
    /// gRPC's.
    Http2,
}

fn base(name: &str, upstream_filters: Vec<HttpFilter>, upstream: Upstream) -> Cluster {
    let mut cluster = Cluster {
        name: name.to_owned(),
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        typed_extension_protocol_options: HashMap::from([(
            HTTP_OPTIONS.to_owned(),
            http_options(upstream_filters, upstream),
        )]),
        ..Default::default()
    };
    pacing::apply(&mut cluster, &Timeouts::default(), &CircuitBreaker::default());
    cluster
}

fn http_options(mut filters: Vec<HttpFilter>, upstream: Upstream) -> Any {
    if !filters.is_empty() {
        filters.push(secrets::upstream_codec());
    }
    pack(&HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            idle_timeout: Some(duration(IDLE_TIMEOUT)),
            ..Default::default()
        }),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(match upstream {
                Upstream::Http1 => ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default()),
                Upstream::Http2 => ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default()),
            }),
        })),
        http_filters: filters,
        ..Default::default()
    })
}
