//! Cards as callers see them: fetched, rewritten to the gateway's own URLs in every shape, cached, filtered by permission.

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, Response, backend::CardAnswer, cards::CardShape, door::Door};

fn agent(id: &str, shape: CardShape) -> Backend {
    let backend = Backend::with(Door::Open, CardAnswer::Card(shape));
    Gateway::shared().register(id, &backend);
    backend
}

fn reader(id: &str) -> String {
    Gateway::shared().token(&format!("agents:{id}:read"))
}

fn get(path: &str, token: &str) -> Response {
    Gateway::shared().request("GET", path).bearer(token).send()
}

/// The card names the gateway and nothing of the backend's; returns it.
#[track_caller]
fn check(id: &str, shape: CardShape) -> Value {
    let backend = agent(id, shape);
    let response = get(&format!("/agents/{id}/.well-known/agent-card.json"), &reader(id));
    assert_eq!(response.status, 200, "{}", response.text());
    let text = response.text();
    assert!(!text.contains(&backend.url()), "{text}");
    assert!(
        !text.contains("grpc.internal") && !text.contains("x-backend-key") && !text.contains("c3RhbGU"),
        "the backend's interfaces, scheme and signature are gone: {text}"
    );
    assert_eq!(response.json()["x-unknown"], json!({"kept": [1, 2, 3]}), "unknown fields survive");
    response.json()
}

/// Every URL of an interface list, without the trailing slash that some clients want.
fn urls(list: &Value) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries.map(|entry| entry["url"].as_str().unwrap_or_default().trim_end_matches('/').to_owned()).collect()
}

#[test]
fn a_v1_card_is_rewritten() {
    let card = check("card-v1", CardShape::V1);
    let own = format!("{}/agents/card-v1", Gateway::shared().public_url());
    assert_eq!(urls(&card["supportedInterfaces"]), [own.clone(), own]);
    assert!(card["securitySchemes"].to_string().contains("/oauth2/token"), "{card}");
}

#[test]
fn a_v03_card_is_rewritten() {
    let card = check("card-v03", CardShape::V03);
    let own = format!("{}/agents/card-v03", Gateway::shared().public_url());
    assert_eq!(card["url"].as_str().expect("url").trim_end_matches('/'), own);
    assert_eq!(card["preferredTransport"], "JSONRPC");
    assert!(urls(&card["additionalInterfaces"]).iter().all(|url| *url == own), "{card}");
}

#[test]
fn a_hybrid_card_is_rewritten_in_both_shapes() {
    let card = check("card-hybrid", CardShape::Hybrid);
    let own = format!("{}/agents/card-hybrid", Gateway::shared().public_url());
    let mut all = urls(&card["supportedInterfaces"]);
    all.extend(urls(&card["additionalInterfaces"]));
    all.push(card["url"].as_str().expect("url").trim_end_matches('/').to_owned());
    assert_eq!(all.len(), 5, "{card}");
    assert!(all.iter().all(|url| *url == own), "{card}");
}

#[test]
fn a_card_is_at_all_its_addresses_and_is_not_sent_twice() {
    agent("card-etag", CardShape::V1);
    let token = reader("card-etag");
    let first = get("/agents/card-etag/.well-known/agent-card.json", &token);
    let etag = first.header("etag").expect("an ETag").to_owned();
    for path in ["/agents/card-etag", "/agents/card-etag/"] {
        assert_eq!(get(path, &token).body, first.body, "{path}");
    }
    let request = Gateway::shared().request("GET", "/agents/card-etag").bearer(&token);
    let again = request.header("if-none-match", &etag).send();
    assert_eq!((again.status, again.body.len()), (304, 0));
    let shared = first.header("cache-control").unwrap_or_default();
    assert!(!shared.contains("public"), "a filtered card may not be shared: {shared}");
}

#[test]
fn a_card_needs_permission() {
    agent("card-closed", CardShape::V1);
    assert_eq!(get("/agents/card-closed/.well-known/agent-card.json", &reader("another")).status, 403);
    let open = Gateway::shared().request("GET", "/agents/card-closed/.well-known/agent-card.json").send();
    assert_eq!(open.status, 401);
}

#[test]
fn the_listing_holds_what_the_caller_may_reach() {
    let gateway = Gateway::shared();
    for id in ["listed-one", "listed-two", "listed-three"] {
        agent(id, CardShape::V1);
    }
    let token = gateway.token("agents:listed-one:read agents:listed-three:write");
    let listing = get("/agents", &token);
    assert_eq!(listing.status, 200, "{}", listing.text());
    let cards = listing.json();
    let mut found: Vec<String> =
        cards.as_array().expect("a bare array").iter().flat_map(|card| urls(&card["supportedInterfaces"])).collect();
    found.sort();
    found.dedup();
    assert_eq!(found, ["listed-one", "listed-three"].map(|id| format!("{}/agents/{id}", gateway.public_url())));
    assert_eq!(get("/agents", &gateway.token("agents:none:read")).json(), json!([]));
}

#[test]
fn a_sync_takes_a_new_card_and_keeps_the_old_one_when_it_is_bad() {
    let gateway = Gateway::shared();
    let backend = agent("card-sync", CardShape::V1);
    let name = || get("/agents/card-sync", &reader("card-sync")).json()["name"].clone();
    let mut card = tollgate_tests::cards::card(CardShape::V1, &backend.url());
    card["name"] = json!("Renamed");
    backend.set_card(CardAnswer::Raw(card.to_string().into_bytes()));
    gateway.admin_ok("POST", "/admin/agents/card-sync/sync?wait=applied", None);
    assert_eq!(name(), "Renamed");
    for bad in
        [CardAnswer::Raw(b"{\"name\": 5}".to_vec()), CardAnswer::Status(500), CardAnswer::Raw(vec![b' '; 4 << 20])]
    {
        backend.set_card(bad);
        let response = gateway.admin("POST", "/admin/agents/card-sync/sync", None);
        assert!(response.status >= 400, "{}", response.text());
        assert!(!response.text().contains("planted-body"), "the peer's body is not repeated");
        assert_eq!(name(), "Renamed");
    }
}
