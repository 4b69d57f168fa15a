//! LDS: the gateway's listener and its connection manager. What hardens the edge stands here: path normalisation, forged headers, limits,
//! timeouts; the filter and the routes can then rely on it.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            common::mutation_rules::v3::{
                HeaderMutation,
                header_mutation::{Action, RemoveOnMatch},
            },
            core::v3::{
                ExtensionConfigSource, Http2ProtocolOptions, HttpProtocolOptions, TransportSocket,
                TypedExtensionConfig, http_protocol_options::HeadersWithUnderscoresAction, transport_socket,
            },
            listener::v3::{Filter, FilterChain, Listener, filter},
        },
        extensions::{
            filters::{
                http::router::v3::Router,
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds,
                    http_connection_manager::{
                        PathWithEscapedSlashesAction, RouteSpecifier, ServerHeaderTransformation,
                    },
                    http_filter::ConfigType,
                },
            },
            http::early_header_mutation::header_mutation::v3::HeaderMutation as EarlyHeaderMutation,
            transport_sockets::tls::v3::{CommonTlsContext, DownstreamTlsContext, SdsSecretConfig},
        },
    },
    google::protobuf::BoolValue,
};

use super::{
    Edge, Resource,
    any::{ads, duration, pack, starts_with, tcp_address, uint32},
    filter as policy_filter, local_replies, routes, secrets,
};

/// The listener's name and its statistics prefix.
pub(super) const NAME: &str = "tollgate";

/// How long a stream may be silent; agents think for a while.
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a caller may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes buffered per connection beyond the largest body.
const BUFFER_SLACK: u32 = 64 * 1024;

/// The listener.
pub(super) fn gateway(edge: &Edge) -> Resource {
    let manager = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(pack(&connection_manager(edge)))),
    };
    let chain = FilterChain {
        filters: vec![manager],
        transport_socket: edge.certificate.as_ref().map(|_| downstream_tls()),
        ..Default::default()
    };
    let listener = Listener {
        name: NAME.to_owned(),
        address: Some(tcp_address(&edge.listen.ip().to_string(), edge.listen.port())),
        per_connection_buffer_limit_bytes: Some(uint32(buffer_limit(edge.max_body_bytes))),
        filter_chains: vec![chain],
        ..Default::default()
    };
    Resource::new(NAME, &listener)
}

/// What a connection may hold, where bodies may be so large: filters get no more than that of one (Envoy 1.40), whatever the route allows.
pub(super) fn buffer_limit(max_body_bytes: u32) -> u32 {
    max_body_bytes.saturating_add(BUFFER_SLACK)
}

fn connection_manager(edge: &Edge) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: NAME.to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: routes::NAME.to_owned(),
        })),
        http_filters: vec![tollgate(), router(edge)],
        use_remote_address: Some(BoolValue { value: true }),
        // The filter refuses dot segments, backslashes and `//`: normalised here, it would never see them.
        normalize_path: Some(BoolValue { value: false }),
        merge_slashes: false,
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::RejectRequest.into(),
        early_header_mutation_extensions: vec![forged_headers()],
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        stream_idle_timeout: Some(duration(STREAM_IDLE_TIMEOUT)),
        request_headers_timeout: Some(duration(HEADERS_TIMEOUT)),
        common_http_protocol_options: Some(HttpProtocolOptions {
            // Servers that fold `_` and `-` together would read `x_tollgate_subject` as ours.
            headers_with_underscores_action: HeadersWithUnderscoresAction::DropHeader.into(),
            ..Default::default()
        }),
        http2_protocol_options: Some(Http2ProtocolOptions {
            max_concurrent_streams: Some(uint32(100)),
            initial_stream_window_size: Some(uint32(64 * 1024)),
            initial_connection_window_size: Some(uint32(1024 * 1024)),
            ..Default::default()
        }),
        local_reply_config: Some(local_replies::at_the_edge()),
        ..Default::default()
    }
}

fn tollgate() -> HttpFilter {
    let source = ExtensionConfigSource {
        config_source: Some(ads()),
        type_urls: policy_filter::type_urls(),
        ..Default::default()
    };
    HttpFilter {
        name: policy_filter::NAME.to_owned(),
        config_type: Some(ConfigType::ConfigDiscovery(source)),
        ..Default::default()
    }
}

pub(super) fn router(edge: &Edge) -> HttpFilter {
    let router = Router {
        // Also keeps `x-envoy-original-path`, with the gateway's own path, from the backend.
        suppress_envoy_headers: true,
        dynamic_stats: Some(BoolValue { value: edge.response_statistics }),
        ..Default::default()
    };
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&router))),
        ..Default::default()
    }
}

/// Removes what only the filter may set, before any filter runs.
fn forged_headers() -> TypedExtensionConfig {
    let remove = |prefix: &str| HeaderMutation {
        action: Some(Action::RemoveOnMatch(RemoveOnMatch { key_matcher: Some(starts_with(prefix)) })),
    };
    let mutations = EarlyHeaderMutation { mutations: vec![remove("x-tollgate-"), remove("x-envoy-upstream-")] };
    TypedExtensionConfig {
        name: "envoy.http.early_header_mutation.header_mutation".to_owned(),
        typed_config: Some(pack(&mutations)),
    }
}

fn downstream_tls() -> TransportSocket {
    let certificate = SdsSecretConfig { name: secrets::SERVER_CERTIFICATE.to_owned(), sds_config: Some(ads()) };
    let context = DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![certificate],
            alpn_protocols: vec!["h2".to_owned(), "http/1.1".to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(pack(&context))),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::xds::fixtures;

    #[test]
    fn answers_are_counted_where_someone_wants_the_counts() {
        for wanted in [false, true] {
            let filter = router(&Edge { response_statistics: wanted, ..fixtures::edge() });
            let Some(ConfigType::TypedConfig(config)) = filter.config_type else { panic!("{filter:?}") };
            let router = Router::decode(config.value.as_slice()).unwrap();
            assert_eq!(router.dynamic_stats.map(|counted| counted.value), Some(wanted));
        }
    }
}
