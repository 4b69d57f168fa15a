//! The OpenAPI document against the API: the same paths and methods, the same fields.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::admin::{openapi::DOCUMENT, scene::Scene};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Paths and methods as the handlers' modules declare them.
fn declared() -> BTreeSet<(String, String)> {
    let sources = [
        include_str!("../agents.rs"),
        include_str!("../apply.rs"),
        include_str!("../backup.rs"),
        include_str!("../permissions.rs"),
        include_str!("../clients.rs"),
        include_str!("../issuers.rs"),
        include_str!("../nodes.rs"),
        include_str!("../revocations.rs"),
        include_str!("../openapi.rs"),
        include_str!("../task_keys.rs"),
        include_str!("../usage.rs"),
    ];
    let routes = sources.iter().flat_map(|source| source.split(".route(\"").skip(1));
    let pairs = routes.flat_map(|route| {
        let (path, rest) = route.split_once('"').unwrap();
        let handlers = rest.lines().next().unwrap();
        let methods = METHODS.into_iter().filter(|method| handlers.contains(&format!("{method}(")));
        methods.map(|method| (path.replace("{*", "{"), method.to_owned())).collect::<Vec<_>>()
    });
    pairs.collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let described = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = METHODS.into_iter().filter(|method| item.get(*method).is_some());
        methods.map(|method| (path.clone(), method.to_owned())).collect::<Vec<_>>()
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), declared());
}

#[test]
fn every_reference_resolves() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
                }
                fields.values().for_each(|value| walk(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

/// The schema knows every field of what the API shows.
fn check_shown(schema: &str, shown: &Value) {
    let document = document();
    let known = document["components"]["schemas"][schema]["properties"].as_object().unwrap().clone();
    for field in shown.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{schema} has no {field}");
    }
    let required = &document["components"]["schemas"][schema]["required"];
    for field in required.as_array().into_iter().flatten() {
        assert!(shown.get(field.as_str().unwrap()).is_some(), "{schema}: {field} is not shown");
    }
}

#[tokio::test]
async fn what_the_api_shows_is_described() {
    let scene = Scene::new().await;
    scene.register("a", json!({})).await;
    check_shown("Agent", &scene.get("/admin/agents/a").await.json());
    check_shown("CardVersion", &scene.get("/admin/agents/a/card/versions").await.json()["versions"][0]);
    scene.put("/admin/permissions/s", json!({"agents": ["a"]})).await;
    check_shown("Permission", &scene.get("/admin/permissions/s").await.json());
    scene.post("/admin/clients", json!({"clientId": "c"})).await;
    check_shown("Client", &scene.get("/admin/clients/c").await.json());
    let issuer = json!({"issuer": "i", "audiences": ["a"], "jwks": {"keys": []}});
    scene.put("/admin/issuers/i", issuer).await;
    check_shown("Issuer", &scene.get("/admin/issuers/i").await.json());
    check_shown("Usage", &super::usage::scene().await.get("/admin/usage").await.json()["usage"][0]);
    check_shown("Error", &scene.get("/admin/agents/none").await.json());
}

/// The API knows every field of the schema, and takes no other.
async fn check_taken(scene: &Scene, schema: &str, method: Method, path: &str) {
    let properties = document()["components"]["schemas"][schema]["properties"].as_object().unwrap().clone();
    let mut body = json!({"not-described": 1});
    for field in properties.keys() {
        body[field] = json!({});
    }
    let answer = scene.call("admin", method, path, Some(&body)).await.json();
    let faults = answer["error"]["details"]["faults"].as_array().unwrap().clone();
    let unknown: Vec<&Value> =
        faults.iter().filter(|fault| fault["message"] == "is unknown").map(|fault| &fault["field"]).collect();
    // Of two names for the same, only one may be given.
    let twins = ["allowedAgents"];
    let unknown: Vec<&&Value> = unknown.iter().filter(|field| !twins.contains(&field.as_str().unwrap())).collect();
    assert_eq!(unknown, [&&json!("not-described")], "{schema}");
}

#[tokio::test]
async fn what_is_described_is_taken() {
    let scene = Scene::new().await;
    for (schema, method, path) in [
        ("PermissionInput", Method::PUT, "/admin/permissions/s"),
        ("ClientInput", Method::POST, "/admin/clients"),
        ("IssuerInput", Method::POST, "/admin/issuers"),
        ("ApplyInput", Method::POST, "/admin/apply"),
        ("StatusInput", Method::PATCH, "/admin/agents/a/status"),
        ("RotateInput", Method::POST, "/admin/clients/c/rotate"),
        ("AgentInput", Method::POST, "/admin/agents/register"),
    ] {
        check_taken(&scene, schema, method, path).await;
    }
}
