//! Against a real backend what a sync writes, and by paused time when it comes.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::{
    admin::scene::{Scene, card_reply},
    cards::samples,
    domain::{AgentStatus, BackendAuth},
    fake_backend::Reply,
    outbound::OutboundError,
    store::SealingKey,
    xds::fixtures,
};

const CARD: &str = "/.well-known/agent-card.json";

async fn sync(scene: &Scene) -> Outcome {
    scene.state.sync.sync(&"weather".try_into().unwrap()).await.unwrap()
}

fn generation(scene: &Scene) -> u64 {
    scene.state.store.registry().generation.get()
}

fn weather(scene: &Scene) -> Arc<Agent> {
    scene.state.store.registry().agents[&AgentId::try_from("weather").unwrap()].clone()
}

fn renewed(scene: &Scene) -> String {
    let mut card = samples::modern(scene.backend.url("/").as_str());
    card["description"] = json!("Renewed");
    card.to_string()
}

/// Conditions of the last request.
fn conditions(scene: &Scene) -> Vec<String> {
    let request = scene.backend.requests().pop().unwrap();
    let conditions = request.lines().filter(|line| line.starts_with("if-"));
    conditions.map(str::to_owned).collect()
}

#[tokio::test]
async fn an_unchanged_card_is_asked_for_conditionally_and_costs_no_generation() {
    let scene = Scene::new().await;
    let card =
        card_reply(&scene.backend).header("etag", "\"one\"").header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    scene.backend.answer(CARD, card);
    scene.register("weather", json!({})).await;
    let before = generation(&scene);
    assert_eq!(sync(&scene).await, Outcome::Unchanged);
    assert_eq!(conditions(&scene), ["if-none-match: \"one\""]);
    scene.backend.answer(CARD, Reply::status(304));
    assert_eq!(sync(&scene).await, Outcome::Unchanged);
    assert_eq!(conditions(&scene), ["if-none-match: \"one\"", "if-modified-since: Thu, 01 Jan 2026 00:00:00 GMT"]);
    let document = &weather(&scene).card.document;
    let other_words = serde_json::to_string_pretty(document).unwrap();
    scene.backend.answer(CARD, Reply::ok(&other_words).header("etag", "\"two\""));
    assert_eq!(sync(&scene).await, Outcome::Unchanged, "the same document in other words");
    scene.backend.answer(CARD, Reply::status(304));
    assert_eq!(sync(&scene).await, Outcome::Unchanged);
    assert_eq!(conditions(&scene), ["if-none-match: \"two\""], "what the backend said last");
    assert_eq!((generation(&scene), weather(&scene).card.version), (before, 1));
}

#[tokio::test]
async fn a_changed_card_is_a_version_and_never_revives_a_disabled_agent() {
    let scene = Scene::new().await;
    scene.register("weather", json!({"status": "inactive"})).await;
    let before = generation(&scene);
    scene.backend.answer(CARD, Reply::ok(&renewed(&scene)).header("etag", "\"two\""));
    assert_eq!(sync(&scene).await, Outcome::Written);
    let agent = weather(&scene);
    assert_eq!((generation(&scene), agent.card.version, agent.status), (before + 1, 2, AgentStatus::Inactive));
    assert_eq!(agent.card.document["description"], "Renewed");
    assert_eq!(agent.earlier_cards.len(), 1);
    assert_eq!(sync(&scene).await, Outcome::Unchanged);
    assert_eq!(conditions(&scene), ["if-none-match: \"two\""]);
}

#[tokio::test]
async fn a_bad_or_vanished_card_keeps_the_last_good_one_and_marks_the_record_once() {
    let scene = Scene::new().await;
    scene.register("weather", json!({})).await;
    let (before, good) = (generation(&scene), weather(&scene).card.clone());
    for (reply, at) in [(Reply::ok("{}"), 1), (Reply::ok("{}"), 1), (Reply::status(404), 2), (Reply::status(404), 2)] {
        scene.backend.answer(CARD, reply);
        assert!(matches!(sync(&scene).await, Outcome::Failed(_)));
        let agent = weather(&scene);
        assert!(Arc::ptr_eq(&agent.card, &good));
        assert_eq!(generation(&scene), before + at, "{:?}", agent.sync_error);
        assert_eq!(agent.status, AgentStatus::Active);
    }
    assert_eq!(weather(&scene).sync_error.as_deref(), Some("the card cannot be fetched: the answer has status 404"));
    scene.backend.answer(CARD, card_reply(&scene.backend));
    assert_eq!(sync(&scene).await, Outcome::Written);
    assert_eq!((weather(&scene).sync_error.clone(), weather(&scene).card.version), (None, 1));
}

