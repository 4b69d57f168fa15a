//! Documents: what is accepted, and that every fault of one is told with its path.

use serde_json::{Value, json};

use super::*;
use crate::limit::Limit;
use crate::token::tests::signer::Signer;

/// A small document that is accepted, with `changes` merged into its top level.
pub(crate) fn document(changes: &Value) -> Value {
    let mut document = json!({
        "version": 1,
        "gateway": {"publicUrl": "https://gw.example", "host": "gateway", "controlPlaneCluster": "tollgate-control-plane"},
        "issuers": [{"issuer": crate::token::tests::ISSUER, "audiences": ["gateway"], "jwks": {"keys": []}}],
        "agents": [{"id": "weather"}, {"id": "calculator", "rpc": "/a2a/rpc", "rest": "/a2a", "identity": true, "timeoutMs": 5000, "streamIdleMs": 60000}],
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

fn parse(changes: &Value) -> Result<Policy, ConfigError> {
    Policy::parse(document(changes).to_string().as_bytes())
}

/// The paths of the faults that `changes` bring.
fn check(changes: &Value, expect: &[&str]) {
    let faults = parse(changes).unwrap_err().faults;
    assert_eq!(faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), expect, "{faults:?}");
}

#[test]
fn a_small_document_is_a_policy() {
    let policy = parse(&json!({"generation": 7})).unwrap();
    assert_eq!(policy.generation(), 7);
    assert_eq!(&**policy.agent("weather").unwrap().cluster(), "agent-weather");
    assert!(policy.agent("Weather").is_none());
}

#[test]
fn faults_of_shape_name_their_place() {
    check(&json!({"agents": [{"id": "weather", "colour": "red"}]}), &["agents[0].colour"]);
    check(&json!({"agents": [{"id": "Weather"}]}), &["agents[0].id"]);
    check(&json!({"gateway": {}}), &["gateway"]);
    check(&json!({"extra": 1}), &["extra"]);
    check(
        &json!({"permissions": [{"scope": "s", "limit": {"requestsPerMinute": -1}}]}),
        &["permissions[0].limit.requestsPerMinute"],
    );
}

#[test]
fn tasks_are_kept_apart_or_the_document_is_refused() {
    check(&json!({"agents": [{"id": "a", "taskIsolation": "caller"}]}), &["agents[0].translated"]);
    let agents = json!([{"id": "a", "taskIsolation": "caller", "translated": "t"}]);
    check(&json!({"gateway": {"publicUrl": "https://gw.example"}, "agents": agents}), &["agents[0].taskIsolation"]);
    assert!(parse(&json!({"agents": agents})).is_ok());
}

#[test]
fn faults_of_meaning_are_told_all_at_once() {
    let changes = json!({
        "version": 2,
        "gateway": {"publicUrl": "https://gw.example/", "maxBodyBytes": 0},
        "defaultLimit": {"requestsPerMinute": 0},
        "permissions": [
            {"scope": "gateway:admin"},
            {"scope": "s", "agents": ["we*", "We"], "limit": {}, "operationLimits": {"read": {"burst": 1}}, "maxConcurrent": 0},
            {"scope": "s"},
        ],
        "agents": [{"id": "a", "rpc": "rpc", "rest": "/x/", "cluster": "", "timeoutMs": 0, "maxConcurrent": 0}, {"id": "b"}, {"id": "b"}],
    });
    check(
        &changes,
        &[
            "version",
            "defaultLimit",
            "gateway.publicUrl",
            "gateway.maxBodyBytes",
            "permissions[0].scope",
            "permissions[1].agents[1]",
            "permissions[1].limit",
            "permissions[1].operationLimits.read",
            "permissions[1].maxConcurrent",
            "permissions[2].scope",
            "agents[0].cluster",
            "agents[0].rpc",
            "agents[0].rest",
            "agents[0].timeoutMs",
            "agents[0].maxConcurrent",
            "agents[2].id",
        ],
    );
}

#[test]
fn no_name_may_stand_twice_anywhere() {
    let text = document(&json!({})).to_string();
    let twice = |from: &str, to: &str| Policy::parse(text.replacen(from, to, 1).as_bytes()).is_err();
    assert!(twice(r#""version":1"#, r#""version":1,"version":1"#));
    assert!(twice(r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#));
    assert!(twice(r#"{"id":"weather"}"#, r#"{"id":"weather","id":"x"}"#));
    assert!(Policy::parse(format!("{text} x").as_bytes()).is_err());
}

#[test]
fn a_document_written_out_reads_back() {
    let policy: PolicyDocument = serde_json::from_value(document(&json!({"generation": 3}))).unwrap();
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<PolicyDocument>(&text).unwrap(), policy);
}

#[test]
fn callers_see_the_agents_on_which_they_hold_anything() {
    let rows = json!([{"scope": "calc", "agents": ["calc*"], "operations": ["read"]}, {"scope": "none"}]);
    let policy = parse(&json!({"permissions": rows})).unwrap();
    let visible = |scopes: &[&str]| {
        let caller = Caller::sample("app", scopes);
        let mut ids: Vec<String> = policy.visible_agents(&caller).map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    assert_eq!(visible(&["calc", "none"]), ["calculator"]);
    assert_eq!(visible(&["agents:weather:push", "calc"]), ["calculator", "weather"]);
    assert!(visible(&["gateway:admin", "agents:weathe:read", "agents:*:read", "agents:weather:admin"]).is_empty());
}

#[test]
fn the_most_generous_row_that_grants_the_agent_sets_the_limit() {
    let row = |scope: &str, agents: &str, rate: u32| json!({"scope": scope, "agents": [agents], "limit": {"requestsPerMinute": rate}});
    let rows = json!([row("low", "weather", 10), row("high", "w*", 50), row("other", "calculator", 900)]);
    let policy = parse(&json!({"permissions": rows, "defaultLimit": {"unlimited": true}})).unwrap();
    let limit = |scopes: &[&str]| policy.grants(&Caller::sample("app", scopes), "weather").limits.shared.unwrap();
    let per_minute = |rate: u32| {
        let rate = rate.try_into().unwrap();
        Limit::Bucket { requests_per_minute: rate, burst: rate }
    };
    assert_eq!(limit(&["low", "high", "other"]), per_minute(50));
    assert_eq!(limit(&["low", "other"]), per_minute(10));
    assert_eq!(limit(&["agents:weather:read", "other"]), Limit::Unlimited);
}

#[test]
fn ten_thousand_agents_are_read() {
    let agents: Vec<Value> =
        (0..10_000).map(|n| json!({"id": format!("agent-{n}"), "rpc": "/rpc", "rest": "/rest"})).collect();
    let signer = Signer::ed25519("k");
    let issuers = json!([{"issuer": "i", "audiences": ["a"], "jwks": {"keys": [signer.jwk]}}]);
    let policy = parse(&json!({"agents": agents, "issuers": issuers})).unwrap();
    assert!(policy.agent("agent-9999").is_some());
}
