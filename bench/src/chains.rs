//! The yardsticks as static bootstraps: bare Envoy with one route, Envoy's own filters with the policy that Tollgate is given (RS256
//! token of one issuer and audience, one scope for one agent, a limit that is never reached, `Authorization` removed, path rewritten),
//! and those filters behind Tollgate's edge. None writes an access log; the same clusters, buffers and path rules apply to all.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::tokens::{AUDIENCE, ISSUER, Issuer, SCOPE};

/// Room in jwt_authn's cache: more than any token set here has.
const JWT_CACHE_SIZE: u32 = 4_096;
/// Where jwt_authn puts the verified scope for rbac.
const SCOPE_HEADER: &str = "x-jwt-scope";

/// Addresses of a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// Where load goes.
    pub(crate) listener: SocketAddr,
    /// Envoy's admin.
    pub(crate) admin: SocketAddr,
    /// The static backend.
    pub(crate) backend: SocketAddr,
}

/// One listener, one route, one cluster.
pub(crate) fn bare(ports: Ports) -> String {
    bootstrap(ports, with_router(Vec::new(), json!({})), json!({}), &json!({"cluster": "backend", "timeout": "0s"}))
}

/// jwt_authn with its cache, rbac on the verified scope, local_ratelimit: of the ways to say the policy, the fastest one found.
pub(crate) fn native(ports: Ports, issuer: &Issuer) -> String {
    let route = json!({"cluster": "backend", "timeout": "0s", "prefix_rewrite": "/"});
    bootstrap(ports, with_router(own_filters(issuer), json!({})), json!({}), &route)
}

/// The same filters behind what the listener and the routes of Tollgate's Envoy do besides (`xds/listener.rs`, `xds/routes.rs`; written
/// again here, in Envoy's own terms). Not in it: what only Tollgate needs, a cluster named by header.
pub(crate) fn edge(ports: Ports, issuer: &Issuer) -> String {
    let remove = |prefix: &str| json!({"remove_on_match": {"key_matcher": {"prefix": prefix}}});
    let listener = json!({
        "use_remote_address": true, "request_headers_timeout": "10s", "server_header_transformation": "PASS_THROUGH",
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
        "early_header_mutation_extensions": [{
            "name": "envoy.http.early_header_mutation.header_mutation", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [remove("x-tollgate-"), remove("x-envoy-upstream-")]}}],
    });
    let route = json!({
        "cluster": "backend", "timeout": "0s", "idle_timeout": "300s", "auto_host_rewrite": true,
        "regex_rewrite": {"pattern": {"regex": "^/agents/[^/?]+/?"}, "substitution": "/"},
        "retry_policy": {"retry_on": "connect-failure,reset-before-request", "num_retries": 2},
    });
    let router = json!({"suppress_envoy_headers": true, "dynamic_stats": false});
    bootstrap(ports, with_router(own_filters(issuer), router), listener, &route)
}

fn own_filters(issuer: &Issuer) -> Vec<Value> {
    vec![jwt_authn(issuer), rbac(), local_ratelimit()]
}

fn jwt_authn(issuer: &Issuer) -> Value {
    json!({"name": "jwt_authn", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"bench": {
            "issuer": ISSUER, "audiences": [AUDIENCE], "forward": false,
            "local_jwks": {"inline_string": issuer.jwks().to_string()},
            "jwt_cache_config": {"jwt_cache_size": JWT_CACHE_SIZE, "jwt_max_token_size": 8192},
            // Cheaper than the payload as metadata, by 3 to 9 % of throughput.
            "claim_to_headers": [{"header_name": SCOPE_HEADER, "claim_name": "scope"}],
        }},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
    }})
}

fn rbac() -> Value {
    let scope = json!({"header": {"name": SCOPE_HEADER, "string_match": {"exact": SCOPE}}});
    let path = json!({"url_path": {"path": {"prefix": "/agents/bench"}}});
    json!({"name": "rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"action": "ALLOW", "policies": {"bench": {"permissions": [path], "principals": [scope]}}},
    }})
}

fn local_ratelimit() -> Value {
    let always = json!({"default_value": {"numerator": 100, "denominator": "HUNDRED"}});
    json!({"name": "local_ratelimit", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "bench", "filter_enabled": always, "filter_enforced": always,
        // Callers are told what is left, as Tollgate tells them.
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "token_bucket": {"max_tokens": 100_000_000, "tokens_per_fill": 100_000_000, "fill_interval": "1s"},
    }})
}

/// The router with its settings, behind other filters.
fn with_router(mut filters: Vec<Value>, mut router: Value) -> Vec<Value> {
    router["@type"] = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router".into();
    filters.push(json!({"name": "router", "typed_config": router}));
    filters
}

/// `listener` has settings of the connection manager beyond those of all yardsticks.
fn bootstrap(ports: Ports, filters: Vec<Value>, listener: Value, route: &Value) -> String {
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway", "normalize_path": true, "merge_slashes": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST", "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/agents/bench"}, "route": route}]}]},
    });
    if let (Value::Object(manager), Value::Object(more)) = (&mut manager, listener) {
        manager.extend(more);
    }
    json!({
        "admin": {"address": address(ports.admin)},
        "static_resources": {
            "listeners": [{"name": "gateway", "address": address(ports.listener),
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}],
            "clusters": [{"name": "backend", "type": "STATIC", "load_assignment": {"cluster_name": "backend",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(ports.backend)}}]}]}}],
        },
    })
    .to_string()
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
