//! `POST /search` with an embedder behind an API: which mode ranks, and that nobody waits for what is slow or down.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    admin::scene::{Answer, Scene},
    config::OpenAiSettings,
    domain::AgentId,
    fake_backend::outbound,
    search::{
        Indexer, ModelPlace, OpenAi, RemoteApi,
        stand_in::{Says, StandIn},
    },
    secrets::anything_allowed,
};

/// Whatever happens in the background has happened by then.
const LONG: Duration = Duration::from_secs(20);

/// Keeps vectors of `model` until it is dropped.
struct Indexing(JoinHandle<()>);

impl Drop for Indexing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn index(scene: &Scene, stand_in: &StandIn, model: &str, batch_size: usize) -> Indexing {
    let base_url = stand_in.url("/v1");
    let settings = OpenAiSettings { base_url, model: model.to_owned(), dimensions: None, api_key: None, batch_size };
    let api = RemoteApi::OpenAi(OpenAi::new(settings, &outbound(), anything_allowed(&BTreeMap::new())));
    let indexer =
        Indexer::new(scene.search.clone(), scene.state.store.clone(), Some(ModelPlace::Remote(Box::new(api))));
    scene.stop_indexing();
    Indexing(tokio::spawn(indexer.run()))
}

async fn search(scene: &Scene, query: &str) -> Answer {
    let body = json!({"query": query});
    scene.call("invoices travel third", Method::POST, "/search", Some(&body)).await
}

async fn mode(scene: &Scene, query: &str) -> String {
    search(scene, query).await.json()["mode"].as_str().unwrap().to_owned()
}

/// Which embedder made the agent's vector.
fn embedder(scene: &Scene, agent: &str) -> String {
    let kept = scene.state.store.vectors().get(&AgentId::try_from(agent).unwrap());
    kept.map_or(String::new(), |vector| vector.embedder.to_string())
}

