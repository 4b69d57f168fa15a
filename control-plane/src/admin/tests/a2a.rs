//! How traffic is treated, as an agent's record says it; and the keys behind task isolation.

use http::Method;
use serde_json::json;

use crate::admin::scene::Scene;

#[tokio::test]
async fn the_newest_task_key_seals_and_the_last_one_stays() {
    let scene = Scene::new().await;
    let first = scene.post("/admin/task-keys", json!({})).await;
    assert_eq!((first.status.as_u16(), first.text.contains("secret")), (201, false), "{}", first.text);
    let first = first.json()["taskKeyId"].as_str().unwrap().to_owned();
    let alone = scene.delete(&format!("/admin/task-keys/{first}")).await;
    assert_eq!((alone.status.as_u16(), alone.code().as_str()), (409, "LAST_TASK_KEY"));
    let second = scene.post("/admin/task-keys", json!({})).await.json()["taskKeyId"].as_str().unwrap().to_owned();
    let listed = scene.get("/admin/task-keys").await.json();
    let keys: Vec<_> =
        listed["taskKeys"].as_array().unwrap().iter().map(|key| (&key["taskKeyId"], &key["seals"])).collect();
    assert_eq!(keys, [(&json!(second), &json!(true)), (&json!(first), &json!(false))]);
    assert_eq!(scene.delete(&format!("/admin/task-keys/{first}")).await.status, 200);
    assert_eq!(scene.delete(&format!("/admin/task-keys/{first}")).await.code(), "TASK_KEY_NOT_FOUND");
}

#[tokio::test]
async fn a_key_that_is_given_is_the_same_on_every_server() {
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let mut ids = Vec::new();
    for _ in 0..2 {
        let scene = Scene::new().await;
        let made = scene.post("/admin/task-keys", json!({"secret": secret})).await;
        assert!(!made.text.contains(secret) && !scene.get("/admin/task-keys").await.text.contains(secret));
        ids.push(made.json()["taskKeyId"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    let short = Scene::new().await.post("/admin/task-keys", json!({"secret": "c2hvcnQ"})).await;
    assert_eq!((short.status.as_u16(), short.field()), (400, "secret".to_owned()));
}

#[tokio::test]
async fn odd_words_in_a_record_are_named() {
    let scene = Scene::new().await;
    for (field, value, named) in [
        ("translation", json!("yes"), "translation"),
        ("taskIsolation", json!("client"), "taskIsolation"),
        ("webhooks", json!({"mode": "on"}), "webhooks.mode"),
        ("webhooks", json!({"hosts": ["a b"]}), "webhooks.hosts[0]"),
        ("webhooks", json!({"https": true}), "webhooks.https"),
        ("grpcUrl", json!("http://a:1/x"), "grpcUrl"),
    ] {
        let body = json!({"agentId": "a", "backendUrl": "http://127.0.0.1:1", field: value});
        let answer = scene.call("admin", Method::POST, "/admin/agents/register", Some(&body)).await;
        assert_eq!((answer.status.as_u16(), answer.field().as_str()), (400, named), "{}", answer.text);
    }
}
