//! RDS: the constant route table. The filter decides and names the cluster in a header; these routes do the header work, so that an
//! agent is never a route. The filter sets one of the headers, so order is a matter of speed: the most common first.

use std::{collections::BTreeSet, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{DataSource, data_source::Specifier},
            route::v3::{
                DirectResponseAction, HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch,
                VirtualHost,
                header_matcher::HeaderMatchSpecifier,
                retry_policy::{RetryHostPredicate, retry_host_predicate},
                route::Action,
                route_action::{ClusterSpecifier, HostRewriteSpecifier},
                route_match::PathSpecifier,
            },
        },
        extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
        r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher},
    },
    google::protobuf::{BoolValue, UInt64Value},
};
use tollgate_policy::{
    ROUTE_DEADLINES_MS, Wait,
    translated::{AGENT_HEADER, REPLY_HEADER},
};

use super::{
    Resource,
    any::{duration, pack, uint32},
    clusters,
};

/// The name of the table.
pub(super) const NAME: &str = "tollgate";

/// Set by the filter for what the control plane answers.
const TO_CONTROL_PLANE: &str = "x-tollgate-control-plane";

/// How long a call of an agent may be silent in both directions: agents think for minutes, and many send no comments meanwhile.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// How often another backend is looked for before the same is taken again.
const HOST_SELECTIONS: i64 = 5;
const CONTROL_PLANE_TIMEOUT: Duration = Duration::from_secs(60);
/// What Envoy may buffer beyond the filter's own bound, so that the refusal of a large body is the filter's.
const BUFFER_SLACK: u64 = 64 * 1024;

/// The table. `stream_idles`: how long streams may be silent, milliseconds, other than by default.
pub(super) fn gateway(max_body_bytes: u32, stream_idles: &BTreeSet<u64>) -> Resource {
    let deadlines = ROUTE_DEADLINES_MS.into_iter().map(Wait::Deadline);
    let waits = deadlines.chain([Wait::Default]).chain(stream_idles.iter().copied().map(Wait::Idle));
    let agents = waits.flat_map(|wait| [agent_at_root(wait), rewritten_by_filter(wait)]);
    let host = VirtualHost {
        name: NAME.to_owned(),
        domains: vec!["*".to_owned()],
        request_body_buffer_limit: Some(UInt64Value { value: u64::from(max_body_bytes) + BUFFER_SLACK }),
        routes: agents.chain([control_plane(), not_found()]).collect(),
        ..Default::default()
    };
    Resource::new(NAME, &RouteConfiguration { name: NAME.to_owned(), virtual_hosts: vec![host], ..Default::default() })
}

/// The table behind the translation, which has named the agent's cluster and written the final `:path`. The deadline is that of the route
/// which led here.
pub(super) fn behind_the_translation() -> RouteConfiguration {
    let route = Route {
        request_headers_to_remove: vec![AGENT_HEADER.to_owned()],
        // Only Envoy itself says this: local replies get it after this.
        response_headers_to_remove: vec![REPLY_HEADER.to_owned()],
        ..route(
            "agent",
            present("/", AGENT_HEADER),
            Action::Route(RouteAction {
                idle_timeout: Some(duration(Duration::ZERO)),
                ..to_backend(AGENT_HEADER, Wait::Default)
            }),
        )
    };
    let host =
        VirtualHost { name: NAME.to_owned(), domains: vec!["*".to_owned()], routes: vec![route], ..Default::default() };
    RouteConfiguration { name: NAME.to_owned(), virtual_hosts: vec![host], ..Default::default() }
}

/// The filter has written the final `:path`.
fn rewritten_by_filter(wait: Wait) -> Route {
    let header = wait.backend_header();
    let action = to_backend(&header, wait);
    Route {
        request_headers_to_remove: withheld(&header),
        ..route("backend", present("/", &header), Action::Route(action))
    }
}

/// The path below `/agents/{id}` is the backend's.
fn agent_at_root(wait: Wait) -> Route {
    let header = wait.cluster_header();
    let mut action = to_backend(&header, wait);
    action.regex_rewrite = Some(RegexMatchAndSubstitute {
        pattern: Some(RegexMatcher { regex: "^/agents/[^/?]+/?".to_owned(), ..Default::default() }),
        substitution: "/".to_owned(),
    });
    Route {
        request_headers_to_remove: withheld(&header),
        ..route("agent", present("/agents/", &header), Action::Route(action))
    }
}

fn control_plane() -> Route {
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(clusters::CONTROL_PLANE.to_owned())),
        timeout: Some(duration(CONTROL_PLANE_TIMEOUT)),
        retry_policy: Some(connect_failures()),
        ..Default::default()
    };
    route("control-plane", present("/", TO_CONTROL_PLANE), Action::Route(action))
}

/// The filter answers before this; it stands here for a filter that does not.
fn not_found() -> Route {
    let body = r#"{"error":{"code":"NOT_FOUND","message":"There is nothing at this path.","details":{}}}"#;
    let answer = DirectResponseAction {
        status: 404,
        body: Some(DataSource { specifier: Some(Specifier::InlineString(body.to_owned())), ..Default::default() }),
        ..Default::default()
    };
    let all = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() };
    route("not-found", all, Action::DirectResponse(answer))
}

fn to_backend(cluster_header: &str, wait: Wait) -> RouteAction {
    let (deadline, idle) = match wait {
        Wait::Default => (Duration::ZERO, IDLE_TIMEOUT),
        Wait::Deadline(milliseconds) => (Duration::from_millis(milliseconds), IDLE_TIMEOUT),
        Wait::Idle(milliseconds) => (Duration::ZERO, Duration::from_millis(milliseconds)),
    };
    RouteAction {
        cluster_specifier: Some(ClusterSpecifier::ClusterHeader(cluster_header.to_owned())),
        host_rewrite_specifier: Some(HostRewriteSpecifier::AutoHostRewrite(BoolValue { value: true })),
        timeout: Some(duration(deadline)),
        idle_timeout: Some(duration(idle)),
        retry_policy: Some(connect_failures()),
        ..Default::default()
    }
}

/// Only what never reached the backend is sent again: A2A's POSTs are not idempotent.
fn connect_failures() -> RetryPolicy {
    RetryPolicy {
        retry_on: "connect-failure,reset-before-request".to_owned(),
        num_retries: Some(uint32(2)),
        // Elsewhere, where there is another backend: the one that refused the connection has had its say.
        retry_host_predicate: vec![not_tried_yet()],
        host_selection_retry_max_attempts: HOST_SELECTIONS,
        ..Default::default()
    }
}

fn not_tried_yet() -> RetryHostPredicate {
    let config = retry_host_predicate::ConfigType::TypedConfig(pack(&PreviousHostsPredicate {}));
    RetryHostPredicate { name: "envoy.retry_host_predicates.previous_hosts".to_owned(), config_type: Some(config) }
}

/// The caller's credential and our own routing never reach a backend. Of our headers, the one that chose the route is the only one
/// there: the listener removes whatever a client sent, and the filter writes one.
fn withheld(chosen_by: &str) -> Vec<String> {
    vec!["authorization".to_owned(), chosen_by.to_owned()]
}

fn present(prefix: &str, header: &str) -> RouteMatch {
    RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix(prefix.to_owned())),
        headers: vec![HeaderMatcher {
            name: header.to_owned(),
            header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn route(name: &str, r#match: RouteMatch, action: Action) -> Route {
    Route { name: name.to_owned(), r#match: Some(r#match), action: Some(action), ..Default::default() }
}
