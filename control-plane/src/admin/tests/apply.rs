//! What is wanted, applied whole: the differences, what is kept, what goes, and what is refused before anything is written.

use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::{openapi::DOCUMENT, scene::Scene},
    fake_backend::Reply,
};

async fn apply(scene: &Scene, body: Value) -> Value {
    let answer = scene.post("/admin/apply", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// `status created/updated/deleted/unchanged @generation`.
fn outcome(answer: &Value) -> String {
    let count = |name: &str| answer["summary"][name].to_string();
    let counts = [count("created"), count("updated"), count("deleted"), count("unchanged")].join("/");
    format!("{} {counts} @{}", answer["status"].as_str().unwrap(), answer["generation"])
}

fn two(scene: &Scene) -> Value {
    json!({
        "agents": [scene.record("a", json!({"tags": ["x"]})), scene.record("b", json!({}))],
        "permissions": [{"scope": "s", "agents": ["a", "b"], "limit": {"requestsPerMinute": 5}}],
    })
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_says_so() {
    let scene = Scene::new().await;
    assert_eq!(outcome(&apply(&scene, two(&scene)).await), "applied 3/0/0/0 @1");
    assert_eq!(outcome(&apply(&scene, two(&scene)).await), "unchanged 0/0/0/3 @1");
    assert_eq!(scene.get("/admin/agents/a").await.json()["managedBy"], "default");
}

#[tokio::test]
async fn a_change_is_one_write_and_told_field_by_field() {
    let scene = Scene::new().await;
    apply(&scene, two(&scene)).await;
    let mut wanted = two(&scene);
    wanted["agents"][0]["tags"] = json!(["y"]);
    wanted["agents"][0]["timeouts"] = json!({"requestSeconds": 9});
    wanted["permissions"][0]["limit"] = json!({"requestsPerMinute": 5, "burst": 7});
    wanted["dryRun"] = json!(true);
    let planned = apply(&scene, wanted.clone()).await;
    assert_eq!(outcome(&planned), "planned 0/2/0/1 @1");
    wanted["dryRun"] = json!(false);
    let applied = apply(&scene, wanted).await;
    assert_eq!(outcome(&applied), "applied 0/2/0/1 @2");
    assert_eq!(planned["changes"], applied["changes"]);
    let changes = json!([
        {"kind": "agent", "id": "a", "change": "updated", "differences": [
            {"field": "tags", "before": ["x"], "after": ["y"]},
            {"field": "timeouts.requestSeconds", "before": null, "after": 9},
        ]},
        {"kind": "permission", "id": "s", "change": "updated",
         "differences": [{"field": "limit.burst", "before": null, "after": 7}]},
    ]);
    assert_eq!(applied["changes"], changes);
}

#[tokio::test]
async fn one_fault_and_nothing_is_written_and_all_faults_are_told() {
    let scene = Scene::new().await;
    let mut wanted = two(&scene);
    wanted["agents"][1]["colour"] = json!("red");
    wanted["permissions"][0]["limit"] = json!({"requestsPerMinute": 0});
    let refused = scene.post("/admin/apply", wanted).await;
    assert_eq!(refused.status, 400);
    let faults = refused.json()["error"]["details"]["faults"].clone();
    let fields: Vec<&str> = faults.as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["agents[1].colour", "permissions[0].limit.requestsPerMinute", "permissions[0].limit"]);
    // Well formed, and not to be had: the one card that is missing holds up the rest.
    let mut wanted = two(&scene);
    wanted["agents"][1]["agentCardUrl"] = scene.backend.url("/absent").as_str().into();
    let refused = scene.post("/admin/apply", wanted).await;
    assert_eq!((refused.status.as_u16(), refused.field()), (400, "agents[1].agentCardUrl".to_owned()), "{refused:?}");
    assert!(scene.get("/admin/export").await.json()["agents"].as_array().unwrap().is_empty());
    assert_eq!(scene.state.store.registry().generation.get(), 0);
}

#[tokio::test]
async fn a_record_is_there_once() {
    let scene = Scene::new().await;
    let wanted = json!({"agents": [scene.record("a", json!({})), scene.record("a", json!({}))]});
    let refused = scene.post("/admin/apply", wanted).await;
    assert_eq!((refused.code().as_str(), refused.field().as_str()), ("DUPLICATE_RECORD", "agents[1].agentId"));
}

#[tokio::test]
async fn pruning_takes_what_the_same_set_made_and_only_kinds_that_are_listed() {
    let scene = Scene::new().await;
    scene.register("by-hand", json!({})).await;
    apply(&scene, two(&scene)).await;
    apply(&scene, json!({"set": "other", "agents": [scene.record("c", json!({}))]})).await;
    let only_a = || json!([scene.record("a", json!({"tags": ["x"]}))]);
    let nothing = apply(&scene, json!({"agents": only_a()})).await;
    assert_eq!(outcome(&nothing), "unchanged 0/0/0/1 @3");
    let pruned = apply(&scene, json!({"agents": only_a(), "prune": "set"})).await;
    assert_eq!(outcome(&pruned), "applied 0/0/1/1 @4");
    assert_eq!(pruned["changes"][0], json!({"kind": "agent", "id": "b", "change": "deleted", "differences": []}));
    let all = apply(&scene, json!({"agents": only_a(), "prune": "all"})).await;
    assert_eq!(outcome(&all), "applied 0/0/2/1 @5");
    assert_eq!(scene.get("/admin/permissions/s").await.status, 200, "no list of permissions, none is pruned");
    let rows = apply(&scene, json!({"permissions": [], "prune": "set"})).await;
    assert_eq!(outcome(&rows), "applied 0/0/1/0 @6");
}

#[tokio::test]
async fn a_secret_that_is_left_out_is_kept_and_goes_nowhere_else() {
    let scene = Scene::new().await;
    let auth = |more: Value| {
        let mut auth = json!({"type": "bearer"});
        auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"authConfig": auth})
    };
    let agents = |record: Value| json!({"agents": [record]});
    let missing = scene.post("/admin/apply", agents(scene.record("a", auth(json!({}))))).await;
    assert_eq!(missing.field(), "agents[0].authConfig.token");
    let made = apply(&scene, agents(scene.record("a", auth(json!({"token": "planted-one"}))))).await;
    assert!(!made.to_string().contains("planted"), "{made}");
    let kept = apply(&scene, agents(scene.record("a", auth(json!({}))))).await;
    assert_eq!(outcome(&kept), "unchanged 0/0/0/1 @1");
    let other = apply(&scene, agents(scene.record("a", auth(json!({"token": "planted-two"}))))).await;
    assert_eq!(other["changes"][0]["differences"], json!([{"field": "authConfig.token", "secret": "changed"}]));
    let mut elsewhere = scene.record("a", auth(json!({})));
    elsewhere["backendUrl"] = "http://127.0.0.1:1/".into();
    let refused = scene.post("/admin/apply", agents(elsewhere)).await;
    assert_eq!(refused.field(), "agents[0].authConfig.token");
    assert!(refused.text.contains("the stored one was given for other places"), "{}", refused.text);
    let token = r#"{"access_token":"t","token_type":"Bearer","expires_in":60}"#;
    scene.backend.answer("/token", Reply::ok(token));
    let oauth = |path: &str, more: Value| {
        let mut auth = json!({"type": "oauth2_client_credentials", "clientId": "c", "scopes": ["s"],
            "tokenUrl": scene.backend.url(path).as_str()});
        auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        agents(scene.record("o", json!({"authConfig": auth})))
    };
    apply(&scene, oauth("/token", json!({"clientSecret": "planted-three"}))).await;
    assert_eq!(outcome(&apply(&scene, oauth("/token", json!({}))).await), "unchanged 0/0/0/1 @3");
    let refused = scene.post("/admin/apply", oauth("/other", json!({}))).await;
    assert_eq!(refused.field(), "agents[0].authConfig.clientSecret");
    let asked = scene.backend.requests();
    assert!(asked.iter().filter(|it| it.contains("Bearer planted-one")).count() >= 2, "the kept secret is used");
}

