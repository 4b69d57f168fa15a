//! The body of a search, and what its answer holds.

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::SearchRequest;
use crate::admin::scene::{Answer, Scene};

async fn search(scene: &Scene, token: &str, body: Value) -> Answer {
    scene.searchable().await;
    scene.call(token, Method::POST, "/search", Some(&body)).await
}

/// Agents found, by the URL of their cards.
fn found(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let results = body["results"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    let id = |hit: &Value| hit["agentCard"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    results.iter().map(id).collect()
}

async fn populated() -> Scene {
    let scene = Scene::new().await;
    scene
        .register("invoices", json!({"name": "Invoice Matcher", "description": "Matches invoices with orders."}))
        .await;
    scene
        .register("travel", json!({"name": "Travel", "description": "Books flights, and pays an invoice for them."}))
        .await;
    scene.register("retired", json!({"name": "Invoice archive", "status": "inactive"})).await;
    scene
}

#[tokio::test]
async fn the_answer_holds_the_served_cards_best_first() {
    let scene = populated().await;
    let answer = search(&scene, "invoices travel retired", json!({"query": "  matching an invoice "})).await;
    assert_eq!(found(&answer), ["invoices", "travel"]);
    let body = answer.json();
    assert_eq!(
        (&body["query"], &body["totalMatches"], &body["mode"]),
        (&json!("matching an invoice"), &json!(2), &json!("lexical"))
    );
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let card = scene.call("invoices", Method::GET, "/agents/invoices", None).await;
    assert!(answer.text.contains(&card.text), "the card as it is served, byte for byte");
    let one = search(&scene, "invoices travel", json!({"query": "invoice", "topK": 1})).await;
    assert_eq!((found(&one).len(), &one.json()["totalMatches"]), (1, &json!(2)));
}

#[tokio::test]
async fn an_answer_is_the_same_to_the_byte_whether_or_not_there_is_more_that_the_caller_may_not_see() {
    let scene = Scene::new().await;
    scene.register("invoices", json!({"description": "Matches invoices."})).await;
    let query = json!({"query": "invoice weather now"});
    let before = search(&scene, "invoices", query.clone()).await;
    for id in ["hidden-one", "hidden-two"] {
        scene
            .register(id, json!({"description": "invoice invoice weather, and a longer text about other things"}))
            .await;
    }
    assert_eq!(search(&scene, "invoices", query.clone()).await.text, before.text);
    assert_eq!(found(&search(&scene, "hidden-one", query.clone()).await), ["hidden-one"]);
    assert_eq!(found(&search(&scene, "nothing", query).await), [""; 0]);
}

#[tokio::test]
async fn a_search_follows_the_registry() {
    let scene = populated().await;
    let ask = || search(&scene, "invoices retired", json!({"query": "archive"}));
    assert_eq!(found(&ask().await), [""; 0]);
    scene.call("admin", Method::PATCH, "/admin/agents/retired/status", Some(&json!({"status": "active"}))).await;
    assert_eq!(found(&ask().await), ["retired"]);
    scene.delete("/admin/agents/retired").await;
    assert_eq!(found(&ask().await), [""; 0]);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_named() {
    let scene = Scene::new().await;
    for (body, code, field) in [
        (json!({}), "MISSING_QUERY", "query"),
        (json!({"query": " \n"}), "MISSING_QUERY", "query"),
        (json!({"query": 5}), "MISSING_QUERY", "query"),
        (json!({"query": "x".repeat(4097)}), "INVALID_FIELD", "query"),
        (json!({"query": "x", "topK": 0}), "INVALID_TOP_K", "topK"),
        (json!({"query": "x", "topK": 101}), "INVALID_TOP_K", "topK"),
        (json!({"query": "x", "topK": 1.5}), "INVALID_TOP_K", "topK"),
        (json!({"query": "x", "topK": "5"}), "INVALID_TOP_K", "topK"),
        (json!({"query": "x", "limit": 5}), "UNKNOWN_FIELD", "limit"),
        (json!([]), "INVALID_JSON", ""),
    ] {
        let answer = search(&scene, "a", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code(), answer.field()), (400, code.into(), field.into()), "{body}");
    }
    let broken =
        http::Request::post("/search").header("authorization", "Bearer a").header("content-type", "application/json");
    assert_eq!(scene.send(broken.body("{".into()).unwrap()).await.code(), "INVALID_JSON");
    let open = http::Request::post("/search").body("{}".into()).unwrap();
    assert_eq!(scene.send(open).await.status, 401);
}

proptest! {
    #[test]
    fn a_request_that_is_taken_is_within_its_bounds(query in "\\PC{0,20}", top_k in -5_i64..200) {
        match SearchRequest::read(json!({"query": query, "topK": top_k})) {
            Ok(SearchRequest { query: taken, top_k: number }) => {
                prop_assert_eq!(query.trim(), taken);
                prop_assert!((1..=100).contains(&number));
            }
            Err(_) => prop_assert!(query.trim().is_empty() || !(1..=100).contains(&top_k)),
        }
    }
}
