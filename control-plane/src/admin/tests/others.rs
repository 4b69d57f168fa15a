//! Permissions, clients, issuers, nodes.

use http::Method;
use serde_json::{Value, json};

use crate::{admin::scene::Scene, fake_backend::Reply};

/// A write is refused by status and field, and nothing changes.
async fn check(scene: &Scene, method: Method, path: &str, body: Value, expect: (u16, &str)) {
    let generation = scene.state.store.registry().generation;
    let answer = scene.call("admin", method, path, Some(&body)).await;
    assert_eq!((answer.status.as_u16(), answer.field().as_str()), expect, "{path} {body}: {}", answer.text);
    assert_eq!(scene.state.store.registry().generation, generation, "{path} {body}");
}

#[tokio::test]
async fn a_permission_row_is_put_shown_and_deleted() {
    let scene = Scene::new().await;
    let path = "/admin/permissions/billing:read";
    let row = json!({"agents": ["billing-*"], "operations": ["read"], "limit": {"requestsPerMinute": 60}});
    let answer = scene.put(path, row.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["generation"]), (201, &json!(1)));
    assert_eq!((scene.put(path, row).await.json()["generation"].as_u64()), Some(1), "idempotent");
    let shown = scene.get(path).await.json();
    assert_eq!((&shown["scope"], &shown["limit"]["requestsPerMinute"]), (&json!("billing:read"), &json!(60)));
    assert_eq!(scene.get("/admin/permissions").await.json()["permissions"][0], shown);
    assert_eq!(scene.delete(path).await.status, 200);
    assert_eq!(scene.delete(path).await.code(), "PERMISSION_NOT_FOUND");
}

#[tokio::test]
async fn a_scope_may_have_slashes_and_defaults_are_shown() {
    let scene = Scene::new().await;
    scene.put("/admin/permissions/api%3A%2F%2Fx%2Fread", json!({"allowedAgents": ["a"]})).await;
    let shown = scene.get("/admin/permissions/api:%2F%2Fx%2Fread").await.json();
    assert_eq!((&shown["scope"], &shown["operations"]), (&json!("api://x/read"), &json!(["read", "write"])));
}

#[tokio::test]
async fn bad_rows_are_refused_by_field() {
    let scene = Scene::new().await;
    let path = "/admin/permissions/s";
    for (body, field) in [
        (json!({}), "agents"),
        (json!({"agents": ["a"], "colour": 1}), "colour"),
        (json!({"agents": ["a"], "operations": ["read", "fly"]}), "operations[1]"),
        (json!({"agents": ["a"], "limit": {"requestsPerMinute": 0}}), "limit.requestsPerMinute"),
        (json!({"agents": ["a"], "limit": {"requestsPerMinute": -1}}), "limit.requestsPerMinute"),
        (json!({"agents": ["a"], "limit": {"burst": 1.5}}), "limit.burst"),
        (json!({"agents": ["a"], "scope": "t"}), "scope"),
    ] {
        check(&scene, Method::PUT, path, body, (400, field)).await;
    }
    check(&scene, Method::PUT, "/admin/permissions/a%22b", json!({"agents": ["a"]}), (400, "scope")).await;
}

#[tokio::test]
async fn a_clients_secret_is_shown_once() {
    let scene = Scene::new().await;
    let made = scene.post("/admin/clients", json!({"clientId": "ci", "scopes": ["agents:a:read"]})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = made.json()["clientSecret"].as_str().unwrap().to_owned();
    for path in ["/admin/clients", "/admin/clients/ci"] {
        let text = scene.get(path).await.text;
        assert!(!text.contains(&secret) && !text.contains("argon2"), "{text}");
    }
    let again = scene.post("/admin/clients", json!({"clientId": "ci", "scopes": []})).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "CLIENT_EXISTS"));
    let unnamed = scene.post("/admin/clients", json!({"scopes": []})).await.json();
    assert!(unnamed["clientId"].as_str().unwrap().starts_with("client-"));
}

