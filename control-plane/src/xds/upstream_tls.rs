//! TLS towards backends: server name, verified names, and the one CA list that all clusters share by SDS.

use std::{collections::BTreeSet, net::IpAddr};

use envoy_types::pb::envoy::{
    config::core::v3::{TransportSocket, transport_socket::ConfigType},
    extensions::transport_sockets::tls::v3::{
        CertificateValidationContext, CommonTlsContext, SdsSecretConfig, SubjectAltNameMatcher, UpstreamTlsContext,
        common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
        subject_alt_name_matcher::SanType,
    },
};

use super::{
    any::{ads, exactly, pack},
    secrets,
};
use crate::domain::Backend;

/// The transport socket of a cluster; `None`: plain TCP. An agent's backends are all https or none is.
pub(super) fn socket(backends: &[Backend]) -> Option<TransportSocket> {
    if !backends.iter().any(|backend| backend.url.is_tls()) {
        return None;
    }
    let hosts: BTreeSet<&str> = backends.iter().map(|backend| backend.url.host()).collect();
    let context = UpstreamTlsContext {
        sni: server_name(&hosts),
        // Several names: each connection takes its endpoint's.
        auto_host_sni: hosts.len() > 1,
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: Some(ValidationContextType::CombinedValidationContext(validation(&hosts))),
            ..Default::default()
        }),
        ..Default::default()
    };
    Some(TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&context))),
    })
}

/// RFC 6066 section 3: a name, never an address.
fn server_name(hosts: &BTreeSet<&str>) -> String {
    match hosts.iter().collect::<Vec<_>>().as_slice() {
        [host] if host.parse::<IpAddr>().is_err() => (**host).to_owned(),
        _ => String::new(),
    }
}

fn validation(hosts: &BTreeSet<&str>) -> CombinedCertificateValidationContext {
    let names = hosts.iter().map(|host| {
        let kind = if host.parse::<IpAddr>().is_ok() { SanType::IpAddress } else { SanType::Dns };
        SubjectAltNameMatcher { san_type: kind.into(), matcher: Some(exactly(host)), ..Default::default() }
    });
    CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: names.collect(),
            ..Default::default()
        }),
        validation_context_sds_secret_config: Some(SdsSecretConfig {
            name: secrets::UPSTREAM_CA.to_owned(),
            sds_config: Some(ads()),
        }),
        ..Default::default()
    }
}
