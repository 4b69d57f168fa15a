//! How agents are found through the real Envoy: the listing narrowed, paged and tagged; the open catalogue and the cards it leads to; cards
//! that keep themselves current; sources that propose agents.

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Response,
    backend::CardAnswer,
    cards::{CardShape, card},
    door::Door,
    gateway::Settings,
    wait,
};

const CATALOG: &str = "/.well-known/ai-catalog.json";

fn register(id: &str, more: &Value) {
    Gateway::shared().register_with(id, &Backend::start(), more);
}

fn get(path: &str, token: &str) -> Response {
    Gateway::shared().request("GET", path).bearer(token).send()
}

fn anonymous(path: &str) -> Response {
    Gateway::shared().request("GET", path).send()
}

/// The ids in a page of the listing.
fn ids(page: &Response) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let prefix = format!("{}/agents/", Gateway::shared().public_url());
    let cards = page.json();
    let url = |card: &Value| card["supportedInterfaces"][0]["url"].as_str().expect("a URL").to_owned();
    cards.as_array().expect("a bare array").iter().map(|card| url(card).replace(&prefix, "")).collect()
}

#[test]
fn the_listing_is_narrowed_paged_and_tagged() {
    for (id, more) in [
        ("find-a", json!({"tags": ["red"], "skills": [{"name": "Sums", "tools": ["add"]}]})),
        ("find-b", json!({"tags": ["red", "blue"]})),
        ("find-c", json!({"tags": ["red"]})),
        ("find-hidden", json!({"tags": ["red"]})),
    ] {
        register(id, &more);
    }
    let token = Gateway::shared().token("agents:find-a:read agents:find-b:read agents:find-c:write");
    assert_eq!(ids(&get("/agents?tag=red&tag=blue", &token)), ["find-b"]);
    assert_eq!(ids(&get("/agents?skill=Sums", &token)), ["find-a"]);
    assert_eq!(ids(&get("/agents?skill=echo&status=active&capability=streaming&limit=1", &token)).len(), 1);
    let mut page = get("/agents?tag=red&limit=1", &token);
    let mut seen = ids(&page);
    // One that was there goes and one comes, behind the reader and before it.
    register("find-aa", &json!({"tags": ["red"]}));
    Gateway::shared().admin_ok("DELETE", "/admin/agents/find-a?wait=applied", None);
    while let Some(link) = page.header("link").map(str::to_owned) {
        let path = link.strip_prefix('<').and_then(|link| link.split_once('>')).expect("RFC 8288").0;
        assert!(path.ends_with(page.header("x-next-cursor").expect("beside the link")), "{path}");
        page = get(path, &token);
        seen.extend(ids(&page));
    }
    assert_eq!(seen, ["find-a", "find-b", "find-c"]);
    for (query, field) in [("limit=0", "limit"), ("cursor=%21", "cursor"), ("color=red", "color"), ("skill=", "skill")]
    {
        let refused = get(&format!("/agents?{query}"), &token);
        assert_eq!((refused.status, &refused.json()["error"]["details"]["field"]), (400, &json!(field)), "{query}");
    }
    let first = get("/agents?tag=red", &token);
    let etag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(
        (first.header("cache-control"), first.header("vary")),
        (Some("private, no-cache"), Some("authorization"))
    );
    let again = |token: &str| {
        let request = Gateway::shared().request("GET", "/agents?tag=red").bearer(token);
        request.header("if-none-match", &etag).send()
    };
    assert_eq!((again(&token).status, again(&token).body.len()), (304, 0));
    assert_eq!(again(&Gateway::shared().token("agents:find-b:read")).status, 200, "another caller's view");
}

#[test]
fn the_catalogue_and_the_cards_in_it_are_open_and_everything_else_is_not() {
    register("open-agent", &json!({"listed": "public"}));
    register("closed-agent", &json!({}));
    let catalog = anonymous(CATALOG);
    assert_eq!(catalog.status, 200, "{}", catalog.text());
    assert_eq!(catalog.header("content-type"), Some("application/ai-catalog+json"));
    assert_eq!(catalog.header("access-control-allow-origin"), Some("*"));
    assert!(!catalog.text().contains("closed-agent"), "{}", catalog.text());
    let entries = catalog.json()["entries"].clone();
    let [entry] = &entries.as_array().expect("a list")[..] else { panic!("{entries}") };
    let url = entry["url"].as_str().expect("a URL");
    let path = url.strip_prefix(&Gateway::shared().public_url()).expect("of this gateway");
    let card = anonymous(path);
    assert_eq!(card.status, 200, "{}", card.text());
    assert_eq!(card.body, get(path, &Gateway::shared().token("agents:open-agent:read")).body, "the same card");
    assert_eq!(entry["displayName"], card.json()["name"]);
    for (method, path, status) in [
        ("GET", "/agents/closed-agent", 401),
        ("GET", "/agents/open-agent/extendedAgentCard", 401),
        ("GET", "/agents/open-agent/tasks/t", 401),
        ("POST", "/agents/open-agent", 401),
        ("GET", "/agents", 401),
        ("POST", CATALOG, 401),
    ] {
        assert_eq!(Gateway::shared().request(method, path).send().status, status, "{method} {path}");
    }
    let tag = catalog.header("etag").expect("a tag").to_owned();
    assert_eq!(Gateway::shared().request("GET", CATALOG).header("if-none-match", &tag).send().status, 304);
    let status = json!({"status": "inactive"});
    Gateway::shared().admin_ok("PATCH", "/admin/agents/open-agent/status?wait=applied", Some(&status));
    assert_eq!(anonymous("/agents/open-agent").status, 401, "there for nobody");
    assert_eq!(anonymous(CATALOG).json()["entries"], json!([]));
    Gateway::shared().assert_no_trap();
}

