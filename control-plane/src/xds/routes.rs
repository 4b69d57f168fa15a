//! RDS: the constant route table. The filter decides, and names route and cluster in headers; the routes do the header work, so that an
//! agent is never a route. Each is a virtual host of its own, found by its name and not by trying one after the other; and until the filter
//! has named one, Envoy finds none and tries nothing.

use std::{collections::BTreeSet, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::route::v3::{
            HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
            header_matcher::HeaderMatchSpecifier,
            retry_policy::{RetryHostPredicate, retry_host_predicate},
            route::Action,
            route_action::{ClusterSpecifier, HostRewriteSpecifier},
            route_match::PathSpecifier,
        },
        extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
        r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher},
    },
    google::protobuf::{BoolValue, UInt64Value},
};
use tollgate_policy::{
    BackendPath, CLUSTER_HEADER, ROUTE_DEADLINES_MS, ROUTE_HEADER, TO_CONTROL_PLANE, Wait,
    translated::{AGENT_HEADER, REPLY_HEADER},
};

use super::{
    Resource,
    any::{duration, pack, uint32},
    clusters,
};

/// The name of the table.
pub(super) const NAME: &str = "tollgate";

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
    let agents = waits.flat_map(|wait| [BackendPath::Rewritten, BackendPath::Kept].map(|path| to_agent(wait, path)));
    let table = RouteConfiguration {
        name: NAME.to_owned(),
        virtual_hosts: agents.chain([to_control_plane()]).map(|host| host_of(host, max_body_bytes)).collect(),
        vhost_header: ROUTE_HEADER.to_owned(),
        ..Default::default()
    };
    Resource::new(NAME, &table)
}

/// A route that is alone in its virtual host, found by its name; `None`: whatever is not the name of another.
type Named = (Option<String>, Route);

fn host_of((name, route): Named, max_body_bytes: u32) -> VirtualHost {
    VirtualHost {
        name: name.clone().unwrap_or_else(|| NAME.to_owned()),
        domains: vec![name.unwrap_or_else(|| "*".to_owned())],
        request_body_buffer_limit: Some(UInt64Value { value: u64::from(max_body_bytes) + BUFFER_SLACK }),
        routes: vec![route],
        ..Default::default()
    }
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
            present(AGENT_HEADER),
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

/// To an agent's backend. [`BackendPath::Rewritten`]: the path below `/agents/{id}` is the backend's; [`BackendPath::Kept`]: the filter has
/// written it.
fn to_agent(wait: Wait, path: BackendPath) -> Named {
    let name = wait.route(path);
    let cluster_header = if name.is_some() { CLUSTER_HEADER } else { ROUTE_HEADER };
    let mut action = to_backend(cluster_header, wait);
    if path == BackendPath::Rewritten {
        action.regex_rewrite = Some(RegexMatchAndSubstitute {
            pattern: Some(RegexMatcher { regex: "^/agents/[^/?]+/?".to_owned(), ..Default::default() }),
            substitution: "/".to_owned(),
        });
    }
    // The caller's credential and our own routing never reach a backend. Of our headers there are no others: the listener removes
    // whatever a client sent.
    let withheld = ["authorization", ROUTE_HEADER].into_iter().chain(name.as_ref().map(|_| CLUSTER_HEADER));
    let route = Route {
        request_headers_to_remove: withheld.map(str::to_owned).collect(),
        ..route("agent", everything(), Action::Route(action))
    };
    (name, route)
}

fn to_control_plane() -> Named {
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(clusters::CONTROL_PLANE.to_owned())),
        timeout: Some(duration(CONTROL_PLANE_TIMEOUT)),
        retry_policy: Some(connect_failures()),
        ..Default::default()
    };
    (Some(TO_CONTROL_PLANE.to_owned()), route(TO_CONTROL_PLANE, everything(), Action::Route(action)))
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

fn everything() -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() }
}

fn present(header: &str) -> RouteMatch {
    RouteMatch {
        headers: vec![HeaderMatcher {
            name: header.to_owned(),
            header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
            ..Default::default()
        }],
        ..everything()
    }
}

fn route(name: &str, r#match: RouteMatch, action: Action) -> Route {
    Route { name: name.to_owned(), r#match: Some(r#match), action: Some(action), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn every_route_that_the_filter_names_is_found_by_its_name_and_leaves_none_of_ours() {
        let resource = gateway(1024, &BTreeSet::from([90_000]));
        let table = RouteConfiguration::decode(resource.body().value.as_slice()).unwrap();
        assert_eq!(table.vhost_header, ROUTE_HEADER);
        let waits = [Wait::Default, Wait::Deadline(30_000), Wait::Deadline(300_000), Wait::Idle(90_000)];
        for (wait, path) in
            waits.into_iter().flat_map(|wait| [(wait, BackendPath::Rewritten), (wait, BackendPath::Kept)])
        {
            let name = wait.route(path).unwrap_or_else(|| "*".to_owned());
            let found: Vec<_> = table.virtual_hosts.iter().filter(|host| host.domains == [name.clone()]).collect();
            let [host] = found[..] else { panic!("{name}: {found:?}") };
            let [route] = &host.routes[..] else { panic!("{name}: {host:?}") };
            let Some(Action::Route(action)) = &route.action else { panic!("{name}: {route:?}") };
            let Some(ClusterSpecifier::ClusterHeader(cluster)) = &action.cluster_specifier else {
                panic!("{action:?}")
            };
            assert!(route.request_headers_to_remove.contains(cluster), "{name}: {route:?}");
            assert!(route.request_headers_to_remove.contains(&ROUTE_HEADER.to_owned()), "{name}: {route:?}");
            assert_eq!(action.regex_rewrite.is_some(), path == BackendPath::Rewritten, "{name}");
        }
    }
}
