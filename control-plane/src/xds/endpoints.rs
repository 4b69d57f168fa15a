//! Where a cluster's requests go: the load assignment, inline in the cluster or by EDS.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};

use super::{
    any::{tcp_address, uint32},
    upstream_tls,
};
use crate::domain::Backend;

/// The assignment of an agent's backends.
pub(super) fn assignment(cluster: &str, backends: &[Backend]) -> ClusterLoadAssignment {
    // Envoy wants priorities without gaps, counted from 0; operators may number as they like.
    let priorities: BTreeSet<u32> = backends.iter().map(|backend| backend.priority).collect();
    let endpoints = (0u32..).zip(&priorities).map(|(rank, priority)| LocalityLbEndpoints {
        priority: rank,
        lb_endpoints: backends.iter().filter(|backend| backend.priority == *priority).map(endpoint).collect(),
        ..Default::default()
    });
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints: endpoints.collect(), ..Default::default() }
}

/// The assignment of one address.
pub(super) fn single(cluster: &str, host: &str, port: u16) -> ClusterLoadAssignment {
    let endpoint = Endpoint { address: Some(tcp_address(host, port)), ..Default::default() };
    let endpoint = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..Default::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..Default::default() };
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints: vec![locality], ..Default::default() }
}

fn endpoint(backend: &Backend) -> LbEndpoint {
    let url = &backend.url;
    let endpoint = Endpoint {
        address: Some(tcp_address(url.host(), url.port())),
        // What the route's `auto_host_rewrite` writes: a backend sees its own name, as if it were called directly.
        hostname: authority(backend),
        ..Default::default()
    };
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
        load_balancing_weight: Some(uint32(backend.weight.get())),
        metadata: upstream_tls::metadata(backend),
        ..Default::default()
    }
}

/// `Host` as RFC 9110 section 7.2 wants it: the port only where it is not the scheme's.
fn authority(backend: &Backend) -> String {
    let url = backend.url.url();
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
