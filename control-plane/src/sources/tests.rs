//! Sources over real HTTP: what is proposed, what is left alone, and what hostile ones come to.

use serde_json::{Value, json};

use super::*;
use crate::{
    admin::scene::Scene,
    cards::samples,
    domain::AgentStatus,
    fake_backend::{FakeBackend, Reply},
};

const CATALOG: &str = "/.well-known/ai-catalog.json";
const CARD_TYPE: &str = "application/a2a-agent-card+json";

/// A host with a catalogue, and a control plane that looks at it.
async fn scene() -> (Scene, FakeBackend) {
    let source = FakeBackend::start(Reply::status(404)).await;
    let scene = Scene::with_sources(vec![source.url(CATALOG)]).await;
    (scene, source)
}

fn card(host: &FakeBackend, name: &str) -> Value {
    let mut card = samples::modern(host.url("/").as_str().trim_end_matches('/'));
    card["name"] = json!(name);
    card
}

/// Puts a card there, and says where.
fn serve(host: &FakeBackend, path: &str, card: &Value) -> String {
    host.answer(path, Reply::ok(&card.to_string()));
    host.url(path).to_string()
}

fn list(host: &FakeBackend, urls: &[String]) {
    let entries: Vec<Value> = urls.iter().map(|url| json!({"type": CARD_TYPE, "url": url})).collect();
    host.answer(CATALOG, Reply::ok(&json!({"specVersion": "1.0", "entries": entries}).to_string()));
}

/// What the look came to.
async fn scan(scene: &Scene) -> Value {
    let answer = scene.post("/admin/sources/scan", json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), scene.get("/admin/sources").await.json());
    answer.json()["sources"][0].clone()
}

fn generation(scene: &Scene) -> u64 {
    scene.state.store.registry().generation.get()
}

async fn record(scene: &Scene, id: &str) -> Value {
    scene.get(&format!("/admin/agents/{id}")).await.json()
}