#[tokio::test]
async fn a_rotation_leaves_the_old_secret_for_the_overlap() {
    let scene = Scene::new().await;
    scene.post("/admin/clients", json!({"clientId": "ci", "scopes": []})).await;
    let rotated = scene.post("/admin/clients/ci/rotate", json!({"overlapSeconds": 60})).await.json();
    assert_eq!(rotated["secrets"], json!([{"expiresAt": "2026-01-01T00:01:00Z"}, {"expiresAt": null}]));
    let rotated = scene.post("/admin/clients/ci/rotate", json!({"overlapSeconds": 0})).await.json();
    assert_eq!(rotated["secrets"], json!([{"expiresAt": null}]));
    check(&scene, Method::POST, "/admin/clients/ci/rotate", json!({"overlapSeconds": -1}), (400, "overlapSeconds"))
        .await;
}

#[tokio::test]
async fn a_client_is_changed_disabled_and_deleted() {
    let scene = Scene::new().await;
    scene.post("/admin/clients", json!({"clientId": "ci", "scopes": ["a"]})).await;
    let path = "/admin/clients/ci";
    assert_eq!(scene.put(path, json!({"name": "CI", "scopes": ["b"]})).await.json()["scopes"], json!(["b"]));
    let status =
        scene.call("admin", Method::PATCH, "/admin/clients/ci/status", Some(&json!({"status": "inactive"}))).await;
    assert_eq!(status.json()["status"], "inactive");
    assert_eq!(scene.delete(path).await.status, 200);
    assert_eq!(scene.get(path).await.code(), "CLIENT_NOT_FOUND");
    check(&scene, Method::POST, "/admin/clients", json!({"clientId": "a b", "scopes": []}), (400, "clientId")).await;
    check(&scene, Method::POST, "/admin/clients", json!({"clientId": "ab", "scopes": ["a b"]}), (400, "scopes[0]"))
        .await;
    check(&scene, Method::POST, "/admin/clients", json!({"clientId": "ab", "colour": 1}), (400, "colour")).await;
}

/// RFC 8037 appendix A.2.
fn jwks() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
}

#[tokio::test]
async fn an_issuers_keys_are_read_before_it_is_believed() {
    let scene = Scene::new().await;
    scene.backend.answer("/jwks", Reply::ok(&jwks().to_string()));
    let body =
        json!({"issuer": "https://idp.example/x", "audiences": ["a"], "jwksUrl": scene.backend.url("/jwks").as_str()});
    let answer = scene.post("/admin/issuers", body).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["keyIds"]), (201, &json!(["k1"])), "{}", answer.text);
    let path = "/admin/issuers/https:%2F%2Fidp.example%2Fx";
    assert_eq!(scene.get(path).await.json()["audiences"], json!(["a"]));
    assert_eq!(scene.get("/admin/issuers/https://idp.example/x").await.status, 200);
    assert_eq!(scene.get("/admin/issuers").await.json()["embedded"]["issuer"], "https://gw.example");
    assert_eq!(scene.delete(path).await.status, 200);
}

#[tokio::test]
async fn bad_issuers_are_refused_by_field() {
    let scene = Scene::new().await;
    let with = |field: &str, value: Value| {
        let mut body = json!({"issuer": "https://idp.example", "audiences": ["a"], "jwks": jwks()});
        body[field] = value;
        body
    };
    let at = |url: &str| json!({"issuer": "https://idp.example", "audiences": ["a"], "jwksUrl": url});
    scene.backend.answer("/none", Reply::ok("{\"keys\": 5}"));
    for (body, status, field) in [
        (with("audiences", json!([])), 400, "audiences"),
        (with("audiences", Value::Null), 400, "audiences"),
        (with("algorithms", json!(["HS256"])), 400, "algorithms[0]"),
        (with("colour", json!(1)), 400, "colour"),
        (with("jwks", Value::Null), 400, "jwksUrl"),
        (with("jwksFile", json!("/x")), 400, "jwksFile"),
        (at("http://169.254.169.254/"), 400, "jwksUrl"),
        (at("ftp://x/"), 400, "jwksUrl"),
        (at(scene.backend.url("/none").as_str()), 422, "jwksUrl"),
        (json!({"issuer": "https://idp.example", "audiences": ["a"], "jwksFile": "/etc/hostname"}), 400, "jwksFile"),
        (with("issuer", json!("https://gw.example")), 409, "issuer"),
    ] {
        check(&scene, Method::POST, "/admin/issuers", body, (status, field)).await;
    }
}

