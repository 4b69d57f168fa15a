//! How agents are looked after, as a registration says it, as agents say it, and as it is shown.

use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::scene::{Answer, Scene},
    domain::AgentChanges,
};

async fn refused(more: Value) -> (String, String) {
    let scene = Scene::new().await;
    let answer = scene.post("/admin/agents/register", scene.record("a", more)).await;
    assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
    (answer.field(), answer.json()["error"]["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn checks_have_defaults_and_are_shown() {
    let scene = Scene::new().await;
    scene.register("a", json!({"healthEndpoint": "/health", "healthCheck": {"intervalSeconds": 2}})).await;
    let shown = scene.get("/admin/agents/a").await.json();
    let expect = json!({"intervalSeconds": 2, "timeoutSeconds": 2, "unhealthyThreshold": 3, "healthyThreshold": 2});
    assert_eq!((&shown["healthCheck"], &shown["healthEndpoint"]), (&expect, &json!("/health")));
    assert_eq!(shown["health"]["state"], "unknown");
    assert_eq!(shown["health"]["backends"][0]["url"], scene.backend.url("/").as_str());
}

#[tokio::test]
async fn checks_that_cannot_be_made_are_refused_by_name() {
    assert_eq!(refused(json!({"healthEndpoint": "health"})).await.0, "healthEndpoint");
    let (field, message) = refused(json!({"healthEndpoint": "http://elsewhere.example/health"})).await;
    assert_eq!((field.as_str(), message.contains("scheme and host")), ("healthEndpoint", true), "{message}");
    for (check, field) in [
        (json!({"intervalSeconds": 0}), "healthCheck.intervalSeconds"),
        (json!({"timeoutSeconds": 11}), "healthCheck.timeoutSeconds"),
        (json!({"unhealthyThreshold": 0}), "healthCheck.unhealthyThreshold"),
        (json!({"every": 5}), "healthCheck.every"),
        (json!("often"), "healthCheck"),
    ] {
        assert_eq!(refused(json!({"healthCheck": check})).await.0, field);
    }
}

async fn beat(scene: &Scene, token: &str, body: Value) -> Answer {
    scene.call(token, Method::PATCH, "/agents/a/status", Some(&body)).await
}

async fn beating() -> Scene {
    let scene = Scene::new().await;
    scene.register("a", json!({"heartbeat": {"intervalSeconds": 10, "missesAllowed": 2}})).await;
    scene.state.health.follow(&AgentChanges::between([], scene.state.store.registry().agents.values()));
    scene
}

#[tokio::test]
async fn an_agents_word_counts_and_is_shown_with_its_own_words() {
    let scene = beating().await;
    let answer = beat(&scene, "heart-of:a", json!({"status": "draining", "detail": "a new release"})).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let expect = json!({"agentId": "a", "standing": "draining", "intervalSeconds": 10, "outAfterSeconds": 30});
    assert_eq!(answer.json(), expect);
    let shown = scene.get("/admin/agents").await.json()["agents"][0]["health"].clone();
    let backend = &shown["backends"][0];
    assert_eq!((&shown["state"], &backend["reason"]), (&json!("draining"), &json!("reported by agent")));
    assert_eq!((&backend["detail"], &backend["since"]), (&json!("a new release"), &json!("2026-01-01T00:00:00Z")));
}

#[tokio::test]
async fn nobody_else_speaks_for_an_agent() {
    let scene = beating().await;
    for token in ["admin", "a", "heart-of:b"] {
        let answer = beat(&scene, token, json!({"status": "healthy"})).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "INSUFFICIENT_SCOPE"), "{token}");
        assert!(answer.header("www-authenticate").contains("agents:a:heartbeat"));
    }
    assert_eq!(beat(&scene, "bad", json!({"status": "healthy"})).await.status.as_u16(), 401);
}

#[tokio::test]
async fn what_a_heartbeat_says_is_read_strictly() {
    let scene = beating().await;
    let long = "x".repeat(1025);
    for (body, field) in [
        (json!({}), "status"),
        (json!({"status": "fine"}), "status"),
        (json!({"status": "healthy", "load": 3}), "load"),
        (json!({"status": "healthy", "detail": long}), "detail"),
        (json!({"status": "healthy", "backend": "here"}), "backend"),
        (json!({"status": "healthy", "backend": "http://other.example"}), "backend"),
    ] {
        let answer = beat(&scene, "heart-of:a", body).await;
        assert_eq!((answer.status.as_u16(), answer.field().as_str()), (400, field), "{answer:?}");
    }
}

#[tokio::test]
async fn a_heartbeat_that_nobody_waits_for_is_refused() {
    let scene = Scene::new().await;
    scene.register("a", json!({})).await;
    scene.state.health.follow(&AgentChanges::between([], scene.state.store.registry().agents.values()));
    let answer = beat(&scene, "heart-of:a", json!({"status": "healthy"})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "HEARTBEAT_NOT_PROMISED"));
    let unknown = scene.call("heart-of:b", Method::POST, "/agents/b/status", Some(&json!({"status": "healthy"}))).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "AGENT_NOT_FOUND"));
}