#[track_caller]
fn within(wait: impl Fn() -> bool) -> impl Future<Output = ()> {
    let start = Instant::now();
    let place = std::panic::Location::caller();
    async move {
        while !wait() {
            assert!(start.elapsed() < LONG, "{place}: it did not happen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Two agents, whose texts the stand-in has made vectors of.
async fn populated(stand_in: &StandIn) -> (Scene, Indexing) {
    let scene = Scene::new().await;
    scene.register("invoices", json!({"name": "Invoices", "description": "invoice invoice invoice"})).await;
    scene.register("travel", json!({"name": "Travel", "description": "flight hotel train flight hotel"})).await;
    let indexing = index(&scene, stand_in, "one", 32);
    within(|| ["invoices", "travel"].iter().all(|agent| embedder(&scene, agent).starts_with("openai:one:"))).await;
    (scene, indexing)
}

#[tokio::test]
async fn the_answer_says_that_meaning_ranked_it() {
    let stand_in = StandIn::start().await;
    let (scene, _indexing) = populated(&stand_in).await;
    let answer = search(&scene, "thlgif letoh").await;
    let body = answer.json();
    assert_eq!((&body["mode"], &body["totalMatches"]), (&json!("semantic"), &json!(2)), "{}", answer.text);
    let first = body["results"][0]["agentCard"]["url"].as_str().unwrap();
    assert!(first.ends_with("/travel"), "no word of it, but its letters: {first}");
    assert_eq!(stand_in.last().json()["input"], json!(["thlgif letoh"]));
}

#[tokio::test]
async fn an_embedder_that_hangs_leaves_the_words_and_holds_up_neither_searches_nor_registrations() {
    let stand_in = StandIn::start().await;
    let (scene, _indexing) = populated(&stand_in).await;
    stand_in.says(Says::Silence);
    let start = Instant::now();
    assert_eq!(mode(&scene, "invoice now").await, "lexical");
    assert!((2..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let (start, asked) = (Instant::now(), stand_in.asked().len());
    for query in ["invoice one", "invoice two", "invoice three"] {
        assert_eq!(mode(&scene, query).await, "lexical");
    }
    scene.register("third", json!({"name": "Third", "description": "Reads meters."})).await;
    within(|| stand_in.texts().iter().any(|text| text.contains("Reads meters."))).await;
    let body: Value = search(&scene, "meters").await.json();
    assert_eq!((&body["mode"], &body["totalMatches"]), (&json!("lexical"), &json!(1)), "found by its words at once");
    assert!(start.elapsed() < Duration::from_secs(2), "nobody waited: {:?}", start.elapsed());
    assert_eq!(stand_in.asked().len(), asked + 1, "the text of the new agent and no query");
}

#[tokio::test]
async fn another_model_reads_every_agent_anew_in_the_background_and_the_same_one_none() {
    let stand_in = StandIn::start().await;
    let (scene, indexing) = populated(&stand_in).await;
    drop(indexing);
    let before = stand_in.texts().len();
    let indexing = index(&scene, &stand_in, "two", 32);
    within(|| ["invoices", "travel"].iter().all(|agent| embedder(&scene, agent).starts_with("openai:two:"))).await;
    assert_eq!(mode(&scene, "flight").await, "semantic");
    drop(indexing);
    assert_eq!(stand_in.texts().len(), before + 4, "a probe, two agents, a query");
    let _indexing = index(&scene, &stand_in, "two", 32);
    within(|| stand_in.texts().len() == before + 5).await;
    scene.register("third", json!({})).await;
    within(|| embedder(&scene, "third").starts_with("openai:two:")).await;
    assert_eq!(stand_in.texts().len(), before + 6, "a probe and the new one: the vectors of the others are kept");
}

#[tokio::test]
async fn what_was_embedded_before_a_failure_is_kept() {
    let stand_in = StandIn::start().await;
    let scene = Scene::new().await;
    for id in ["a", "b", "c"] {
        scene.register(id, json!({})).await;
    }
    stand_in.says(Says::Only(3));
    let _indexing = index(&scene, &stand_in, "one", 1);
    within(|| stand_in.asked().len() >= 4).await;
    within(|| !embedder(&scene, "b").is_empty()).await;
    assert!(!embedder(&scene, "a").is_empty());
    assert_eq!(embedder(&scene, "c"), "");
}

#[tokio::test]
async fn an_embedder_that_failed_is_not_asked_at_each_registration() {
    let stand_in = StandIn::start().await;
    let (scene, _indexing) = populated(&stand_in).await;
    stand_in.says(Says::Status(503));
    let asked = stand_in.asked().len();
    scene.register("third", json!({})).await;
    within(|| stand_in.asked().len() == asked + 1).await;
    for id in ["fourth", "fifth", "sixth"] {
        scene.register(id, json!({})).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stand_in.asked().len(), asked + 1);
}

#[tokio::test]
async fn a_text_that_is_refused_keeps_no_other_back_and_is_not_sent_again() {
    let stand_in = StandIn::start().await;
    let scene = Scene::new().await;
    for (id, description) in [("a", "fine"), ("b", "unwelcome"), ("c", "fine too")] {
        scene.register(id, json!({"description": description})).await;
    }
    stand_in.says(Says::Refuses("unwelcome"));
    let _indexing = index(&scene, &stand_in, "one", 32);
    within(|| ["a", "c"].iter().all(|agent| !embedder(&scene, agent).is_empty())).await;
    scene.register("d", json!({"description": "fine as well"})).await;
    within(|| !embedder(&scene, "d").is_empty()).await;
    assert_eq!(embedder(&scene, "b"), "");
    let unwelcome = stand_in.texts().iter().filter(|text| text.contains("unwelcome")).count();
    assert_eq!(unwelcome, 2, "with the others, and alone");
}

#[tokio::test]
async fn an_embedder_that_comes_up_late_is_used_from_then_on() {
    let stand_in = StandIn::start().await;
    stand_in.says(Says::Status(503));
    let scene = Scene::new().await;
    scene.register("invoices", json!({"description": "invoice"})).await;
    let _indexing = index(&scene, &stand_in, "one", 32);
    within(|| !stand_in.asked().is_empty()).await;
    assert_eq!(mode(&scene, "invoice").await, "lexical");
    stand_in.says(Says::Vectors);
    within(|| !embedder(&scene, "invoices").is_empty()).await;
    assert_eq!(mode(&scene, "invoice").await, "semantic");
}
