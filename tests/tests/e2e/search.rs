//! Searching through Envoy: each caller finds what it may reach, and nothing tells it of the rest.

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, Response, backend::CardAnswer, cards::CardShape, door::Door};

fn agent(id: &str, more: &Value) {
    let backend = Backend::with(Door::Open, CardAnswer::Card(CardShape::V1));
    Gateway::shared().register_with(id, &backend, more);
}

fn search(scope: &str, body: &Value) -> Response {
    let gateway = Gateway::shared();
    gateway.request("POST", "/search").bearer(&gateway.token(scope)).json(body).send()
}

/// Ids of the agents found, best first.
#[track_caller]
fn found(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    let results = body["results"].as_array().expect("results");
    let id = |hit: &Value| {
        let url = hit["agentCard"]["supportedInterfaces"][0]["url"].as_str().expect("a URL").trim_end_matches('/');
        url.rsplit('/').next().unwrap_or_default().to_owned()
    };
    results.iter().map(id).collect()
}

#[test]
fn two_callers_find_what_each_of_them_may_reach() {
    agent("search-plums", &json!({"name": "Plum Picker", "description": "Picks quetsche plums from the tree."}));
    agent("search-jam", &json!({"name": "Jam", "description": "Cooks a quetsche jam, among other jams and jellies."}));
    agent("search-idle", &json!({"name": "Quetsche archive", "status": "inactive"}));
    let all = "agents:search-plums:read agents:search-jam:write agents:search-idle:read";
    let query = json!({"query": "quetsche plum"});
    let both = search(all, &query);
    assert_eq!(found(&both), ["search-plums", "search-jam"]);
    assert_eq!((&both.json()["mode"], &both.json()["totalMatches"]), (&json!("lexical"), &json!(2)));
    let one = search("agents:search-jam:read", &query);
    assert_eq!(found(&one), ["search-jam"]);
    assert_eq!(found(&search("agents:none:read", &query)), [""; 0]);
    agent("search-more", &json!({"name": "Quetsche", "description": "quetsche quetsche plum"}));
    assert_eq!(search("agents:search-jam:read", &query).text(), one.text(), "another's agent changes nothing");
}

#[test]
fn a_search_that_is_wrong_is_told_why() {
    for (body, code) in [
        (json!({}), "MISSING_QUERY"),
        (json!({"query": "x", "topK": 101}), "INVALID_TOP_K"),
        (json!({"query": "x", "more": 1}), "UNKNOWN_FIELD"),
    ] {
        let response = search("agents:none:read", &body);
        assert_eq!((response.status, &response.json()["error"]["code"]), (400, &json!(code)), "{body}");
    }
    let gateway = Gateway::shared();
    let token = gateway.token("agents:none:read");
    let broken = gateway.request("POST", "/search").bearer(&token).header("content-type", "application/json");
    assert_eq!(broken.body("{").send().json()["error"]["code"], "INVALID_JSON");
    assert_eq!(gateway.request("GET", "/search").bearer(&token).send().status, 405);
    assert_eq!(gateway.request("POST", "/search").json(&json!({"query": "x"})).send().status, 401);
}
