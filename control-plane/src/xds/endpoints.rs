//! Where a cluster's requests go: the load assignment, inline in the cluster or by EDS, and how the places stand.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::{
    core::v3::{Address, EnvoyInternalAddress, HealthStatus, address, envoy_internal_address::AddressNameSpecifier},
    endpoint::v3::{
        ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, endpoint::HealthCheckConfig,
        lb_endpoint::HostIdentifier,
    },
};

use super::{
    any::{tcp_address, uint32},
    upstream_tls,
};
use crate::{
    domain::{Backend, Standing},
    health::Availability,
};

/// The assignment of an agent's backends. `check_port` is where they are checked, if not at their own port.
pub(super) fn assignment(
    cluster: &str,
    backends: &[Backend],
    availability: &Availability,
    check_port: Option<u16>,
) -> ClusterLoadAssignment {
    // Envoy wants priorities without gaps, counted from 0; operators may number as they like.
    let priorities: BTreeSet<u32> = backends.iter().map(|backend| backend.priority).collect();
    let endpoints = (0u32..).zip(&priorities).map(|(rank, priority)| LocalityLbEndpoints {
        priority: rank,
        lb_endpoints: backends
            .iter()
            .enumerate()
            .filter(|(_, backend)| backend.priority == *priority)
            .map(|(index, backend)| endpoint(backend, availability.of(index), check_port))
            .collect(),
        ..Default::default()
    });
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints: endpoints.collect(), ..Default::default() }
}

/// The assignment of one address.
pub(super) fn single(cluster: &str, host: &str, port: u16) -> ClusterLoadAssignment {
    only(cluster, tcp_address(host, port))
}

/// The assignment of a listener inside the same Envoy.
pub(super) fn internal(cluster: &str, listener: &str) -> ClusterLoadAssignment {
    let specifier = AddressNameSpecifier::ServerListenerName(listener.to_owned());
    let internal = EnvoyInternalAddress { address_name_specifier: Some(specifier), ..Default::default() };
    only(cluster, Address { address: Some(address::Address::EnvoyInternalAddress(internal)) })
}

fn only(cluster: &str, address: Address) -> ClusterLoadAssignment {
    let endpoint = Endpoint { address: Some(address), ..Default::default() };
    let endpoint = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..Default::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..Default::default() };
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints: vec![locality], ..Default::default() }
}

fn endpoint(backend: &Backend, standing: Standing, check_port: Option<u16>) -> LbEndpoint {
    let url = &backend.url;
    let endpoint = Endpoint {
        address: Some(tcp_address(url.host(), url.port())),
        // What the route's `auto_host_rewrite` writes: a backend sees its own name, as if it were called directly.
        hostname: backend.url.authority(),
        health_check_config: Some(HealthCheckConfig {
            hostname: backend.url.authority(),
            port_value: check_port.map(u32::from).unwrap_or_default(),
            ..Default::default()
        }),
        ..Default::default()
    };
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
        health_status: status(standing).into(),
        load_balancing_weight: Some(uint32(backend.weight.get())),
        metadata: upstream_tls::metadata(backend),
    }
}

/// What is up is for Envoy's own checks to judge.
fn status(standing: Standing) -> HealthStatus {
    match standing {
        Standing::Up => HealthStatus::Unknown,
        Standing::Down => HealthStatus::Unhealthy,
        Standing::Draining => HealthStatus::Draining,
    }
}