#[tokio::test]
async fn nodes_are_listed_beside_the_registrys_generation() {
    let scene = Scene::new().await;
    scene.register("a", json!({})).await;
    assert_eq!(scene.get("/admin/nodes").await.json(), json!({"generation": 1, "nodes": [], "leases": []}));
}

#[tokio::test]
async fn a_revocation_is_made_once_listed_and_deleted() {
    let scene = Scene::new().await;
    let body =
        json!({"caller": {"issuer": "https://i", "client": "ci"}, "until": "2026-01-02T00:00:00Z", "reason": "stolen"});
    let made = scene.post("/admin/revocations", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(
        (&made["issuer"], &made["client"], &made["createdBy"]),
        (&json!("https://i"), &json!("ci"), &json!("tester"))
    );
    let again = scene.post("/admin/revocations", body).await;
    assert_eq!((again.status.as_u16(), &again.json()["revocationId"]), (200, &made["revocationId"]));
    assert_eq!(scene.get("/admin/revocations?client=ci").await.json()["revocations"].as_array().unwrap().len(), 1);
    assert_eq!(scene.get("/admin/revocations?client=other").await.json()["revocations"], json!([]));
    let path = format!("/admin/revocations/{}", made["revocationId"].as_str().unwrap());
    assert_eq!(scene.get(&path).await.json()["until"], json!("2026-01-02T00:00:00Z"));
    assert_eq!(scene.delete(&path).await.status, 200);
    assert_eq!(scene.delete(&path).await.code(), "REVOCATION_NOT_FOUND");
}

#[tokio::test]
async fn the_same_revocation_asked_for_many_times_at_once_is_one_entry() {
    let scene = Scene::new().await;
    let answers =
        futures::future::join_all((0..8).map(|_| scene.post("/admin/revocations", json!({"client": "ci"})))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!((made, scene.state.store.registry().revocations.len()), (1, 1));
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.json()["revocationId"].to_string()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn bad_revocations_are_refused_by_field() {
    let scene = Scene::new().await;
    for (body, field) in [
        (json!({}), "client"),
        (json!({"reason": "x"}), "client"),
        (json!({"client": "ci", "until": 5}), "until"),
        (json!({"client": "ci", "until": "tomorrow"}), "until"),
        (json!({"client": "ci", "issuedBefore": true}), "issuedBefore"),
        (json!({"caller": {"client": "ci"}}), "caller.issuer"),
        (json!({"caller": {"issuer": "i", "client": "ci"}, "client": "other"}), "client"),
        (json!({"client": ""}), "client"),
        (json!({"client": "ci", "colour": 1}), "colour"),
        (json!({"client": "ci", "reason": "x".repeat(501)}), "reason"),
    ] {
        check(&scene, Method::POST, "/admin/revocations", body, (400, field)).await;
    }
}

#[tokio::test]
async fn nobody_locks_themselves_out_by_mistake() {
    let scene = Scene::new().await;
    check(&scene, Method::POST, "/admin/revocations", json!({"client": "tester"}), (409, "")).await;
    let forced = scene.post("/admin/revocations", json!({"client": "tester", "force": true})).await;
    assert_eq!(forced.status, 201);
}

#[tokio::test]
async fn a_deleted_clients_tokens_end_with_it() {
    let scene = Scene::new().await;
    scene.post("/admin/clients", json!({"clientId": "gone"})).await;
    assert_eq!(scene.delete("/admin/clients/gone").await.status, 200);
    let left = &scene.get("/admin/revocations?client=gone").await.json()["revocations"][0];
    assert_eq!(left["issuer"], json!("https://gw.example"));
    assert!(left["issuedBefore"].is_string() && left["until"].is_string(), "{left}");
}