#[test]
fn skills_of_the_record_come_with_the_card() {
    let skill = json!({"name": "Sums", "description": "Adds.", "instructions": "Give two numbers.", "tools": ["add"]});
    register("skilled", &json!({"skills": [skill]}));
    let card = get("/agents/skilled", &Gateway::shared().token("agents:skilled:read")).json();
    let extensions = card["capabilities"]["extensions"].as_array().expect("extensions");
    let ours = extensions.iter().find(|it| it["uri"] == "urn:tollgate:a2a:skills:v1").expect("ours");
    assert_eq!((&ours["params"]["skills"], &ours["required"]), (&json!([skill]), &json!(false)));
}

#[test]
fn a_card_that_changes_is_noticed_without_anybody_asking() {
    let more = "[cards]\nsync_interval_seconds = 1\n".to_owned();
    let gateway = Gateway::start(Settings { more, ..Settings::default() });
    let backend = Backend::start();
    gateway.register("own", &backend);
    let mut changed = card(CardShape::V1, &backend.url());
    changed["name"] = json!("Renamed");
    backend.set_card(CardAnswer::Raw(changed.to_string().into_bytes()));
    let token = gateway.token("agents:own:read");
    wait::until("the new card", || {
        let card = gateway.request("GET", "/agents/own").bearer(&token).send().json();
        (card["name"] == "Renamed").then_some(())
    });
    backend.set_card(CardAnswer::Status(500));
    wait::until("the mark on the record", || {
        gateway.admin_ok("GET", "/admin/agents/own", None)["lastSyncError"].as_str().map(str::to_owned)
    });
    assert_eq!(gateway.request("GET", "/agents/own").bearer(&token).send().json()["name"], "Renamed");
}

#[test]
fn a_source_proposes_an_agent_that_is_callable_once_it_is_approved() {
    let found = Backend::with(Door::Open, CardAnswer::Card(CardShape::V1));
    let at = format!("{}/.well-known/agent-card.json", found.url());
    let catalog = json!({"specVersion": "1.0", "entries": [
        {"identifier": "urn:air:a:a2a:found", "type": "application/a2a-agent-card+json", "url": at},
        {"identifier": "urn:air:a:a2a:meta", "type": "application/a2a-agent-card+json", "url": "http://169.254.169.254/card"},
    ]});
    let source = Backend::with(Door::Open, CardAnswer::Raw(catalog.to_string().into_bytes()));
    let place = format!("{}/.well-known/agent-card.json", source.url());
    let more = format!("[discovery]\nsources = [\"{place}\"]\n");
    let gateway = Gateway::start(Settings { more, ..Settings::default() });
    let pending = wait::until("a proposal", || {
        let listed = gateway.admin_ok("GET", "/admin/agents?status=pending", None);
        listed["agents"].as_array().and_then(|agents| agents.first().cloned())
    });
    assert_eq!(pending["proposedBy"], place);
    let id = pending["agentId"].as_str().expect("an id").to_owned();
    let token = gateway.token(&format!("agents:{id}:read agents:{id}:write"));
    let call = || gateway.rpc(&id, "SendMessage").bearer(&token).send();
    assert_eq!(call().status, 404, "a pending agent is none");
    assert_eq!(gateway.request("GET", "/agents").bearer(&token).send().json(), json!([]));
    assert!(found.calls().is_empty());
    let status = json!({"status": "active"});
    gateway.admin_ok("PATCH", &format!("/admin/agents/{id}/status?wait=applied"), Some(&status));
    assert_eq!(call().status, 200, "{}", call().text());
    let sources = gateway.admin_ok("GET", "/admin/sources", None);
    assert_eq!(sources["sources"][0]["skipped"][0]["url"], "http://169.254.169.254/card");
}
