//! `tollgate bootstrap`: what an Envoy needs before it can ask for the rest. Only its id, the way to the control plane, its admin port
//! and what must be decided at start (statistics); everything else comes by xDS.

use serde_json::{Value, json};

/// The cluster of the control plane's xDS port, in every bootstrap.
pub const XDS_CLUSTER: &str = "tollgate-xds";

/// Names the node in reports of health.
pub const NODE_HEADER: &str = "x-tollgate-node";
/// Reports: whether a host is in use, 1 or 0.
pub const METRIC_HEALTHY: &str = "tollgate.host.healthy";
/// Reports: how many of a cluster's hosts are ejected.
pub const METRIC_EJECTED: &str = "tollgate.hosts.ejected";
/// Reports: how many health checks of a cluster's hosts failed.
pub const METRIC_FAILED: &str = "tollgate.checks.failed";
/// Reports: how many of those got no answer.
pub const METRIC_UNANSWERED: &str = "tollgate.checks.unanswered";

/// What differs between bootstraps.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct BootstrapOptions {
    /// `node.id`: names this Envoy in `GET /admin/nodes`.
    #[arg(long, default_value = "edge-1")]
    pub node_id: String,
    /// `node.cluster`: the group this Envoy belongs to.
    #[arg(long, default_value = "edge")]
    pub cluster: String,
    /// Host and port of the control plane's xDS listener.
    #[arg(long, default_value = "127.0.0.1:18000")]
    pub xds: String,
    /// Port of Envoy's admin interface, on loopback.
    #[arg(long, default_value_t = 9901)]
    pub admin_port: u16,
    /// Address of Envoy's admin interface.
    #[arg(long, default_value = "127.0.0.1")]
    pub admin_address: String,
    /// PEM file, on Envoy's machine, that the xDS server's certificate is verified with.
    #[arg(long)]
    pub tls_ca: Option<String>,
    /// PEM file with Envoy's client certificate.
    #[arg(long, requires = "tls_ca", requires = "tls_key")]
    pub tls_cert: Option<String>,
    /// PEM file with its key.
    #[arg(long, requires = "tls_ca", requires = "tls_cert")]
    pub tls_key: Option<String>,
}

/// The xDS address cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HOST:PORT")]
pub struct BootstrapError(String);

/// Renders the bootstrap as JSON, which Envoy reads as it reads YAML.
///
/// # Errors
/// When the xDS address is not `HOST:PORT`.
pub fn render(options: &BootstrapOptions) -> Result<String, BootstrapError> {
    let (host, port) = split(&options.xds).ok_or_else(|| BootstrapError(options.xds.clone()))?;
    let document = json!({
        "node": { "id": options.node_id, "cluster": options.cluster },
        "admin": { "address": tcp(&options.admin_address, options.admin_port) },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": {
                    "cluster_name": XDS_CLUSTER,
                    // Envoy's own backoff goes to 30 s: too long for a control plane that was restarted.
                    "retry_policy": { "retry_back_off": { "base_interval": "0.2s", "max_interval": "2s" } },
                } }],
            },
            "cds_config": { "ads": {}, "resource_api_version": "V3" },
            "lds_config": { "ads": {}, "resource_api_version": "V3" },
        },
        // Requests are translated at a listener inside Envoy, which no port leads to.
        "bootstrap_extensions": [{
            "name": "envoy.bootstrap.internal_listener",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
            },
        }],
        "static_resources": { "clusters": [xds_cluster(options, host, port)] },
        "stats_config": stats(),
        "stats_sinks": [health_sink(options)],
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a document of strings and numbers");
    text.push('\n');
    Ok(text)
}

fn xds_cluster(options: &BootstrapOptions, host: &str, port: u16) -> Value {
    let mut cluster = json!({
        "name": XDS_CLUSTER,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": XDS_CLUSTER,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": tcp(host, port) } }] }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {
                    // Finds a dead control plane behind a silent network.
                    "connection_keepalive": { "interval": "30s", "timeout": "10s" },
                } },
            },
        },
    });
    if let (Some(ca), Some(fields)) = (&options.tls_ca, cluster.as_object_mut()) {
        fields.insert("transport_socket".to_owned(), xds_tls(options, host, ca));
    }
    cluster
}

fn xds_tls(options: &BootstrapOptions, host: &str, ca: &str) -> Value {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let san = if is_address { "IP_ADDRESS" } else { "DNS" };
    let certificate = options.tls_cert.iter().zip(&options.tls_key).map(|(certificate, key)| {
        json!({ "certificate_chain": { "filename": certificate }, "private_key": { "filename": key } })
    });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": if is_address { "" } else { host },
            "common_tls_context": {
                "tls_certificates": certificate.collect::<Vec<_>>(),
                "alpn_protocols": ["h2"],
                "validation_context": {
                    "trusted_ca": { "filename": ca },
                    "match_typed_subject_alt_names": [{ "san_type": san, "matcher": { "exact": host } }],
                },
            },
        },
    })
}

/// Statistics of single agents cost half the memory of their clusters; the filter's own metrics tell more, with labels: the filter
/// writes them into the names (`tollgate_requests.outcome.allowed.total`), and Envoy takes them out.
fn stats() -> Value {
    let tag =
        |name: &str| json!({ "tag_name": name, "regex": format!("^wasmcustom\\.tollgate_\\w+?(\\.{name}\\.(\\w+))") });
    json!({
        "stats_tags": [tag("outcome"), tag("result"), tag("by")],
        "stats_matcher": { "exclusion_list": { "patterns": [{ "prefix": "cluster.agent-" }] } },
    })
}

/// How Envoy tells what it sees of backends (docs/adr/0011): of all its statistics these alone are sent, to the control plane, every
/// five seconds.
fn health_sink(options: &BootstrapOptions) -> Value {
    let kept = [
        (".healthy", METRIC_HEALTHY),
        (".outlier_detection.ejections_active", METRIC_EJECTED),
        (".health_check.failure", METRIC_FAILED),
        (".health_check.network_failure", METRIC_UNANSWERED),
    ];
    json!({
        "name": "envoy.stat_sinks.open_telemetry",
        "typed_config": {
            "@type": SINK_TYPE,
            "grpc_service": {
                "envoy_grpc": { "cluster_name": XDS_CLUSTER },
                "timeout": "5s",
                "initial_metadata": [{ "key": NODE_HEADER, "value": options.node_id }],
            },
            "custom_metric_conversions": {
                "matcher_list": { "matchers": kept.map(|(suffix, metric)| kept_as(suffix, metric)) },
                "on_no_match": { "action": {
                    "name": "drop", "typed_config": { "@type": format!("{SINK_TYPE}.DropAction") },
                } },
            },
        },
    })
}

const SINK_TYPE: &str = "type.googleapis.com/envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig";

/// Statistics of agents whose names end with `suffix` are sent as `metric`.
fn kept_as(suffix: &str, metric: &str) -> Value {
    let input = json!({
        "name": "name",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.matching.common_inputs.stats.v3.StatFullNameMatchInput",
        },
    });
    let begins = json!({ "single_predicate": { "input": input, "value_match": { "prefix": "cluster.agent-" } } });
    let ends = json!({ "single_predicate": { "input": input, "value_match": { "suffix": suffix } } });
    json!({
        "predicate": { "and_matcher": { "predicate": [ends, begins] } },
        "on_match": { "action": {
            "name": "keep",
            "typed_config": { "@type": format!("{SINK_TYPE}.ConversionAction"), "metric_name": metric },
        } },
    })
}

fn tcp(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests;