#[tokio::test]
async fn a_changed_card_is_noticed_and_a_lost_one_is_no_failure() {
    let scene = Scene::new().await;
    apply(&scene, two(&scene)).await;
    let well_known = "/.well-known/agent-card.json";
    let mut card: Value =
        serde_json::from_str(&scene.call("a", Method::GET, "/agents/a/.well-known/agent-card.json", None).await.text)
            .unwrap();
    card["url"] = scene.backend.url("/").as_str().into();
    card["additionalInterfaces"] = Value::Null;
    card["description"] = "another".into();
    scene.backend.answer(well_known, Reply::ok(&card.to_string()));
    let changed = apply(&scene, two(&scene)).await;
    assert_eq!(outcome(&changed), "applied 0/2/0/1 @2");
    let differences = &changed["changes"][0]["differences"];
    assert_eq!(differences[0], json!({"field": "agentCard", "before": "version 1", "after": "version 2"}));
    scene.backend.answer(well_known, Reply::status(500));
    let lost = apply(&scene, two(&scene)).await;
    assert_eq!((outcome(&lost).as_str(), lost["warnings"].as_array().unwrap().len()), ("unchanged 0/0/0/3 @2", 2));
}

#[tokio::test]
async fn a_status_that_is_said_is_followed_and_one_that_is_not_stays() {
    let scene = Scene::new().await;
    apply(&scene, two(&scene)).await;
    let set = |status: &str| scene.post("/admin/agents/a/status", json!({"status": status}));
    set("inactive").await;
    assert_eq!(outcome(&apply(&scene, two(&scene)).await), "unchanged 0/0/0/3 @2");
    let mut wanted = two(&scene);
    wanted["agents"][0]["status"] = "active".into();
    let revived = apply(&scene, wanted.clone()).await;
    let differences = &revived["changes"][0]["differences"];
    assert_eq!(*differences, json!([{"field": "status", "before": "inactive", "after": null}]));
    wanted["agents"][0]["status"] = "draft".into();
    let refused = scene.post("/admin/apply", wanted).await;
    assert_eq!(refused.field(), "agents[0].status");
    set("retired").await;
    let refused = scene.post("/admin/apply", two(&scene)).await;
    assert_eq!((refused.code().as_str(), refused.field().as_str()), ("AGENT_RETIRED", "agents[0].status"));
}

