//! The board with paused time: heartbeats missed and taken up again, what Envoys see, and who is told.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use tokio::time::{Instant, advance, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Availability, Beat, BeatError, HealthBoard, Report, Sample, SampleValue, State, view::BackendView};
use crate::{
    domain::{Agent, AgentChanges, AgentId, BackendAuth, BackendUrl, Heartbeat, Standing},
    xds::fixtures,
};

const ONE: &str = "http://10.0.0.1:9000/";
const TWO: &str = "http://10.0.0.2:9000/";

/// A board with one agent at two places that beats every ten seconds and may miss two.
struct Scene {
    board: HealthBoard,
    agent: Arc<Agent>,
    _running: DropGuard,
}

fn beating(urls: &[&str]) -> Agent {
    let mut agent = fixtures::agent("a", urls, BackendAuth::None);
    agent.heartbeat = Some(Heartbeat { interval: Duration::from_secs(10), misses_allowed: 2 });
    agent
}

fn written(agent: &Arc<Agent>) -> AgentChanges {
    AgentChanges { gone: Vec::new(), written: vec![agent.clone()] }
}

impl Scene {
    fn new(agent: Agent) -> Self {
        let (board, agent) = (HealthBoard::new(|| 1000), Arc::new(agent));
        board.follow(&written(&agent));
        let stopping = CancellationToken::new();
        tokio::spawn(board.clone().run(stopping.clone()));
        Self { board, agent, _running: stopping.drop_guard() }
    }

    fn beat(&self, report: Report, backend: Option<&str>) -> Standing {
        let backend = backend.map(|url| BackendUrl::parse(url).unwrap());
        self.board.beat(&self.agent.id, &Beat { report, backend, detail: None }).unwrap().standing
    }

    fn standings(&self) -> [Standing; 2] {
        let availability = self.board.availability(&self.agent.id);
        [availability.of(0), availability.of(1)]
    }

    fn view(&self) -> Vec<(State, &'static str)> {
        let backends: Vec<BackendView> = self.board.view(&self.agent).backends;
        backends.into_iter().map(|it| (it.state, it.reason)).collect()
    }

    /// How long it takes until the reconciler is told of a change.
    async fn told_after(&self, patience: u64) -> Option<u64> {
        let (begin, mut changes) = (Instant::now(), self.board.subscribe());
        let told = timeout(Duration::from_secs(patience), changes.changed()).await;
        told.ok().map(|_| begin.elapsed().as_secs())
    }

