//! What a stream sends, when, and in which order.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    Applied, CredentialValue, ResourceKind,
    fixtures::{FakeEnvoy, agent, bearer, plain, ready, snapshot},
};
use crate::domain::{BackendAuth, Generation};

fn is_applied(envoy: &FakeEnvoy, generation: u64) -> bool {
    let applied = envoy.table.applied(Generation::new(generation), Duration::ZERO);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    matches!(runtime.block_on(applied), Applied::Everywhere { .. })
}

#[track_caller]
fn check(envoy: &mut FakeEnvoy, expected: &[&str]) {
    assert_eq!(envoy.seen(), expected);
}

#[test]
fn a_new_agents_cluster_goes_before_the_policy_that_leads_to_it() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1)]));
    envoy.publish(&plain(2, &[("a", 1), ("b", 2)]));
    check(&mut envoy, &["cds +agent-b"]);
    envoy.answer(ResourceKind::Cluster, None);
    check(&mut envoy, &["ecds +tollgate"]);
    assert!(!is_applied(&envoy, 2), "the policy is not acknowledged yet");
    envoy.answer(ResourceKind::Extension, None);
    assert!(is_applied(&envoy, 2));
}

#[test]
fn a_new_clusters_secret_is_answered_before_the_policy_goes() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[]));
    envoy.publish(&snapshot(2, &[(agent("b", &["http://127.0.0.1:1"], bearer()), ready("Bearer x"))]));
    check(&mut envoy, &["cds +agent-b"]);
    envoy.subscribe(ResourceKind::Secret, &["credential-b-b6682895a9f0"]);
    check(&mut envoy, &["sds +credential-b-b6682895a9f0"]);
    envoy.answer(ResourceKind::Cluster, None);
    check(&mut envoy, &["ecds +tollgate"]);
    envoy.answer(ResourceKind::Extension, None);
    assert!(!is_applied(&envoy, 2), "the secret is not acknowledged yet");
    envoy.answer(ResourceKind::Secret, None);
    assert!(is_applied(&envoy, 2));
}

#[test]
fn a_removed_agents_cluster_goes_after_the_policy() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1), ("b", 2)]));
    envoy.publish(&plain(2, &[("a", 1)]));
    check(&mut envoy, &["ecds +tollgate"]);
    envoy.answer(ResourceKind::Extension, None);
    check(&mut envoy, &["cds -agent-b"]);
    envoy.acknowledge_all();
    assert!(is_applied(&envoy, 2));
}

#[test]
fn a_removed_cluster_goes_even_while_the_policy_changes_all_the_time() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1), ("b", 2)]));
    envoy.publish(&plain(2, &[("a", 1)]));
    envoy.publish(&plain(3, &[("a", 1), ("c", 3)]));
    check(&mut envoy, &["ecds +tollgate", "cds +agent-c"]);
    envoy.answer(ResourceKind::Cluster, None);
    envoy.answer(ResourceKind::Extension, None);
    check(&mut envoy, &["cds -agent-b"]);
    envoy.answer(ResourceKind::Cluster, None);
    check(&mut envoy, &["ecds +tollgate"]);
}

#[test]
fn a_change_of_a_backend_is_one_cluster() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1), ("b", 2)]));
    envoy.publish(&plain(2, &[("a", 1), ("b", 3)]));
    check(&mut envoy, &["cds +agent-b"]);
    envoy.acknowledge_all();
    check(&mut envoy, &[]);
    assert!(is_applied(&envoy, 2));
}

#[test]
fn a_generation_that_changes_no_resource_is_applied_at_once() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1)]));
    envoy.publish(&plain(2, &[("a", 1)]));
    check(&mut envoy, &[]);
    assert!(is_applied(&envoy, 2));
}

#[test]
fn changes_while_a_response_is_out_go_together() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[]));
    envoy.publish(&plain(2, &[("a", 1)]));
    envoy.publish(&plain(3, &[("a", 1), ("b", 2)]));
    envoy.publish(&plain(4, &[("a", 1), ("b", 2), ("c", 3)]));
    check(&mut envoy, &["cds +agent-a"]);
    envoy.answer(ResourceKind::Cluster, None);
    check(&mut envoy, &["cds +agent-b +agent-c"]);
    envoy.acknowledge_all();
    check(&mut envoy, &["ecds +tollgate"]);
    assert!(is_applied(&envoy, 4));
}

#[test]
fn a_client_that_comes_back_is_sent_only_what_it_lacks() {
    let before = plain(1, &[("a", 1), ("b", 2)]);
    let mut old = FakeEnvoy::running(&before);
    let held = std::mem::take(&mut old.has);
    let mut envoy = FakeEnvoy::connect(&plain(2, &[("a", 1), ("b", 3)]));
    for kind in [ResourceKind::Cluster, ResourceKind::Extension] {
        let versions = held.iter().filter(|((its, _), _)| *its == kind);
        let versions = versions.map(|((_, name), version)| (name.clone(), version.clone())).collect();
        let names = if kind == ResourceKind::Cluster { &[][..] } else { &["tollgate".to_owned()][..] };
        envoy.ask(kind, |request| {
            request.initial_resource_versions = versions;
            request.resource_names_subscribe = names.to_vec();
        });
    }
    check(&mut envoy, &["cds +agent-b"]);
    envoy.acknowledge_all();
    check(&mut envoy, &[]);
    assert!(is_applied(&envoy, 2));
}

