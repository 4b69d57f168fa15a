//! TLS towards backends: server name, verified names, and the one CA list that all clusters share by SDS. Where an agent's backends have
//! several names, each name has a socket of its own, which an endpoint's metadata chooses.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::cluster::TransportSocketMatch,
            core::v3::{Metadata, TransportSocket, transport_socket::ConfigType},
        },
        extensions::transport_sockets::tls::v3::{
            CertificateValidationContext, CommonTlsContext, SdsSecretConfig, SubjectAltNameMatcher, UpstreamTlsContext,
            common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
            subject_alt_name_matcher::SanType,
        },
    },
    google::protobuf::{Struct, Value, value::Kind},
};

use super::{
    any::{ads, exactly, pack},
    secrets,
};
use crate::domain::Backend;

/// Where Envoy looks for what chooses an endpoint's socket (cluster.v3, `transport_socket_matches`).
const CHOICE: &str = "envoy.transport_socket_match";

/// The transport socket of a cluster; `None`: plain TCP. An agent's backends are all https or none is. Where [`by_host`] has others, an
/// endpoint that chooses none of them still gets TLS.
pub(super) fn socket(backends: &[Backend]) -> Option<TransportSocket> {
    let hosts = tls_hosts(backends);
    (!hosts.is_empty()).then(|| socket_for(&hosts))
}

/// A socket for each name, where there are several: a backend is asked for its own name, and its certificate must be for that one.
/// (`auto_host_sni` would ask for the endpoint's hostname, which has the port that `Host` needs.)
pub(super) fn by_host(backends: &[Backend]) -> Vec<TransportSocketMatch> {
    let hosts = tls_hosts(backends);
    if hosts.len() < 2 {
        return Vec::new();
    }
    let own = |host: &str| TransportSocketMatch {
        name: host.to_owned(),
        r#match: Some(choice(host)),
        transport_socket: Some(socket_for(&BTreeSet::from([host]))),
    };
    hosts.into_iter().map(own).collect()
}

/// The metadata by which an endpoint gets its socket of [`by_host`]; `None`: it has no TLS.
pub(super) fn metadata(backend: &Backend) -> Option<Metadata> {
    let filter_metadata = HashMap::from([(CHOICE.to_owned(), choice(backend.url.host()))]);
    backend.url.is_tls().then(|| Metadata { filter_metadata, ..Default::default() })
}

fn choice(host: &str) -> Struct {
    let host = Value { kind: Some(Kind::StringValue(host.to_owned())) };
    Struct { fields: HashMap::from([("host".to_owned(), host)]) }
}

fn tls_hosts(backends: &[Backend]) -> BTreeSet<&str> {
    backends.iter().filter(|backend| backend.url.is_tls()).map(|backend| backend.url.host()).collect()
}

fn socket_for(hosts: &BTreeSet<&str>) -> TransportSocket {
    let context = UpstreamTlsContext {
        sni: server_name(hosts),
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: Some(ValidationContextType::CombinedValidationContext(validation(hosts))),
            ..Default::default()
        }),
        ..Default::default()
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&context))),
    }
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

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
    use prost::Message;

    use super::*;
    use crate::{domain::BackendAuth, xds::fixtures::agent};

    fn backends(urls: &[&str]) -> Vec<Backend> {
        agent("a", urls, BackendAuth::None).backends
    }

    /// The server name that a socket asks for, and the names it takes certificates for.
    fn read(socket: &TransportSocket) -> (String, Vec<String>) {
        let Some(ConfigType::TypedConfig(any)) = &socket.config_type else { panic!("a configuration") };
        let context = UpstreamTlsContext::decode(any.value.as_slice()).unwrap();
        let kind = context.common_tls_context.unwrap().validation_context_type;
        let Some(ValidationContextType::CombinedValidationContext(validation)) = kind else { panic!("a validation") };
        let names = validation.default_validation_context.unwrap().match_typed_subject_alt_names;
        let name = |it: SubjectAltNameMatcher| match it.matcher {
            Some(StringMatcher { match_pattern: Some(MatchPattern::Exact(name)), .. }) => name,
            other => panic!("{other:?}"),
        };
        (context.sni, names.into_iter().map(name).collect())
    }

    #[test]
    fn one_name_is_asked_for_and_verified() {
        for (url, sni, name) in [
            ("https://a.test:1/x", "a.test", "a.test"),
            ("https://10.0.0.1", "", "10.0.0.1"),
            ("https://[::1]", "", "::1"),
        ] {
            let backends = backends(&[url, url]);
            let socket = socket(&backends).unwrap();
            assert_eq!(read(&socket), (sni.to_owned(), vec![name.to_owned()]));
            assert_eq!(by_host(&backends), Vec::new());
        }
        assert_eq!(socket(&backends(&["http://a.test"])), None);
    }

    #[test]
    fn of_several_names_each_backend_is_asked_for_its_own_and_verified_by_it_alone() {
        let backends = backends(&["https://a.test:1", "https://10.0.0.1:1", "https://a.test:2", "https://b.test"]);
        let sockets = by_host(&backends);
        assert_eq!(sockets.len(), 3);
        for (backend, sni) in backends.iter().zip(["a.test", "", "a.test", "b.test"]) {
            let chosen = metadata(backend).unwrap().filter_metadata.remove(CHOICE);
            let mut own = sockets.iter().filter(|socket| socket.r#match == chosen);
            let socket = own.next().unwrap().transport_socket.as_ref().unwrap();
            assert_eq!(read(socket), (sni.to_owned(), vec![backend.url.host().to_owned()]));
            assert_eq!(own.next(), None);
        }
        let rest = socket(&backends).unwrap();
        assert_eq!(read(&rest), (String::new(), ["10.0.0.1", "a.test", "b.test"].map(str::to_owned).to_vec()));
    }
}
