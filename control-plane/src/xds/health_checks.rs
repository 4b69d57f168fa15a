//! What Envoy does about backends that are not well: active checks, ejection of outliers, and no panic. Of what it sees, the few figures
//! that the bootstrap's sink sends here are kept, of the clusters that check or eject alone: they are all that such a cluster counts.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{Cluster, OutlierDetection, TrackClusterStats, cluster::CommonLbConfig},
            core::v3::{
                HealthCheck as WireCheck,
                health_check::{HealthChecker, HttpHealthCheck, TcpHealthCheck},
            },
            metrics::v3::{StatsMatcher, stats_matcher},
        },
        r#type::{
            matcher::v3::{ListStringMatcher, StringMatcher, string_matcher::MatchPattern},
            v3::{Int64Range, Percent},
        },
    },
    google::protobuf::BoolValue,
};

use super::any::{duration, uint32};
use crate::domain::{Agent, HealthCheck, HealthTarget};

/// The statistics of an agent's cluster that are kept; the bootstrap's sink sends them.
pub(super) const KEPT: [&str; 3] =
    ["outlier_detection.ejections_active", "health_check.failure", "health_check.network_failure"];

/// So much longer than the interval a wait may be, at random: a thousand agents are not asked in one breath.
const JITTER_PERCENT: u32 = 20;

/// Failures in a row that eject a backend: connections that fail, break or time out, and 502, 503, 504.
const FAILURES: u32 = 5;
/// How often ejected backends are looked at.
const OUTLIER_INTERVAL: Duration = Duration::from_secs(2);
/// How long the first ejection lasts; each later one of the same backend is so much longer.
const EJECTION: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_EJECTION: Duration = Duration::from_secs(60);
/// Ejecting ends at this share of the backends: the last of them is no outlier.
const MOST_EJECTED_PERCENT: u32 = 50;

/// Whether Envoy finds out anything about an agent's backends by itself.
pub(super) fn watches(agent: &Agent) -> bool {
    agent.health_target().is_some() || agent.backends.len() > 1
}

/// Sets up the cluster of an agent's backends.
pub(super) fn at_backends(cluster: &mut Cluster, agent: &Agent) {
    never_panics(cluster);
    if let Some(target) = agent.health_target() {
        let checker = HealthChecker::HttpHealthCheck(http(&target));
        asks(cluster, agent.health_check, checker);
    }
    // Ejecting the only backend would only turn its errors into others.
    if agent.backends.len() > 1 {
        cluster.outlier_detection = Some(outliers());
    }
    if watches(agent) {
        cluster.track_cluster_stats = Some(TrackClusterStats { per_endpoint_stats: true, ..Default::default() });
        cluster.stats_matcher = Some(kept_statistics());
    }
}

/// Sets up the cluster of an agent's gRPC interface: what is asked over HTTP is not there, so that a connection must do.
pub(super) fn at_grpc(cluster: &mut Cluster, agent: &Agent) {
    never_panics(cluster);
    if agent.health_target().is_some() {
        asks(cluster, agent.health_check, HealthChecker::TcpHealthCheck(TcpHealthCheck::default()));
    }
}

/// Calls with nowhere good to go are refused at once, and not sent where they fail. And a backend that is added counts as one only when
/// it has answered: until then, no calls overflow to the next priority on its account.
pub(super) fn never_panics(cluster: &mut Cluster) {
    cluster.common_lb_config = Some(CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        ignore_new_hosts_until_first_hc: true,
        ..Default::default()
    });
}

fn asks(cluster: &mut Cluster, check: HealthCheck, checker: HealthChecker) {
    cluster.health_checks = vec![WireCheck {
        timeout: Some(duration(check.timeout)),
        interval: Some(duration(check.interval)),
        // Envoy's own is a minute: the first caller of an agent would find out for us.
        no_traffic_interval: Some(duration(check.interval)),
        interval_jitter_percent: JITTER_PERCENT,
        unhealthy_threshold: Some(uint32(check.unhealthy_threshold.get())),
        healthy_threshold: Some(uint32(check.healthy_threshold.get())),
        health_checker: Some(checker),
        ..Default::default()
    }];
    // Whoever waits for a backend that has stopped answering learns it now, and not from a deadline.
    cluster.close_connections_on_host_health_failure = true;
}

