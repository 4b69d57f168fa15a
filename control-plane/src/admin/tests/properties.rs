//! Bodies that no test author thought of: whatever is sent, the API answers, and by 4xx unless it took it.

use http::Method;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::admin::scene::Scene;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop_oneof![Just("none"), Just("bearer"), Just("basic"), Just("api_key"), Just("active"), Just("env:X")]
            .prop_map(Value::from),
        Just(Value::from("http://169.254.169.254/")),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_field(), inner), 0..5).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn any_field() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 45] = [
        "agentId",
        "name",
        "displayName",
        "tags",
        "skills",
        "backends",
        "backendUrl",
        "agentCardUrl",
        "authConfig",
        "type",
        "token",
        "apiKey",
        "headerName",
        "username",
        "password",
        "tokenUrl",
        "scopes",
        "url",
        "weight",
        "heartbeat",
        "intervalSeconds",
        "timeouts",
        "requestSeconds",
        "circuitBreaker",
        "maxRequests",
        "status",
        "healthEndpoint",
        "agents",
        "allowedAgents",
        "operations",
        "limit",
        "requestsPerMinute",
        "burst",
        "unlimited",
        "scope",
        "issuer",
        "audiences",
        "algorithms",
        "claims",
        "client",
        "jwks",
        "jwksUrl",
        "jwksFile",
        "keys",
        "overlapSeconds",
    ];
    prop_oneof![8 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => ".{0,6}"]
}

#[test]
fn whatever_is_sent_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(Scene::new());
    let paths = [
        (Method::POST, "/admin/agents/register"),
        (Method::PUT, "/admin/agents/weather"),
        (Method::PUT, "/admin/permissions/s"),
        (Method::POST, "/admin/issuers"),
        (Method::PATCH, "/admin/agents/weather/status"),
        (Method::POST, "/admin/clients/none/rotate"),
    ];
    let body = prop::collection::vec((any_field(), any_value()), 0..12)
        .prop_map(|fields| Value::Object(Map::from_iter(fields)));
    proptest!(|(body in prop_oneof![9 => body, 1 => any_value()])| {
        for (method, path) in &paths {
            let answer = runtime.block_on(scene.call("admin", method.clone(), path, Some(&body)));
            prop_assert!(answer.status.is_success() || answer.status.is_client_error(), "{path} {body}: {answer:?}");
            prop_assert!(answer.status.is_success() || !answer.code().is_empty(), "{path} {body}: {answer:?}");
        }
    });
}