    fn sees(&self, node: &str, hosts: &[(&str, bool)], more: Vec<SampleValue>) {
        let host = |(url, is_healthy): &(&str, bool)| {
            let authority = BackendUrl::parse(url).unwrap().authority();
            SampleValue::Host { address: authority.clone(), authority, is_healthy: *is_healthy }
        };
        let values = hosts.iter().map(host).chain(more);
        let samples: Vec<Sample> = values.map(|value| Sample { agent: self.agent.id.clone(), value }).collect();
        self.board.report(node, &samples);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_agent_has_a_full_window_and_is_out_within_one_interval_after_it() {
    let scene = Scene::new(beating(&[ONE, TWO]));
    assert_eq!(scene.view(), [(State::Unknown, "no heartbeat yet"); 2]);
    assert_eq!(scene.told_after(60).await, Some(30), "two beats may be missed, the third is late");
    assert_eq!(scene.standings(), [Standing::Down; 2]);
    assert_eq!(scene.view(), [(State::Unhealthy, "heartbeat missed"); 2]);
}

#[tokio::test(start_paused = true)]
async fn the_next_beat_brings_it_back_at_once() {
    let scene = Scene::new(beating(&[ONE, TWO]));
    scene.told_after(60).await;
    let changes = scene.board.subscribe();
    assert_eq!(scene.beat(Report::Healthy, None), Standing::Up);
    assert!(changes.has_changed().unwrap());
    assert_eq!(scene.standings(), [Standing::Up; 2]);
    assert_eq!(scene.view(), [(State::Healthy, "heartbeat"); 2]);
}

#[tokio::test(start_paused = true)]
async fn beats_in_time_tell_nobody_anything() {
    let scene = Scene::new(beating(&[ONE, TWO]));
    scene.beat(Report::Healthy, None);
    let changes = scene.board.subscribe();
    for _ in 0..100 {
        advance(Duration::from_secs(10)).await;
        scene.beat(Report::Healthy, None);
    }
    assert!(!changes.has_changed().unwrap());
    assert_eq!(scene.board.availability(&scene.agent.id), Availability::default());
}

#[tokio::test(start_paused = true)]
async fn a_backend_speaks_for_itself_alone() {
    let scene = Scene::new(beating(&[ONE, TWO]));
    scene.beat(Report::Healthy, Some(ONE));
    assert_eq!(scene.beat(Report::Draining, Some(TWO)), Standing::Draining);
    assert_eq!(scene.standings(), [Standing::Up, Standing::Draining]);
    assert_eq!(scene.view()[1], (State::Draining, "reported by agent"));
    for _ in 0..3 {
        advance(Duration::from_secs(10)).await;
        scene.beat(Report::Healthy, Some(ONE));
    }
    tokio::task::yield_now().await;
    assert_eq!(scene.standings(), [Standing::Up, Standing::Down], "the other is late by now");
    assert_eq!(scene.beat(Report::Healthy, None), Standing::Up);
    assert_eq!(scene.standings(), [Standing::Up; 2]);
}

#[tokio::test(start_paused = true)]
async fn one_that_flaps_is_held_and_let_back_without_another_beat() {
    let scene = Scene::new(beating(&[ONE]));
    for _ in 0..2 {
        scene.beat(Report::Unhealthy, None);
        assert_eq!(scene.beat(Report::Healthy, None), Standing::Up);
    }
    scene.beat(Report::Unhealthy, None);
    assert_eq!(scene.beat(Report::Healthy, None), Standing::Down);
    assert_eq!(scene.view(), [(State::Unhealthy, "held back: changed too often")]);
    assert_eq!(scene.told_after(60).await, Some(5));
    assert_eq!(scene.view(), [(State::Healthy, "heartbeat")]);
}

#[tokio::test(start_paused = true)]
async fn only_who_promised_heartbeats_is_heard() {
    let scene = Scene::new(fixtures::agent("a", &[ONE], BackendAuth::None));
    let beat = |backend| Beat { report: Report::Healthy, backend, detail: None };
    assert_eq!(scene.board.beat(&scene.agent.id, &beat(None)), Err(BeatError::NotPromised));
    let nobody = AgentId::try_from("nobody").unwrap();
    assert_eq!(scene.board.beat(&nobody, &beat(None)), Err(BeatError::UnknownAgent));
    let scene = Scene::new(beating(&[ONE]));
    let elsewhere = BackendUrl::parse(TWO).unwrap();
    assert_eq!(scene.board.beat(&scene.agent.id, &beat(Some(elsewhere))), Err(BeatError::UnknownBackend));
}

#[tokio::test(start_paused = true)]
async fn a_changed_record_keeps_what_is_known_of_backends_that_stay() {
    let scene = Scene::new(beating(&[ONE, TWO]));
    scene.beat(Report::Draining, Some(TWO));
    let moved = Arc::new(beating(&[TWO, "http://10.0.0.3:9000/"]));
    scene.board.follow(&written(&moved));
    let availability = scene.board.availability(&moved.id);
    assert_eq!([availability.of(0), availability.of(1)], [Standing::Draining, Standing::Up]);
    scene.board.follow(&AgentChanges { gone: vec![moved.id.clone()], written: Vec::new() });
    assert_eq!(scene.board.availability(&moved.id), Availability::default());
}

#[tokio::test(start_paused = true)]
async fn what_an_envoy_sees_is_shown_with_its_reason() {
    let scene = Scene::new(fixtures::agent("a", &[ONE, TWO], BackendAuth::None));
    assert_eq!(scene.view()[0], (State::Unknown, "nothing is known of it"));
    let checks = |failed, unanswered| {
        vec![SampleValue::Ejected(0), SampleValue::FailedChecks(failed), SampleValue::UnansweredChecks(unanswered)]
    };
    scene.sees("edge-1", &[(ONE, true), (TWO, false)], checks(3, 3));
    assert_eq!(scene.view(), [(State::Healthy, "in use"), (State::Unhealthy, "health check: no answer")]);
    scene.sees("edge-1", &[(ONE, true), (TWO, false)], checks(9, 3));
    assert_eq!(scene.view()[1].1, "health check: answered with an error", "what failed last is what counts");
    scene.sees("edge-1", &[(ONE, true), (TWO, false)], checks(2, 2));
    assert_eq!(scene.view()[1].1, "health check: no answer", "an Envoy that was started anew counts anew");
    scene.sees("edge-1", &[(ONE, true), (TWO, false)], checks(9, 4));
    assert_eq!(scene.view()[1].1, "health check failed");
    let scene = Scene::new(fixtures::agent("a", &[ONE, TWO], BackendAuth::None));
    scene.sees("edge-1", &[(ONE, true), (TWO, false)], checks(3, 0));
    assert_eq!(scene.view()[1].1, "health check: answered with an error");
    scene.sees("edge-1", &[(ONE, true), (TWO, false)], vec![SampleValue::Ejected(1)]);
    assert_eq!(scene.view()[1].1, "outlier ejected");
    scene.sees("edge-1", &[(ONE, false), (TWO, false)], vec![SampleValue::Ejected(1)]);
    assert_eq!(scene.view()[1].1, "health check failed or outlier ejected");
}

#[tokio::test(start_paused = true)]
async fn envoys_that_differ_are_shown_each_and_not_averaged() {
    let scene = Scene::new(fixtures::agent("a", &[ONE], BackendAuth::None));
    scene.sees("edge-1", &[(ONE, true)], Vec::new());
    scene.sees("edge-2", &[(ONE, false)], Vec::new());
    assert_eq!(scene.view(), [(State::Unknown, "the Envoys see different things")]);
    let nodes = scene.board.view(&scene.agent).backends.remove(0).nodes;
    let told: Vec<_> = nodes.iter().map(|it| (it.node.as_str(), it.state, it.is_stale)).collect();
    assert_eq!(told, [("edge-1", State::Healthy, false), ("edge-2", State::Unhealthy, false)]);
}

#[tokio::test(start_paused = true)]
async fn an_envoy_that_went_is_stale_and_then_forgotten() {
    let scene = Scene::new(fixtures::agent("a", &[ONE], BackendAuth::None));
    scene.sees("edge-1", &[(ONE, false)], Vec::new());
    advance(Duration::from_secs(10)).await;
    scene.sees("edge-2", &[(ONE, true)], Vec::new());
    advance(Duration::from_secs(10)).await;
    assert_eq!(scene.view(), [(State::Healthy, "in use")], "one that is stale has no say");
    let nodes = scene.board.view(&scene.agent).backends.remove(0).nodes;
    assert_eq!(nodes.iter().map(|it| it.is_stale).collect::<Vec<_>>(), [true, false]);
    advance(Duration::from_secs(285)).await;
    let nodes = scene.board.view(&scene.agent).backends.remove(0).nodes;
    assert_eq!(nodes.iter().map(|it| it.node.as_str()).collect::<Vec<_>>(), ["edge-2"]);
}

#[tokio::test(start_paused = true)]
async fn hosts_and_agents_that_are_not_registered_leave_nothing_behind() {
    let scene = Scene::new(fixtures::agent("a", &[ONE], BackendAuth::None));
    scene.sees("edge-1", &[(TWO, false)], Vec::new());
    let stranger = Sample { agent: AgentId::try_from("b").unwrap(), value: SampleValue::Ejected(7) };
    scene.board.report("edge-1", &[stranger]);
    for node in 0..1000 {
        scene.board.report(&format!("node-{node}"), &[]);
    }
    assert_eq!(scene.view(), [(State::Unknown, "nothing is known of it")]);
    assert!(scene.board.nodes() <= 256);
}

#[tokio::test(start_paused = true)]
async fn a_name_with_several_addresses_is_as_good_as_the_best() {
    let mut agent = fixtures::agent("a", &["http://a.example/"], BackendAuth::None);
    agent.backends[0].weight = NonZeroU32::MIN;
    let scene = Scene::new(agent);
    let host = |address: &str, is_healthy| Sample {
        agent: scene.agent.id.clone(),
        value: SampleValue::Host { authority: "a.example".to_owned(), address: address.to_owned(), is_healthy },
    };
    scene.board.report("edge-1", &[host("10.0.0.1:80", false), host("10.0.0.2:80", true)]);
    assert_eq!(scene.view(), [(State::Healthy, "in use")]);
}
