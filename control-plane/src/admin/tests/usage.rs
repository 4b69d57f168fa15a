//! What the Envoys report, as the API shows it.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use crate::{
    admin::scene::{NOW, Scene},
    quota::{BucketKey, Counts, FleetNode, LeaseHealth, Limit, Micros, Report},
};

fn report(client: &str, agent: &str, admitted: u64) -> Report {
    let key = BucketKey {
        issuer: "https://gw.example".to_owned(),
        client: client.to_owned(),
        agent: agent.to_owned(),
        operations: String::new(),
    };
    let number = |number| NonZeroU32::new(number).unwrap();
    let limit = Some(Limit { requests_per_minute: number(600), burst: number(60) });
    Report { key, limit, held: 0, wanted: 0, demand: 0, counts: Counts { admitted, refused: 1, ..Counts::default() } }
}

/// A scene in which some calls were counted.
pub(super) async fn scene() -> Scene {
    let scene = Scene::new().await;
    let reports = [report("ci", "weather", 5), report("ci", "maps", 50), report("app", "weather", 9)];
    scene.state.usage.count(&reports, Micros::from_seconds(NOW - 5));
    scene
}

async fn check(query: &str, rows: &[(&str, &str)]) {
    let answer = scene().await.get(&format!("/admin/usage{query}")).await.json();
    let shown: Vec<(&str, &str)> = answer["usage"].as_array().unwrap().iter().map(names).collect();
    assert_eq!(shown, rows, "{query}");
}

fn names(row: &Value) -> (&str, &str) {
    (row["clientId"].as_str().unwrap(), row["agentId"].as_str().unwrap())
}

#[tokio::test]
async fn usage_is_listed_sorted_and_filtered() {
    check("", &[("app", "weather"), ("ci", "maps"), ("ci", "weather")]).await;
    check("?sort=requests", &[("ci", "maps"), ("app", "weather"), ("ci", "weather")]).await;
    check("?client=ci", &[("ci", "maps"), ("ci", "weather")]).await;
    check("?agent=weather&client=app", &[("app", "weather")]).await;
    check("?issuer=other", &[]).await;
}

#[tokio::test]
async fn a_row_says_what_became_of_the_requests() {
    let answer = scene().await.get("/admin/usage?client=app").await.json();
    let counts = json!({"requests": 10, "admitted": 9, "refused": 1, "shed": 0, "unauthorized": 0});
    let expected = json!({
        "issuer": "https://gw.example",
        "clientId": "app",
        "agentId": "weather",
        "operations": null,
        "limit": {"requestsPerMinute": 600, "burst": 60},
        "total": counts,
        "lastMinute": counts,
        "lastSeen": "2025-12-31T23:59:55Z",
    });
    assert_eq!(answer, json!({"usage": [expected], "nextCursor": null}));
}

#[tokio::test]
async fn usage_comes_in_pages_in_either_order() {
    let scene = scene().await;
    for (sort, last) in [("", ("ci", "weather")), ("&sort=requests", ("ci", "weather"))] {
        let first = scene.get(&format!("/admin/usage?limit=2{sort}")).await.json();
        assert_eq!(first["usage"].as_array().unwrap().len(), 2);
        let cursor = first["nextCursor"].as_str().unwrap();
        let second = scene.get(&format!("/admin/usage?limit=2{sort}&cursor={cursor}")).await.json();
        assert_eq!(names(&second["usage"][0]), last);
        assert_eq!(second["nextCursor"], Value::Null);
    }
}

#[tokio::test]
async fn an_order_or_filter_that_does_not_exist_is_refused() {
    let scene = scene().await;
    for (query, field) in [("sort=colour", "sort"), ("scope=x", "scope"), ("limit=0", "limit")] {
        let answer = scene.get(&format!("/admin/usage?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.field().as_str()), (400, field));
    }
}

#[tokio::test]
async fn a_nodes_exchanges_are_listed_even_where_it_has_no_stream() {
    let scene = Scene::new().await;
    let said = FleetNode { last_seen: Micros::from_seconds(NOW), lease: LeaseHealth::FairShare };
    scene.state.fleet.heard("edge-1", said);
    let leases = json!([{
        "nodeId": "edge-1", "state": "fair_share", "lastExchange": "2026-01-01T00:00:00Z",
    }]);
    assert_eq!(scene.get("/admin/nodes").await.json(), json!({"generation": 0, "nodes": [], "leases": leases}));
}