#[test]
fn a_client_that_comes_back_loses_what_is_gone() {
    let mut envoy = FakeEnvoy::connect(&plain(2, &[("a", 1)]));
    envoy.ask(ResourceKind::Cluster, |request| {
        request.initial_resource_versions = [("agent-gone".to_owned(), "1".to_owned())].into();
    });
    check(&mut envoy, &["cds +agent-a +tollgate-control-plane +tollgate-translation -agent-gone"]);
}

#[test]
fn a_refusal_withdraws_only_what_it_names() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1), ("ab", 2)]));
    envoy.publish(&plain(2, &[("a", 9), ("ab", 9)]));
    check(&mut envoy, &["cds +agent-a +agent-ab"]);
    envoy.answer(ResourceKind::Cluster, Some("Error adding/updating cluster(s) agent-ab: no such host"));
    let node = envoy.table.nodes().remove(0);
    let rejection = node.kinds[&ResourceKind::Cluster].rejection.clone().unwrap();
    assert_eq!(rejection.resources, ["agent-ab"]);
    assert!(rejection.reason.contains("no such host"));
    assert!(!is_applied(&envoy, 2));
    check(&mut envoy, &[]);

    // The next generation is another matter, and the refusal stays visible until it is mended.
    envoy.publish(&plain(3, &[("a", 8), ("ab", 9)]));
    check(&mut envoy, &["cds +agent-a"]);
    envoy.acknowledge_all();
    assert!(is_applied(&envoy, 3));
    assert!(envoy.table.nodes()[0].kinds[&ResourceKind::Cluster].rejection.is_some());

    envoy.publish(&plain(4, &[("a", 8), ("ab", 7)]));
    check(&mut envoy, &["cds +agent-ab"]);
    envoy.acknowledge_all();
    assert_eq!(envoy.table.nodes()[0].kinds[&ResourceKind::Cluster].rejection, None);
}

#[test]
fn going_back_to_the_version_before_a_refusal_sends_nothing() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1)]));
    envoy.publish(&plain(2, &[("a", 2)]));
    envoy.answer(ResourceKind::Cluster, Some("agent-a is bad"));
    envoy.seen();
    envoy.publish(&plain(3, &[("a", 1)]));
    check(&mut envoy, &[]);
    assert!(is_applied(&envoy, 3));
}

#[test]
fn a_refused_policy_holds_nothing_else_back() {
    let mut envoy = FakeEnvoy::running(&plain(1, &[("a", 1)]));
    envoy.publish(&plain(2, &[]));
    envoy.answer(ResourceKind::Extension, Some("Unable to create Wasm plugin tollgate"));
    check(&mut envoy, &["ecds +tollgate", "cds -agent-a"]);
    envoy.acknowledge_all();
    assert!(!is_applied(&envoy, 2), "the old policy is in force");
}

#[test]
fn an_unknown_name_is_denied_at_once_and_one_on_its_way_is_not() {
    let awaited = (agent("a", &["http://127.0.0.1:1"], bearer()), CredentialValue::Awaited);
    let mut envoy = FakeEnvoy::running(&snapshot(1, std::slice::from_ref(&awaited)));
    envoy.subscribe(ResourceKind::Secret, &["credential-a-b6682895a9f0", "credential-x"]);
    check(&mut envoy, &["sds -credential-x"]);
    envoy.acknowledge_all();
    assert!(!is_applied(&envoy, 1), "the agent is not callable yet");
    envoy.publish(&snapshot(1, &[(awaited.0, ready("Bearer x"))]));
    check(&mut envoy, &["sds +credential-a-b6682895a9f0"]);
    envoy.acknowledge_all();
    assert!(is_applied(&envoy, 1));
}

#[test]
fn a_missing_credential_does_not_replace_one_from_before_a_restart() {
    let missing = snapshot(1, &[(agent("a", &["http://127.0.0.1:1"], bearer()), CredentialValue::Missing)]);
    let mut fresh = FakeEnvoy::connect(&missing);
    fresh.subscribe(ResourceKind::Secret, &["credential-a-b6682895a9f0"]);
    check(&mut fresh, &["sds +credential-a-b6682895a9f0"]);
    let mut back = FakeEnvoy::connect(&missing);
    back.ask(ResourceKind::Secret, |request| {
        request.resource_names_subscribe = vec!["credential-a-b6682895a9f0".to_owned()];
        request.initial_resource_versions = [("credential-a-b6682895a9f0".to_owned(), "old".to_owned())].into();
    });
    check(&mut back, &[]);
}

