//! Registration, sync, status, deletion.

use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::scene::{Scene, card_reply},
    cards::samples,
    fake_backend::{FakeBackend, Reply},
};

const REGISTER: &str = "/admin/agents/register";
const CARD: &str = "/.well-known/agent-card.json";

/// A registration with these fields is refused by status, code and field, and nothing changes.
async fn check(scene: &Scene, more: Value, expect: (u16, &str, &str)) {
    let before = scene.get("/admin/agents").await.text;
    let generation = scene.state.store.registry().generation;
    let answer = scene.post(REGISTER, scene.record("weather", more.clone())).await;
    let got = (answer.status.as_u16(), answer.code(), answer.field());
    assert_eq!(got, (expect.0, expect.1.to_owned(), expect.2.to_owned()), "{more}: {}", answer.text);
    assert_eq!(scene.get("/admin/agents").await.text, before, "{more}");
    assert_eq!(scene.state.store.registry().generation, generation, "{more}");
}

#[tokio::test]
async fn a_registration_answers_with_the_rewritten_card_and_its_generation() {
    let scene = Scene::new().await;
    let answer = scene.register("weather", json!({})).await;
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["status"], &body["generation"]), (201, &json!("registered"), &json!(1)));
    assert_eq!(body["gatewayUrl"], "https://gw.example/agents/weather/");
    assert_eq!(body["agentCard"]["url"], "https://gw.example/agents/weather");
    let shown = scene.get("/admin/agents/weather").await.json();
    assert_eq!((&shown["name"], &shown["status"]), (&json!("Weather"), &json!("active")), "the card's own name");
}

#[tokio::test]
async fn the_same_registration_again_changes_nothing() {
    let scene = Scene::new().await;
    scene.register("weather", json!({"tags": ["a"]})).await;
    let again = scene.register("weather", json!({"tags": ["a"]})).await;
    assert_eq!((again.status.as_u16(), &again.json()["generation"]), (200, &json!(1)));
    let other = scene.register("weather", json!({"tags": ["b"]})).await;
    assert_eq!((other.status.as_u16(), &other.json()["generation"]), (200, &json!(2)));
}

#[tokio::test]
async fn a_full_record_comes_back_as_it_was_sent() {
    let scene = Scene::new().await;
    let record = json!({
        "name": "W", "description": "d", "capabilities": ["forecast"], "tags": ["t"],
        "skills": [{"name": "s", "description": "d", "instructions": "i", "tools": ["x"]}],
        "healthEndpoint": "/healthz", "heartbeat": {"intervalSeconds": 30, "missesAllowed": 2},
        "timeouts": {"requestSeconds": 10, "streamIdleSeconds": null, "connectSeconds": 2}, "deadlineSeconds": 10,
        "circuitBreaker": {"maxRequests": 7, "maxPendingRequests": null, "maxConnections": null}, "identityHeaders": true, "status": "inactive",
    });
    scene.register("weather", record.clone()).await;
    let shown = scene.get("/admin/agents/weather").await.json();
    for (field, value) in record.as_object().unwrap() {
        assert_eq!(shown[field], *value, "{field}");
    }
    assert_eq!(
        (&shown["createdAt"], &shown["lastSynced"]),
        (&json!("2026-01-01T00:00:00Z"), &json!("2026-01-01T00:00:00Z"))
    );
}

