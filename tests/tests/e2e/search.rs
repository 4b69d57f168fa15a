//! Searching through Envoy: each caller finds what it may reach, and nothing tells it of the rest.

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Response, backend::CardAnswer, binaries, cards::CardShape, door::Door, gateway::Settings, wait,
};

fn agent(id: &str, more: &Value) {
    agent_of(Gateway::shared(), id, more);
}

fn agent_of(gateway: &Gateway, id: &str, more: &Value) {
    let backend = Backend::with(Door::Open, CardAnswer::Card(CardShape::V1));
    gateway.register_with(id, &backend, more);
}

fn search(scope: &str, body: &Value) -> Response {
    search_in(Gateway::shared(), scope, body)
}

fn search_in(gateway: &Gateway, scope: &str, body: &Value) -> Response {
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

/// The best three agents for a need, once all of them are ranked by meaning.
fn by_meaning(gateway: &Gateway, need: &str) -> Vec<String> {
    let scope = "agents:umbrella:read agents:payslip:read agents:routes:read agents:tongues:read";
    let answer = wait::until("a search by meaning", || {
        let answer = search_in(gateway, scope, &json!({"query": need, "topK": 3}));
        Some(answer).filter(|answer| answer.json()["mode"] == "semantic" && answer.json()["totalMatches"] == 4)
    });
    found(&answer)
}

#[test]
fn agents_are_found_by_what_they_mean_and_vectors_outlive_a_restart() {
    let model = binaries::search_model().to_string_lossy().into_owned();
    let variables = vec![("TOLLGATE_SEARCH_MODEL_DIR".to_owned(), model)];
    let gateway = Gateway::start(Settings { variables, ..Settings::default() });
    for (id, name, description) in [
        ("umbrella", "Sky Watcher", "Forecasts of rain, wind and temperature for any place."),
        ("payslip", "Payroll Explainer", "Explains deductions, tax and net pay on a monthly payslip."),
        ("routes", "Tour Planner", "Plans delivery tours for trucks with time windows."),
        ("tongues", "Translator", "Translates documents between forty languages."),
    ] {
        agent_of(&gateway, id, &json!({"name": name, "description": description}));
    }
    // No word of it is in any agent. One without a vector yet may stand anywhere.
    let is_first = |id: &str, need: &str| {
        wait::until(need, || Some(by_meaning(&gateway, need)).filter(|found| found[0] == id));
    };
    is_first("umbrella", "will it be sunny or stormy tomorrow");
    is_first("payslip", "why is my salary smaller than I thought");
    gateway.stop_control();
    gateway.restart_control();
    is_first("tongues", "turn a German manual into Japanese");
    agent_of(&gateway, "routes", &json!({"name": "Kitchen", "description": "Cooks soup, and bakes bread and cakes."}));
    is_first("routes", "I am hungry");
}