#[test]
fn an_expired_credential_is_taken_back() {
    let with = |value| snapshot(1, &[(agent("a", &["http://127.0.0.1:1"], bearer()), value)]);
    let mut envoy = FakeEnvoy::running(&with(ready("Bearer x")));
    envoy.subscribe(ResourceKind::Secret, &["credential-a-b6682895a9f0"]);
    envoy.acknowledge_all();
    envoy.seen();
    envoy.publish(&with(CredentialValue::Expired));
    check(&mut envoy, &["sds +credential-a-b6682895a9f0"]);
}

#[test]
fn asking_again_sends_again() {
    let mut envoy = FakeEnvoy::connect(&plain(1, &[("a", 1)]));
    envoy.subscribe(ResourceKind::Routes, &["tollgate"]);
    envoy.acknowledge_all();
    check(&mut envoy, &["rds +tollgate"]);
    envoy.subscribe(ResourceKind::Routes, &["tollgate"]);
    check(&mut envoy, &["rds +tollgate"]);
}

#[test]
fn named_subscriptions_hear_of_nothing_else() {
    let mut envoy = FakeEnvoy::connect(&plain(1, &[("a", 1), ("b", 2)]));
    envoy.subscribe(ResourceKind::Cluster, &["agent-a"]);
    envoy.acknowledge_all();
    envoy.publish(&plain(2, &[("a", 1), ("b", 3)]));
    check(&mut envoy, &["cds +agent-a"]);
    envoy.subscribe(ResourceKind::Cluster, &["*"]);
    check(&mut envoy, &["cds +agent-b +tollgate-control-plane +tollgate-translation"]);
    envoy.acknowledge_all();
    envoy.ask(ResourceKind::Cluster, |request| request.resource_names_unsubscribe = vec!["*".to_owned()]);
    envoy.publish(&plain(3, &[("a", 4), ("b", 4)]));
    check(&mut envoy, &["cds +agent-a"]);
}

#[test]
fn several_addresses_travel_by_eds() {
    let two = |ports: [u16; 2]| {
        let urls = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let agent = agent("a", &[&urls[0], &urls[1]], BackendAuth::None);
        snapshot(1, &[(agent, CredentialValue::Missing)])
    };
    let mut envoy = FakeEnvoy::running(&two([1, 2]));
    envoy.subscribe(ResourceKind::Endpoints, &["agent-a"]);
    envoy.acknowledge_all();
    check(&mut envoy, &["eds +agent-a"]);
    envoy.publish(&two([1, 3]));
    check(&mut envoy, &["eds +agent-a"]);
}

#[test]
fn an_answer_to_nothing_is_ignored() {
    let mut envoy = FakeEnvoy::connect(&plain(1, &[]));
    envoy.subscribe(ResourceKind::Cluster, &[]);
    envoy.ask(ResourceKind::Cluster, |request| request.response_nonce = "77".to_owned());
    check(&mut envoy, &["cds +tollgate-control-plane +tollgate-translation"]);
    assert!(!is_applied(&envoy, 1));
}

/// What a client does between two publications.
#[derive(Debug, Clone)]
enum Step {
    Publish(Vec<(usize, u16)>),
    Accept(ResourceKind),
}

fn step() -> impl Strategy<Value = Step> {
    let agents = prop::collection::btree_map(0..NAMES.len(), 1..4_u16, 0..=NAMES.len());
    prop_oneof![
        agents.prop_map(|agents| Step::Publish(agents.into_iter().collect())),
        Just(Step::Accept(ResourceKind::Cluster)),
        Just(Step::Accept(ResourceKind::Extension)),
    ]
}

const NAMES: [&str; 3] = ["a", "b", "c"];

proptest! {
    #[test]
    fn whatever_the_order_a_client_ends_with_the_last_snapshot(steps in prop::collection::vec(step(), 1..30)) {
        let mut last = plain(1, &[]);
        let mut envoy = FakeEnvoy::running(&last);
        for (generation, step) in (2..).zip(steps) {
            match step {
                Step::Publish(agents) => {
                    let agents: Vec<_> = agents.into_iter().map(|(at, port)| (NAMES[at], port)).collect();
                    last = plain(generation, &agents);
                    envoy.publish(&last);
                }
                Step::Accept(kind) if envoy.owes(kind) => envoy.answer(kind, None),
                Step::Accept(_) => {}
            }
        }
        envoy.acknowledge_all();
        for kind in [ResourceKind::Cluster, ResourceKind::Listener, ResourceKind::Extension] {
            let wanted = last.set(kind).values().map(|it| (it.name().to_owned(), it.version().to_owned()));
            let has = envoy.has.iter().filter(|((its, _), _)| *its == kind);
            let has = has.map(|((_, name), version)| (name.clone(), version.clone()));
            prop_assert_eq!(has.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        }
        prop_assert!(is_applied(&envoy, last.generation().get()));
    }
}