#[tokio::test]
async fn faults_are_named_by_field_and_change_nothing() {
    let scene = Scene::new().await;
    for (more, code, field) in [
        (json!({"colour": 1}), "UNKNOWN_FIELD", "colour"),
        (json!({"agentId": "Weather"}), "INVALID_FIELD", "agentId"),
        (json!({"agentId": null}), "MISSING_REQUIRED_FIELD", "agentId"),
        (json!({"agentId": "register"}), "INVALID_FIELD", "agentId"),
        (json!({"backendUrl": "nowhere"}), "INVALID_FIELD", "backendUrl"),
        (json!({"backendUrl": null}), "MISSING_REQUIRED_FIELD", "backendUrl"),
        (json!({"backendUrl": "http://u:p@h/"}), "INVALID_FIELD", "backendUrl"),
        (json!({"backendUrl": "http://169.254.169.254/"}), "URL_NOT_ALLOWED", "backendUrl"),
        (json!({"backendUrl": "http://10.0.0.1/"}), "URL_NOT_ALLOWED", "backendUrl"),
        (json!({"agentCardUrl": "http://169.254.169.254/c"}), "URL_NOT_ALLOWED", "agentCardUrl"),
        (json!({"backends": [{"url": "http://a"}]}), "INVALID_FIELD", "backends"),
        (
            json!({"backendUrl": null, "backends": [{"url": "http://a", "weight": 0}]}),
            "INVALID_FIELD",
            "backends[0].weight",
        ),
        (
            json!({"backendUrl": null, "backends": [{"url": "http://a/x"}, {"url": "http://b/y"}]}),
            "INVALID_FIELD",
            "backends",
        ),
        (json!({"tags": ["a", 1]}), "INVALID_FIELD", "tags[1]"),
        (json!({"timeouts": {"requestSeconds": 0}}), "INVALID_FIELD", "timeouts.requestSeconds"),
        (json!({"timeouts": {"connectSeconds": 61}}), "INVALID_FIELD", "timeouts.connectSeconds"),
        (json!({"circuitBreaker": {"maxRequests": 0}}), "INVALID_FIELD", "circuitBreaker.maxRequests"),
        (json!({"heartbeat": {"intervalSeconds": 1}}), "MISSING_REQUIRED_FIELD", "heartbeat.missesAllowed"),
        (json!({"status": "asleep"}), "INVALID_FIELD", "status"),
        (json!({"skills": [{"description": "d"}]}), "MISSING_REQUIRED_FIELD", "skills[0].name"),
        (json!({"authConfig": {"type": "magic"}}), "INVALID_AUTH_CONFIG", "authConfig.type"),
        (json!({"authConfig": {}}), "MISSING_AUTH_FIELD", "authConfig.type"),
        (json!({"authConfig": {"type": "none", "token": "x"}}), "UNKNOWN_FIELD", "authConfig.token"),
        (
            json!({"authConfig": {"type": "API_KEY", "apiKey": "k", "headerName": "host"}}),
            "INVALID_AUTH_CONFIG",
            "authConfig.headerName",
        ),
        (
            json!({"authConfig": {"type": "basic", "username": "a:b", "password": "p"}}),
            "INVALID_AUTH_CONFIG",
            "authConfig.username",
        ),
        (json!({"authConfig": {"type": "bearer", "token": "env:OTHER"}}), "UNREADABLE_SECRET", "authConfig.token"),
        (json!({"authConfig": {"type": "bearer", "token": "a\r\nx: y"}}), "INVALID_AUTH_CONFIG", "authConfig.token"),
        (
            json!({"authConfig": {"type": "oauth2_client_credentials", "clientId": "a", "clientSecret": "b"}}),
            "MISSING_AUTH_FIELD",
            "authConfig.tokenUrl",
        ),
    ] {
        check(&scene, more, (400, code, field)).await;
    }
}

#[tokio::test]
async fn every_fault_is_reported_at_once() {
    let scene = Scene::new().await;
    let answer = scene.post(REGISTER, json!({"agentId": "A", "colour": 1, "tags": "x"})).await;
    let faults = answer.json()["error"]["details"]["faults"].clone();
    let mut fields: Vec<&str> =
        faults.as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["agentId", "backendUrl", "colour", "tags"]);
}

#[tokio::test]
async fn a_card_that_is_none_is_refused_and_not_repeated() {
    let scene = Scene::new().await;
    scene.register("weather", json!({"name": "before"})).await;
    let nobody = FakeBackend::closed_url().await;
    check(&scene, json!({"backendUrl": nobody.as_str()}), (422, "BACKEND_UNREACHABLE", "backendUrl")).await;
    for (reply, code) in [
        (Reply::status(404), "AGENT_CARD_NOT_FOUND"),
        (Reply::ok("<html>planted</html>"), "INVALID_AGENT_CARD"),
        (Reply::ok("{\"name\":\"planted\"}"), "INVALID_AGENT_CARD"),
        (Reply::ok(&" ".repeat(300 << 10)), "AGENT_CARD_TOO_LARGE"),
    ] {
        scene.backend.answer(CARD, reply);
        check(&scene, json!({}), (422, code, "backendUrl")).await;
        assert!(!scene.post(REGISTER, scene.record("weather", json!({}))).await.text.contains("planted"));
    }
    let answer = scene.post(REGISTER, scene.record("weather", json!({}))).await;
    assert_eq!(answer.code(), "AGENT_CARD_TOO_LARGE");
}

#[tokio::test]
async fn secrets_are_used_and_never_shown() {
    let scene = Scene::new().await;
    let auth = json!({"type": "api_key", "headerName": "X-Key", "apiKey": "env:TEST_KEY"});
    let answer = scene.register("weather", json!({"authConfig": auth})).await;
    assert!(scene.backend.requests().iter().any(|request| request.contains("x-key: planted-env")));
    let inline = json!({"type": "basic", "username": "u", "password": "planted-inline"});
    scene.register("inline", json!({"authConfig": inline})).await;
    for text in [answer.text, scene.get("/admin/agents").await.text, scene.get("/admin/agents/inline").await.text] {
        assert!(!text.contains("planted") && !text.contains("TEST_KEY"), "{text}");
    }
}