/// A record in which every field of the schema is said.
fn full(scene: &Scene) -> Value {
    let grpc = scene.backend.url("/");
    json!({
        "agentId": "full", "name": "N", "description": "D", "backends": [
            {"url": scene.backend.url("/").as_str(), "priority": 1, "weight": 3},
        ],
        "agentCardUrl": scene.backend.url("/.well-known/agent-card.json").as_str(),
        "authConfig": {"type": "api_key", "headerName": "x-key", "apiKey": "env:TEST_KEY"},
        "cardSignatures": {"policy": "ignore", "jwks": {"keys": []}},
        "capabilities": ["c"], "tags": ["t"], "listed": "public",
        "skills": [{"name": "s", "description": "d", "instructions": "i", "tools": ["x"]}],
        "healthEndpoint": "/healthz", "healthCheck": {"intervalSeconds": 7, "timeoutSeconds": 2, "unhealthyThreshold": 4, "healthyThreshold": 1}, "heartbeat": {"intervalSeconds": 30, "missesAllowed": 2},
        "timeouts": {"requestSeconds": 10, "streamIdleSeconds": 20, "connectSeconds": 3},
        "circuitBreaker": {"maxRequests": 7, "maxPendingRequests": 8, "maxConnections": 9}, "maxConcurrent": 4,
        "translation": "off", "taskIsolation": "caller",
        "webhooks": {"mode": "checked", "allowHttp": true, "hosts": ["h"]},
        "grpcUrl": grpc.as_str(), "identityHeaders": true, "status": "inactive",
    })
}

#[tokio::test]
async fn what_is_exported_is_what_was_said_and_applied_again_changes_nothing() {
    let scene = Scene::new().await;
    let secret = json!({"authConfig": {"type": "basic", "username": "u", "password": "planted"}});
    let row =
        json!({"scope": "s", "agents": [], "operations": ["read"], "limit": {"unlimited": true}, "maxConcurrent": 2});
    let wanted = json!({"agents": [full(&scene), scene.record("plain", secret)], "permissions": [row]});
    apply(&scene, wanted).await;
    let exported = scene.get("/admin/export").await;
    assert!(!exported.text.contains("planted"), "{}", exported.text);
    let exported = exported.json();
    let expected = full(&scene);
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(exported["agents"][0][field], *value, "{field}");
    }
    assert_eq!(exported["agents"][1]["authConfig"], json!({"type": "basic", "username": "u"}));
    assert_eq!(exported["permissions"][0], row_again());
    assert_eq!(exported["withheldSecrets"], json!([{"agentId": "plain", "field": "authConfig.password"}]));
    let body = json!({"agents": exported["agents"], "permissions": exported["permissions"], "prune": "all"});
    assert_eq!(outcome(&apply(&scene, body).await), "unchanged 0/0/0/3 @1");
}

fn row_again() -> Value {
    json!({"scope": "s", "agents": [], "operations": ["read"], "limit": {"unlimited": true}, "maxConcurrent": 2})
}

/// A field that is added to registrations, and not here, would be lost by every export.
#[tokio::test]
async fn every_field_of_a_registration_is_exported() {
    let scene = Scene::new().await;
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let known = document["components"]["schemas"]["AgentInput"]["properties"].as_object().unwrap().clone();
    apply(&scene, json!({"agents": [full(&scene)]})).await;
    let exported = scene.get("/admin/export").await.json();
    let twins = ["displayName", "backendUrl"];
    let lost: Vec<&String> = known
        .keys()
        .filter(|field| !twins.contains(&field.as_str()) && exported["agents"][0].get(field.as_str()).is_none())
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test]
async fn a_backup_is_streamed_and_whole() {
    let scene = Scene::new().await;
    apply(&scene, two(&scene)).await;
    let answer = scene.get("/admin/backup").await;
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"tollgate-1.backup\"");
    let whole = crate::backup::read(answer.text.as_bytes()).unwrap();
    assert_eq!((whole.header.generation.get(), whole.header.records), (1, 3));
}