/// `Host` is each backend's own (`HealthCheckConfig.hostname`). No filter of the cluster sees the request: it carries no credential.
fn http(target: &HealthTarget) -> HttpHealthCheck {
    HttpHealthCheck {
        path: target.path.clone(),
        expected_statuses: vec![Int64Range { start: 200, end: 300 }],
        // An error counts towards the threshold like silence; Envoy would take it for final.
        retriable_statuses: vec![Int64Range { start: 100, end: 600 }],
        ..Default::default()
    }
}

/// An agent's 500 is its answer, and says nothing about the place it came from. Failures of connections count as 503; were they counted
/// apart, each connection that comes about would wipe out those that broke before (envoy 1.40, `split_external_local_origin_errors`).
fn outliers() -> OutlierDetection {
    let (always, never) = (Some(uint32(100)), Some(uint32(0)));
    OutlierDetection {
        consecutive_gateway_failure: Some(uint32(FAILURES)),
        enforcing_consecutive_gateway_failure: always,
        enforcing_consecutive_5xx: never,
        enforcing_success_rate: never,
        interval: Some(duration(OUTLIER_INTERVAL)),
        base_ejection_time: Some(duration(EJECTION)),
        max_ejection_time: Some(duration(LONGEST_EJECTION)),
        max_ejection_percent: Some(uint32(MOST_EJECTED_PERCENT)),
        always_eject_one_host: Some(BoolValue { value: true }),
        ..Default::default()
    }
}

/// Instead of the bootstrap's matcher, which keeps nothing of agents.
fn kept_statistics() -> StatsMatcher {
    let ends_with = |name: &str| StringMatcher {
        match_pattern: Some(MatchPattern::Suffix(format!(".{name}"))),
        ..Default::default()
    };
    let patterns = KEPT.into_iter().map(ends_with).collect();
    StatsMatcher { stats_matcher: Some(stats_matcher::StatsMatcher::InclusionList(ListStringMatcher { patterns })) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bootstrap::{self, BootstrapOptions},
        domain::BackendAuth,
        xds::fixtures::agent,
    };

    fn cluster(urls: &[&str], endpoint: Option<&str>) -> Cluster {
        let (mut agent, mut cluster) = (agent("a", urls, BackendAuth::None), Cluster::default());
        agent.health_endpoint = endpoint.map(str::to_owned);
        at_backends(&mut cluster, &agent);
        cluster
    }

    #[test]
    fn nothing_is_asked_ejected_or_counted_unless_there_is_a_use_for_it() {
        let plain = cluster(&["http://127.0.0.1:1"], None);
        assert!(plain.health_checks.is_empty() && plain.outlier_detection.is_none() && plain.stats_matcher.is_none());
        assert!(!plain.close_connections_on_host_health_failure);
        let asked = cluster(&["http://127.0.0.1:1"], Some("/health"));
        assert!(asked.outlier_detection.is_none(), "the only backend is not ejected");
        assert_eq!((asked.health_checks.len(), asked.stats_matcher.is_some()), (1, true));
        let two = cluster(&["http://127.0.0.1:1", "http://127.0.0.1:2"], None);
        assert!(two.outlier_detection.is_some() && two.health_checks.is_empty() && two.stats_matcher.is_some());
    }

    #[test]
    fn no_cluster_of_an_agent_panics() {
        for endpoint in [None, Some("/health")] {
            let config = cluster(&["http://127.0.0.1:1"], endpoint).common_lb_config.unwrap();
            assert_eq!(config.healthy_panic_threshold, Some(Percent { value: 0.0 }));
        }
    }

    #[test]
    fn an_endpoint_that_cannot_be_asked_any_more_is_not() {
        assert!(cluster(&["http://127.0.0.1:1"], Some("http://elsewhere.example/health")).health_checks.is_empty());
    }

    #[test]
    fn what_is_kept_is_what_the_bootstrap_sends() {
        let options = BootstrapOptions {
            node_id: "edge".to_owned(),
            cluster: "edge".to_owned(),
            xds: "127.0.0.1:1".to_owned(),
            admin_port: 1,
            admin_address: "127.0.0.1".to_owned(),
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
        };
        let bootstrap = bootstrap::render(&options).unwrap();
        for name in KEPT {
            assert!(bootstrap.contains(&format!("\"suffix\": \".{name}\"")), "{name}");
        }
    }
}