#[tokio::test]
async fn wrong_oauth_credentials_are_found_at_registration() {
    let scene = Scene::new().await;
    scene.backend.answer("/token", Reply::status(401));
    let auth = |id: &str| {
        json!({"authConfig": {"type": "OAuth2_Client_Credentials", "tokenUrl": scene.backend.url("/token").as_str(),
               "clientId": id, "clientSecret": "s", "scopes": "a b"}})
    };
    check(&scene, auth("wrong"), (422, "OAUTH_ERROR", "authConfig.tokenUrl")).await;
    scene
        .backend
        .answer("/token", Reply::ok(r#"{"access_token":"planted-token","token_type":"Bearer","expires_in":"60"}"#));
    scene.register("weather", auth("right")).await;
    assert!(scene.backend.requests().iter().any(|request| request.contains("authorization: Bearer planted-token")));
}

#[tokio::test]
async fn a_status_says_who_changed_it_when_and_why() {
    let scene = Scene::new().await;
    scene.register("weather", json!({"status": "pending"})).await;
    let status = "/admin/agents/weather/status";
    let shown = async || scene.get("/admin/agents/weather").await.json();
    let by = json!({"kind": "caller", "client": "tester", "subject": "tess"});
    assert_eq!(shown().await["status"], "pending");
    assert_eq!(shown().await["statusChange"]["changedBy"], by);
    // A pipeline that registers again does not stand in for whoever approves.
    scene.register("weather", json!({"status": "active"})).await;
    assert_eq!(shown().await["status"], "pending");
    scene.post(status, json!({"status": "active", "reason": "reviewed"})).await;
    let change = json!({"changedBy": by, "changedAt": "2026-01-01T00:00:00Z", "reason": "reviewed"});
    assert_eq!(shown().await["statusChange"], change);
    // Said again, nothing is changed: no generation, no new reason.
    let again = scene.post(status, json!({"status": "active", "reason": "bored"})).await;
    assert_eq!((&again.json()["generation"], &shown().await["statusChange"]), (&json!(2), &change));
}

#[tokio::test]
async fn a_life_goes_one_way() {
    let scene = Scene::new().await;
    scene.register("weather", json!({})).await;
    let status = "/admin/agents/weather/status";
    let back = scene.post(status, json!({"status": "draft"})).await;
    assert_eq!((back.status.as_u16(), back.code().as_str()), (409, "INVALID_STATUS_CHANGE"));
    scene.post(status, json!({"status": "retired"})).await;
    let revived = scene.post(status, json!({"status": "active"})).await;
    assert_eq!((revived.status.as_u16(), revived.code().as_str()), (409, "AGENT_RETIRED"));
    let anew = scene.post("/admin/agents/register", scene.record("weather", json!({}))).await;
    assert_eq!((anew.status.as_u16(), anew.code().as_str()), (409, "AGENT_RETIRED"));
    scene.register("weather", json!({"status": "retired"})).await;
    assert_eq!(scene.delete("/admin/agents/weather").await.status, 200);
    scene.register("weather", json!({})).await;
    assert_eq!(scene.get("/admin/agents/weather").await.json()["status"], "active");
}

#[tokio::test]
async fn callers_know_of_active_agents_only() {
    let scene = Scene::new().await;
    for status in ["draft", "pending", "inactive", "retired"] {
        scene.register("weather", json!({"status": status})).await;
        let card = "/agents/weather/.well-known/agent-card.json";
        assert_eq!(scene.call("weather", Method::GET, card, None).await.status, 404, "{status}");
        assert_eq!(scene.call("weather", Method::GET, "/agents", None).await.json(), json!([]), "{status}");
        scene.delete("/admin/agents/weather").await;
    }
}

#[tokio::test]
async fn a_disabled_agent_stays_disabled_until_its_status_says_otherwise() {
    let scene = Scene::new().await;
    scene.register("weather", json!({})).await;
    let status = "/admin/agents/weather/status";
    let answer = scene.call("admin", Method::PATCH, status, Some(&json!({"status": "inactive"}))).await;
    assert_eq!(answer.json()["newStatus"], "inactive");
    let again = scene.register("weather", json!({"name": "New", "status": "active"})).await;
    assert_eq!(again.json()["agentStatus"], "inactive");
    assert_eq!(scene.get("/admin/agents/weather").await.json()["status"], "inactive");
    assert_eq!(scene.post(status, json!({"status": "active"})).await.status, 200);
    assert_eq!(scene.get("/admin/agents/weather").await.json()["status"], "active");
    let odd = scene.post(status, json!({"status": "asleep"})).await;
    assert_eq!((odd.status.as_u16(), odd.code().as_str(), odd.field().as_str()), (400, "INVALID_STATUS", "status"));
    assert_eq!(scene.post("/admin/agents/none/status", json!({"status": "active"})).await.code(), "AGENT_NOT_FOUND");
}

#[tokio::test]
async fn a_sync_takes_a_good_card_and_keeps_the_last_one_otherwise() {
    let scene = Scene::new().await;
    scene.register("weather", json!({})).await;
    let mut card = samples::modern(scene.backend.url("").as_str().trim_end_matches('/'));
    card["description"] = json!("Renewed");
    scene.backend.answer(CARD, Reply::ok(&card.to_string()).header("etag", "\"v2\""));
    let sync = "/admin/agents/weather/sync";
    let answer = scene.post(sync, json!({})).await.json();
    assert_eq!((&answer["status"], &answer["agentCard"]["description"]), (&json!("synced"), &json!("Renewed")));
    scene.backend.answer(CARD, Reply::status(304));
    assert_eq!(scene.post(sync, json!({})).await.json()["agentCard"]["description"], "Renewed");
    assert!(scene.backend.requests().last().unwrap().contains("if-none-match: \"v2\""));
    scene.backend.answer(CARD, Reply::ok("{\"name\": 5}"));
    let bad = scene.post(sync, json!({})).await;
    assert_eq!((bad.status.as_u16(), bad.code().as_str()), (502, "INVALID_AGENT_CARD"));
    let shown = scene.get("/admin/agents/weather").await.json();
    assert_eq!(shown["agentCard"]["description"], "Renewed");
    assert_eq!(shown["lastSyncError"], "the card is not valid: name must be a string");
    scene.backend.answer(CARD, card_reply(&scene.backend));
    scene.post(sync, json!({})).await;
    assert_eq!(scene.get("/admin/agents/weather").await.json()["lastSyncError"], Value::Null);
}

#[tokio::test]
async fn put_takes_the_id_from_the_path_and_delete_takes_the_agent_away() {
    let scene = Scene::new().await;
    let body = json!({"backendUrl": scene.backend.url("/").as_str()});
    assert_eq!(scene.put("/admin/agents/weather", body.clone()).await.status, 201);
    assert_eq!(scene.put("/admin/agents/weather", scene.record("other", json!({}))).await.field(), "agentId");
    assert_eq!(scene.put("/admin/agents/Weather", body).await.code(), "INVALID_AGENT_ID");
    assert_eq!(scene.delete("/admin/agents/weather").await.json()["generation"], 2);
    assert_eq!(scene.delete("/admin/agents/weather").await.code(), "AGENT_NOT_FOUND");
    assert_eq!(scene.get("/admin/agents/weather").await.status, 404);
}

#[tokio::test]
async fn the_listing_comes_in_pages() {
    let scene = Scene::new().await;
    for id in ["a", "b", "c"] {
        scene.register(id, json!({})).await;
    }
    let page = scene.get("/admin/agents?limit=2").await.json();
    assert_eq!((page["agents"].as_array().unwrap().len(), &page["nextCursor"]), (2, &json!("b")));
    let page = scene.get("/admin/agents?limit=2&cursor=b").await.json();
    assert_eq!((&page["agents"][0]["agentId"], &page["nextCursor"]), (&json!("c"), &Value::Null));
    assert_eq!(scene.get("/admin/agents?limit=0").await.field(), "limit");
    assert_eq!(scene.get("/admin/agents?page=1").await.field(), "page");
}

#[tokio::test]
async fn waiting_with_no_envoy_connected_is_over_at_once() {
    let scene = Scene::new().await;
    let answer = scene.post(&format!("{REGISTER}?wait=applied&timeoutSeconds=60"), scene.record("a", json!({}))).await;
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["applied"], &body["nodes"]), (201, &json!(true), &json!([])));
    for (query, field) in [("wait=soon", "wait"), ("wait=applied&timeoutSeconds=0", "timeoutSeconds"), ("x=1", "x")] {
        let answer = scene.post(&format!("{REGISTER}?{query}"), scene.record("b", json!({}))).await;
        assert_eq!((answer.code().as_str(), answer.field().as_str()), ("INVALID_QUERY", field));
    }
    assert_eq!(scene.get("/admin/agents/b").await.status, 404);
}