/// An upstream that waits until it is told to answer.
struct Slow {
    asked: Semaphore,
    answers: Semaphore,
    running: AtomicUsize,
    most: AtomicUsize,
    looks: Mutex<BTreeMap<AgentId, Vec<Instant>>>,
    fails: bool,
}

impl Slow {
    fn new(fails: bool) -> Arc<Self> {
        Arc::new(Self {
            asked: Semaphore::new(0),
            answers: Semaphore::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            looks: Mutex::default(),
            fails,
        })
    }

    async fn was_asked(&self, times: u32) {
        self.asked.acquire_many(times).await.unwrap().forget();
    }

    fn looks(&self) -> BTreeMap<AgentId, Vec<Instant>> {
        self.looks.lock().unwrap().clone()
    }
}

impl Upstream for Slow {
    fn refetch<'a>(
        &'a self,
        agent: &'a Agent,
        known: &'a Validators,
        _: UnixSeconds,
    ) -> BoxFuture<'a, Result<Refetched, CardError>> {
        Box::pin(async move {
            self.looks.lock().unwrap().entry(agent.id.clone()).or_default().push(Instant::now());
            self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            self.asked.add_permits(1);
            self.answers.acquire().await.unwrap().forget();
            self.running.fetch_sub(1, Ordering::SeqCst);
            if self.fails {
                return Err(OutboundError::Timeout.into());
            }
            Ok(Refetched { card: (*agent.card).clone(), validators: known.clone() })
        })
    }
}

async fn populated(agents: usize) -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
    let store = Store::open(&dir.path().join("registry"), &key).unwrap();
    let agent = |at| fixtures::agent(&format!("a{at:02}"), &["http://a.example"], BackendAuth::None);
    let changes: Vec<Change> = (0..agents).map(|at| Change::PutAgent(agent(at))).collect();
    store.write(move |_| Ok::<_, std::convert::Infallible>(changes)).await.unwrap();
    (store, dir)
}

const PERIOD: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn every_card_is_looked_at_once_a_period_and_few_at_a_time() {
    let (store, _dir) = populated(20).await;
    let upstream = Slow::new(false);
    let edges = Edges { clock: || 7, jitter: || 0.5 };
    let before = store.registry().generation;
    let task = tokio::spawn(CardSync::new(store.clone(), upstream.clone(), edges).run(PERIOD));
    upstream.was_asked(u32::try_from(AT_ONCE).unwrap()).await;
    assert_eq!(upstream.looks().len(), AT_ONCE, "the others wait for room");
    upstream.answers.add_permits(40);
    upstream.was_asked(u32::try_from(40 - AT_ONCE).unwrap()).await;
    assert_eq!(upstream.most.load(Ordering::SeqCst), AT_ONCE);
    for (id, looks) in upstream.looks() {
        assert_eq!(looks.len(), 2, "{id}");
        assert!(looks[1] - looks[0] >= PERIOD.mul_f64(0.9), "{id}: {:?}", looks[1] - looks[0]);
    }
    assert_eq!(store.registry().generation, before, "nothing changed");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_card_cannot_be_had_is_asked_less_and_less() {
    let (store, _dir) = populated(1).await;
    let upstream = Slow::new(true);
    upstream.answers.add_permits(6);
    let edges = Edges { clock: || 7, jitter: || 0.5 };
    let task = tokio::spawn(CardSync::new(store.clone(), upstream.clone(), edges).run(PERIOD));
    upstream.was_asked(6).await;
    let looks = upstream.looks().into_values().next().unwrap();
    let waits: Vec<u64> = looks.windows(2).map(|pair| (pair[1] - pair[0]).as_secs() / PERIOD.as_secs()).collect();
    assert_eq!(waits, [2, 4, 8, 8, 8]);
    assert_eq!(store.registry().generation.get(), 2, "the record is marked once");
    task.abort();
}

#[tokio::test]
async fn a_registration_meanwhile_wins() {
    let (store, _dir) = populated(1).await;
    let upstream = Slow::new(true);
    let edges = Edges { clock: || 7, jitter: || 0.5 };
    let sync = CardSync::new(store.clone(), upstream.clone(), edges);
    let id = AgentId::try_from("a00").unwrap();
    let running = tokio::spawn({
        let id = id.clone();
        async move { sync.sync(&id).await.unwrap() }
    });
    upstream.was_asked(1).await;
    let moved = Change::PutAgent(fixtures::agent("a00", &["http://elsewhere.example"], BackendAuth::None));
    store.write(move |_| Ok::<_, std::convert::Infallible>(vec![moved])).await.unwrap();
    upstream.answers.add_permits(1);
    assert_eq!(running.await.unwrap(), Outcome::Superseded);
    assert_eq!(store.registry().agents[&id].sync_error, None);
}
