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
            endpoint::v3::ClusterLoadAssignment,
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
    endpoints, health_checks, pacing, secrets, upstream_tls,
};
use crate::{
    domain::{Agent, AgentId, Backend, CircuitBreaker, Standing, Timeouts},
    health::Availability,
};

/// The control plane's cluster, as the routes and the policy document name it.
pub const CONTROL_PLANE: &str = "tollgate-control-plane";
/// The cluster that leads to the translation, and the listener that it is.
pub const TRANSLATION: &str = "tollgate-translation";
/// What every agent's cluster name begins with; statistics of these are left out by the bootstrap.
pub(super) const AGENT_PREFIX: &str = "agent-";
/// What the name of a gRPC interface's cluster ends with.
const GRPC_SUFFIX: &str = ".grpc";

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

/// The agent that a cluster belongs to, if it belongs to one.
pub(super) fn agent_of(cluster: &str) -> Option<AgentId> {
    let name = cluster.strip_prefix(AGENT_PREFIX)?;
    AgentId::try_from(name.split('.').next().unwrap_or(name)).ok()
}

/// An agent's cluster.
pub(super) fn agent(agent: &Agent, availability: &Availability) -> Resource {
    let name = agent_cluster_name(&agent.id);
    let mut cluster = base(&name, secrets::injector(agent).into_iter().collect(), Upstream::Http1);
    pacing::apply(&mut cluster, &agent.timeouts, &agent.circuit_breaker);
    find(&mut cluster, Discovery::of(agent, &agent.backends), || backends_of(agent, availability));
    cluster.transport_socket = upstream_tls::socket(&agent.backends);
    cluster.transport_socket_matches = upstream_tls::by_host(&agent.backends);
    health_checks::at_backends(&mut cluster, agent);
    Resource::new(&name, &cluster)
}

/// The cluster of an agent's gRPC interface, if callers reach one.
pub(super) fn agent_grpc(agent: &Agent, availability: &Availability) -> Option<Resource> {
    let backend = grpc_backend(agent)?;
    let name = grpc_cluster_name(&agent.id);
    let mut cluster = base(&name, secrets::injector(agent).into_iter().collect(), Upstream::Http2);
    pacing::apply(&mut cluster, &agent.timeouts, &agent.circuit_breaker);
    let discovery = Discovery::of(agent, std::slice::from_ref(&backend));
    find(&mut cluster, discovery, || grpc_endpoint(agent, &backend, availability));
    cluster.transport_socket = upstream_tls::socket(std::slice::from_ref(&backend));
    cluster.transport_socket_matches = upstream_tls::by_host(std::slice::from_ref(&backend));
    health_checks::at_grpc(&mut cluster, agent);
    Some(Resource::new(&name, &cluster))
}

/// An agent's endpoints, those that travel by EDS.
pub(super) fn agent_endpoints(agent: &Agent, availability: &Availability) -> Vec<Resource> {
    let own = (Discovery::of(agent, &agent.backends) == Discovery::Eds).then(|| backends_of(agent, availability));
    let grpc = grpc_backend(agent)
        .filter(|backend| Discovery::of(agent, std::slice::from_ref(backend)) == Discovery::Eds)
        .map(|backend| grpc_endpoint(agent, &backend, availability));
    own.into_iter().chain(grpc).map(|it| Resource::new(&it.cluster_name, &it)).collect()
}

fn backends_of(agent: &Agent, availability: &Availability) -> ClusterLoadAssignment {
    let check_port = agent.health_target().and_then(|target| target.port);
    endpoints::assignment(&agent_cluster_name(&agent.id), &agent.backends, availability, check_port)
}

fn grpc_backend(agent: &Agent) -> Option<Backend> {
    agent.a2a.grpc.clone().map(|url| Backend { url, priority: 0, weight: NonZeroU32::MIN })
}

/// The interface stands as the backends on its host do; where there are none, as the best of all.
fn grpc_endpoint(agent: &Agent, backend: &Backend, availability: &Availability) -> ClusterLoadAssignment {
    let standings = || agent.backends.iter().enumerate().map(|(index, it)| (it, availability.of(index)));
    let beside = standings().filter(|(it, _)| it.url.host() == backend.url.host());
    let beside: Vec<Standing> = beside.map(|(_, standing)| standing).collect();
    let standing = match beside.as_slice() {
        [] => Standing::best(standings().map(|(_, standing)| standing)),
        beside => Standing::best(beside.iter().copied()),
    };
    let name = grpc_cluster_name(&agent.id);
    endpoints::assignment(&name, std::slice::from_ref(backend), &vec![standing].into(), None)
}

/// Says where a cluster's hosts come from.
fn find(cluster: &mut Cluster, discovery: Discovery, hosts: impl FnOnce() -> ClusterLoadAssignment) {
    match discovery {
        Discovery::Eds => {
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into()));
            // The endpoints have the cluster's name.
            cluster.eds_cluster_config = Some(EdsClusterConfig { eds_config: Some(ads()), ..Default::default() });
        }
        Discovery::Inline(kind) => {
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
            cluster.load_assignment = Some(hosts());
        }
    }
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

/// Where the translation is: a listener inside the same Envoy. HTTP/2, so that all streams share a connection: one of its own costs each
/// 30 KiB (Envoy 1.40.0).
pub(super) fn translation() -> Resource {
    let mut cluster = base(TRANSLATION, Vec::new(), Upstream::Http2);
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into()));
    cluster.load_assignment = Some(endpoints::internal(TRANSLATION, TRANSLATION));
    Resource::new(TRANSLATION, &cluster)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Discovery {
    /// Addresses that change, or stand otherwise, without the cluster.
    Eds,
    /// With the cluster.
    Inline(DiscoveryType),
}

impl Discovery {
    /// Envoy resolves no names that come by EDS. One address whose standing never changes is not worth a resource of its own.
    fn of(agent: &Agent, backends: &[Backend]) -> Self {
        let addresses = backends.iter().all(|backend| backend.url.host().parse::<IpAddr>().is_ok());
        match (addresses, backends.len()) {
            (false, _) => Self::Inline(DiscoveryType::StrictDns),
            (true, ..=1) if agent.heartbeat.is_none() => Self::Inline(DiscoveryType::Static),
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