async fn set_status(scene: &Scene, id: &str, status: &str) {
    let answer = scene.post(&format!("/admin/agents/{id}/status"), json!({"status": status})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn what_a_catalogue_lists_waits_for_approval_and_is_there_for_nobody_until_then() {
    let (scene, source) = scene().await;
    let (weather, sums) = (card(&source, "Weather"), card(&source, "Sums"));
    list(&source, &[serve(&source, "/weather", &weather), serve(&source, "/sums", &sums)]);
    let id = "weather-127-0-0-1";
    let found = scan(&scene).await;
    assert_eq!((&found["proposed"], &found["error"]), (&json!([id, "sums-127-0-0-1"]), &Value::Null));
    let shown = record(&scene, id).await;
    assert_eq!(
        (&shown["status"], &shown["name"], &shown["listed"]),
        (&json!("pending"), &json!("Weather"), &json!("private"))
    );
    assert_eq!(shown["proposedBy"], source.url(CATALOG).as_str());
    assert_eq!(shown["agentCardUrl"], source.url("/weather").as_str());
    assert_eq!(shown["backends"][0]["url"], source.url("/").as_str());
    let waiting = scene.get("/admin/agents?status=pending").await.json();
    assert_eq!(waiting["agents"].as_array().unwrap().len(), 2);
    let by_caller = |path: &'static str| scene.call(id, http::Method::GET, path, None);
    assert_eq!(by_caller("/agents").await.json(), json!([]));
    assert_eq!(by_caller("/agents/weather-127-0-0-1").await.status, 404);

    let mut body = json!({"backendUrl": source.url("/").as_str(), "agentCardUrl": source.url("/weather").as_str()});
    body["authConfig"] = json!({"type": "api_key", "headerName": "x-key", "apiKey": "env:TEST_KEY"});
    assert_eq!(scene.put(&format!("/admin/agents/{id}"), body).await.status, 200);
    let shown = record(&scene, id).await;
    assert_eq!((&shown["status"], &shown["authConfig"]["type"]), (&json!("pending"), &json!("api_key")));
    assert_eq!(shown["proposedBy"], source.url(CATALOG).as_str(), "where it was found stays known");
    set_status(&scene, id, "active").await;
    assert_eq!(by_caller("/agents").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_look_changes_nothing_and_nothing_that_was_decided() {
    let (scene, source) = scene().await;
    let urls: Vec<String> =
        ["a", "b", "c"].into_iter().map(|name| serve(&source, &format!("/{name}"), &card(&source, name))).collect();
    list(&source, &urls[..2]);
    scan(&scene).await;
    set_status(&scene, "a-127-0-0-1", "inactive").await;
    set_status(&scene, "b-127-0-0-1", "retired").await;
    let mine = json!({"backendUrl": source.url("/").as_str(), "agentCardUrl": urls[2]});
    assert_eq!(scene.put("/admin/agents/mine", mine).await.status, 201);
    let before = (generation(&scene), record(&scene, "a-127-0-0-1").await, record(&scene, "mine").await);
    for name in ["a", "b", "c"] {
        serve(&source, &format!("/{name}"), &card(&source, "Another name"));
    }
    list(&source, &urls);
    let found = scan(&scene).await;
    assert_eq!((&found["proposed"], &found["known"]), (&json!([]), &json!(3)));
    let after = (generation(&scene), record(&scene, "a-127-0-0-1").await, record(&scene, "mine").await);
    assert_eq!(after, before);
    assert_eq!(record(&scene, "mine").await["proposedBy"], Value::Null);
}

#[tokio::test]
async fn a_card_can_be_a_source_itself() {
    let (scene, source) = scene().await;
    serve(&source, CATALOG, &card(&source, "Weather"));
    assert_eq!(scan(&scene).await["proposed"], json!(["weather-127-0-0-1"]));
    assert_eq!(scan(&scene).await["known"], 1);
    let shown = record(&scene, "weather-127-0-0-1").await;
    assert_eq!(shown["agentCardUrl"], source.url(CATALOG).as_str());
}

#[tokio::test]
async fn agents_of_the_same_name_get_ids_of_their_own_and_the_same_ones_each_time() {
    let mut ids = Vec::new();
    let source = FakeBackend::start(Reply::status(404)).await;
    let urls: Vec<String> =
        ["/1", "/2"].into_iter().map(|path| serve(&source, path, &card(&source, "Weather"))).collect();
    list(&source, &urls);
    for _ in 0..2 {
        let scene = Scene::with_sources(vec![source.url(CATALOG)]).await;
        ids.push(scan(&scene).await["proposed"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0][0], "weather-127-0-0-1");
    let [_, marked] = id::ids("Weather", &source.url("/2"));
    assert_eq!(ids[0][1], marked.as_str());

    let scene = Scene::with_sources(vec![source.url(CATALOG)]).await;
    scene.register("weather-127-0-0-1", json!({})).await;
    scene.register(marked.as_str(), json!({})).await;
    let found = scan(&scene).await;
    let [_, first_marked] = id::ids("Weather", &source.url("/1"));
    assert_eq!(found["proposed"], json!([first_marked.as_str()]), "an operator's agent keeps its id");
    assert_eq!(found["skipped"][0]["reason"], "the ids that it could have are taken: register it yourself");
}

#[tokio::test]
async fn only_so_many_agents_of_a_source_are_looked_at_and_wait() {
    let (scene, source) = scene().await;
    let urls: Vec<String> =
        (0..7).map(|at| serve(&source, &format!("/{at}"), &card(&source, &format!("n{at}")))).collect();
    list(&source, &urls[..5]);
    let found = scan(&scene).await;
    assert_eq!((found["proposed"].as_array().unwrap().len(), &found["leftOut"]), (3, &json!(2)));
    list(&source, &urls[4..]);
    let found = scan(&scene).await;
    assert_eq!((&found["proposed"], &found["leftOut"]), (&json!([]), &json!(0)));
    let skipped = found["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 3);
    assert_eq!(skipped[0]["reason"], "3 agents of this source wait already: decide on them first");
    set_status(&scene, "n0-127-0-0-1", "active").await;
    assert_eq!(scan(&scene).await["proposed"], json!(["n4-127-0-0-1"]), "there is room for one");
}

/// A catalogue of these entries: nothing is proposed, and this is why.
async fn check_skipped(scene: &Scene, source: &FakeBackend, url: &str, reason: &str) {
    list(source, &[url.to_owned()]);
    let found = scan(scene).await;
    assert_eq!((&found["proposed"], &found["skipped"][0]["reason"]), (&json!([]), &json!(reason)), "{url}");
}

#[tokio::test]
async fn hostile_entries_are_passed_over_and_say_why() {
    let (scene, source) = scene().await;
    for (url, reason) in [
        (
            "http://169.254.169.254/card",
            "the card cannot be fetched: the host 169.254.169.254 is not allowed: it is link-local",
        ),
        (
            "http://10.1.2.3/card",
            "the card cannot be fetched: the host 10.1.2.3 is not allowed: it is a private address that outbound.allow_private does not name",
        ),
        ("file:///etc/passwd", "an entry's url is no http or https URL without credentials"),
        ("https://gw.example/agents/a", "it is an agent of this gateway"),
    ] {
        check_skipped(&scene, &source, url, reason).await;
    }
    let mut inward = card(&source, "Inward");
    inward["supportedInterfaces"][0]["url"] = json!("http://192.168.0.1/rpc");
    let reason =
        "the host 192.168.0.1 is not allowed: it is a private address that outbound.allow_private does not name";
    check_skipped(&scene, &source, &serve(&source, "/inward", &inward), reason).await;
    let mut own = card(&source, "Own");
    own["supportedInterfaces"][0]["url"] = json!("https://gw.example/agents/a");
    check_skipped(&scene, &source, &serve(&source, "/own", &own), "its agent is this gateway").await;
    // A catalogue that says it is a card of its own.
    let itself = source.url(CATALOG).to_string();
    check_skipped(&scene, &source, &itself, "the card is not valid: name is missing").await;
    let padded = format!("{}{}", " ".repeat(300 << 10), card(&source, "Padded"));
    source.answer("/padded", Reply::ok(&padded));
    let reason = "the card cannot be fetched: the answer is longer than 262144 bytes";
    check_skipped(&scene, &source, source.url("/padded").as_str(), reason).await;
    assert_eq!(generation(&scene), 0, "nothing was written");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_says_why_and_costs_nothing() {
    let (scene, source) = scene().await;
    let huge = format!(r#"{{"entries":[{}]}}"#, vec![r#"{"type":"x","url":"https://a.example/"}"#; 40_000].join(","));
    for (reply, error) in [
        (Reply::status(404), "the source cannot be fetched: the answer has status 404"),
        (
            Reply::status(302).header("location", "http://169.254.169.254/"),
            "the source cannot be fetched: the answer has status 302",
        ),
        (Reply::status(304), "the source cannot be fetched: the answer has status 304"),
        (Reply::ok(&huge), "the source cannot be fetched: the answer is longer than 1048576 bytes"),
        (Reply::ok(r#"{"entries":[],"entries":[]}"#), "the source is not strict JSON: "),
        (Reply::ok(&"[".repeat(100_000)), "the source is not strict JSON: "),
        (Reply::ok("{}"), "the source is no AI catalogue, and as a card: the card is not valid: name is missing"),
    ] {
        source.answer(CATALOG, reply);
        let found = scan(&scene).await;
        assert!(found["error"].as_str().is_some_and(|text| text.starts_with(error)), "{found} is not {error}");
    }
    assert_eq!(generation(&scene), 0);
}

#[tokio::test]
async fn one_place_listed_many_times_is_asked_once() {
    let (scene, source) = scene().await;
    let url = serve(&source, "/weather", &card(&source, "Weather"));
    list(&source, &vec![url; 500]);
    assert_eq!(scan(&scene).await["proposed"].as_array().unwrap().len(), 1);
    let asked = source.requests().iter().filter(|request| request.starts_with("GET /weather ")).count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn sources_are_looked_at_when_the_server_starts() {
    let (scene, source) = scene().await;
    list(&source, &[serve(&source, "/weather", &card(&source, "Weather"))]);
    let mut generations = scene.state.store.subscribe();
    let running = tokio::spawn(scene.state.sources.clone().run(|| 0.5));
    generations.changed().await.unwrap();
    let registry = scene.state.store.registry();
    assert_eq!(registry.agents.values().next().unwrap().status, AgentStatus::Pending);
    running.abort();
}
