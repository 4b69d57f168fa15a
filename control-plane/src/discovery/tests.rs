//! Listing, cards and metadata over a real store.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::{
    admin::scene::{Answer, NOW, Scene},
    domain::{Agent, Card, CardPaths, Registry},
    store::Change,
};

async fn get(scene: &Scene, token: &str, path: &str) -> Answer {
    scene.call(token, Method::GET, path, None).await
}

/// Agents listed for this caller, by the URL of their cards.
async fn check(scene: &Scene, token: &str, path: &str, expect: &[&str]) -> Answer {
    let answer = get(scene, token, path).await;
    let cards = answer.json();
    let urls: Vec<&str> = cards.as_array().unwrap().iter().map(|card| card["url"].as_str().unwrap()).collect();
    let expect: Vec<String> = expect.iter().map(|id| format!("https://gw.example/agents/{id}")).collect();
    assert_eq!(urls, expect, "{path} as {token}");
    answer
}

async fn populated() -> Scene {
    let scene = Scene::new().await;
    scene.register("alpha", json!({"tags": ["red"], "capabilities": ["forecast"]})).await;
    scene.register("beta", json!({"tags": ["red", "blue"]})).await;
    scene.register("gamma", json!({"status": "inactive"})).await;
    scene
}

#[tokio::test]
async fn the_listing_holds_active_agents_that_the_caller_may_reach() {
    let scene = populated().await;
    check(&scene, "alpha beta gamma", "/agents", &["alpha", "beta"]).await;
    check(&scene, "beta", "/agents/", &["beta"]).await;
    check(&scene, "admin", "/agents", &[]).await;
}

#[tokio::test]
async fn the_listing_can_be_narrowed_and_paged() {
    let scene = populated().await;
    let all = "alpha beta";
    check(&scene, all, "/agents?tag=blue", &["beta"]).await;
    check(&scene, all, "/agents?tag=red&tag=blue", &["beta"]).await;
    check(&scene, all, "/agents?tag=weather", &["alpha", "beta"]).await;
    check(&scene, all, "/agents?capability=forecast", &["alpha"]).await;
    check(&scene, all, "/agents?capability=streaming", &["alpha", "beta"]).await;
    check(&scene, all, "/agents?capability=pushNotifications", &[]).await;
    let page = check(&scene, all, "/agents?limit=1", &["alpha"]).await;
    let cursor = page.header("x-next-cursor");
    assert_eq!(page.header("link"), format!("</agents?limit=1&cursor={cursor}>; rel=\"next\""));
    let last = check(&scene, all, &format!("/agents?limit=1&cursor={cursor}"), &["beta"]).await;
    assert_eq!((last.header("link"), last.header("x-next-cursor")), ("", ""));
    check(&scene, all, "/agents?skill=now", &["alpha", "beta"]).await;
    check(&scene, all, "/agents?skill=now&tag=blue&status=active", &["beta"]).await;
    check(&scene, "alpha gamma", "/agents?status=inactive", &[]).await;
    for (query, field) in [
        ("limit=x", "limit"),
        ("limit=1&limit=1", "limit"),
        ("cursor=alpha!", "cursor"),
        ("status=lost", "status"),
        ("tag=", "tag"),
        ("colour=red", "colour"),
    ] {
        let answer = get(&scene, all, &format!("/agents?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.field().as_str()), (400, field), "{query}");
    }
}

#[tokio::test]
async fn nothing_in_a_page_tells_of_agents_that_the_caller_may_not_see() {
    let scene = populated().await;
    let alone = check(&scene, "alpha", "/agents?limit=1", &["alpha"]).await;
    assert_eq!((alone.header("link"), alone.header("x-next-cursor")), ("", ""), "beta is none of its business");
    let before = alone.header("etag").to_owned();
    scene.register("aardvark", json!({})).await;
    scene.register("zebra", json!({})).await;
    let after = check(&scene, "alpha", "/agents?limit=1", &["alpha"]).await;
    assert_eq!((after.header("etag"), after.header("link")), (before.as_str(), ""));
}

async fn get_if_none_match(scene: &Scene, token: &str, path: &str, tag: &str) -> Answer {
    let request = Request::builder().uri(path).header("authorization", format!("Bearer {token}"));
    scene.send(request.header("if-none-match", tag).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_listing_that_the_caller_has_is_not_sent_again() {
    let scene = populated().await;
    let all = "alpha beta";
    let first = get(&scene, all, "/agents").await;
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"'), "strong: {etag}");
    assert_eq!((first.header("cache-control"), first.header("vary")), ("private, no-cache", "authorization"));
    for (tag, status) in [(etag.as_str(), 304), ("\"x\", *", 304), ("\"x\"", 200)] {
        let answer = get_if_none_match(&scene, all, "/agents", tag).await;
        assert_eq!((answer.status.as_u16(), answer.text.is_empty()), (status, status == 304), "{tag}");
        assert_eq!(answer.header("etag"), etag);
        assert_eq!((answer.header("cache-control"), answer.header("vary")), ("private, no-cache", "authorization"));
    }
    assert_eq!(get(&scene, "beta alpha", "/agents").await.header("etag"), etag, "the same view");
    for (token, path) in [("alpha", "/agents"), (all, "/agents?tag=blue"), (all, "/agents?limit=1")] {
        let other = get_if_none_match(&scene, token, path, &etag).await;
        assert_eq!(other.status, 200, "{token} {path}");
    }
    let page = get(&scene, all, "/agents?limit=1").await;
    let again = get_if_none_match(&scene, all, "/agents?limit=1", page.header("etag")).await;
    assert_eq!((again.status.as_u16(), again.header("link")), (304, page.header("link")));
    scene.register("beta", json!({"skills": [{"name": "new"}]})).await;
    assert_eq!(get_if_none_match(&scene, all, "/agents", &etag).await.status, 200, "a card changed");
}

#[tokio::test]
async fn a_card_is_the_same_at_each_of_its_places() {
    let scene = populated().await;
    let first = get(&scene, "alpha", "/agents/alpha/.well-known/agent-card.json").await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (200, "application/json"));
    for path in ["/agents/alpha", "/agents/alpha/"] {
        assert_eq!(get(&scene, "alpha", path).await.text, first.text);
    }
    assert_eq!(first.header("cache-control"), "private, max-age=60");
    assert_eq!(first.header("vary"), "authorization");
    assert!(!first.text.contains("127.0.0.1"), "{}", first.text);
}

#[tokio::test]
async fn a_card_that_the_caller_has_is_not_sent_again() {
    let scene = populated().await;
    let etag = get(&scene, "alpha", "/agents/alpha").await.header("etag").to_owned();
    for (tag, status) in
        [(etag.clone(), 304), (format!("\"x\", W/{etag}"), 304), ("*".into(), 304), ("\"x\"".into(), 200)]
    {
        let request = Request::builder().uri("/agents/alpha").header("authorization", "Bearer alpha");
        let answer = scene.send(request.header("if-none-match", &tag).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.text.is_empty()), (status, status == 304), "{tag}");
        assert_eq!(answer.header("etag"), etag);
    }
    scene.register("alpha", json!({"name": "Another name for the record"})).await;
    assert_eq!(get(&scene, "alpha", "/agents/alpha").await.header("etag"), etag, "the card is the same");
}

#[tokio::test]
async fn agents_that_are_none_of_the_callers_business_look_like_none_at_all() {
    let scene = populated().await;
    let absent = get(&scene, "alpha", "/agents/absent").await;
    assert_eq!(absent.code(), "AGENT_NOT_FOUND");
    for path in ["/agents/beta", "/agents/gamma", "/agents/Beta"] {
        let answer = get(&scene, "alpha gamma", path).await;
        assert_eq!((answer.status, answer.text), (absent.status, absent.text.clone()), "{path}");
    }
}

#[tokio::test]
async fn a_caller_without_a_token_is_led_to_the_metadata() {
    let scene = populated().await;
    let request = Request::builder().uri("/agents/alpha/.well-known/agent-card.json").body(Body::empty()).unwrap();
    let answer = scene.send(request).await;
    assert_eq!(answer.status, 401);
    let expect = "Bearer realm=\"tollgate\", \
        resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource/agents/alpha\"";
    assert_eq!(answer.header("www-authenticate"), expect);
}

#[tokio::test]
async fn metadata_is_open_and_says_the_same_of_agents_that_are_not_there() {
    let scene = populated().await;
    let open = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    for id in ["alpha", "absent"] {
        let answer = scene.send(open(&format!("/.well-known/oauth-protected-resource/agents/{id}"))).await;
        let expect = json!({
            "resource": format!("https://gw.example/agents/{id}"),
            "authorization_servers": ["https://gw.example"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": [format!("agents:{id}:read"), format!("agents:{id}:write")],
        });
        assert_eq!(answer.json(), expect);
    }
}

fn anonymous(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_catalogue_holds_public_agents_that_are_active_and_nothing_else() {
    let scene = populated().await;
    let empty = scene.send(anonymous("/.well-known/ai-catalog.json")).await;
    assert_eq!(empty.header("content-type"), "application/ai-catalog+json");
    assert_eq!(empty.json(), json!({"specVersion": "1.0", "entries": []}));
    scene.register("open", json!({"listed": "public", "name": "An internal name"})).await;
    scene.register("asleep", json!({"listed": "public", "status": "inactive"})).await;
    let catalog = scene.send(anonymous("/.well-known/ai-catalog.json")).await;
    let kind = "application/a2a-agent-card+json";
    let card = get(&scene, "open", "/agents/open").await.json();
    assert_eq!(
        catalog.json()["entries"],
        json!([{
            "identifier": "urn:air:gw.example:a2a:open",
            "displayName": card["name"],
            "type": kind,
            "mediaType": kind,
            "url": "https://gw.example/agents/open/.well-known/agent-card.json",
        }])
    );
    assert_eq!(catalog.header("access-control-allow-origin"), "*");
    assert_eq!(catalog.header("cache-control"), "public, max-age=300");
    assert_ne!(catalog.header("etag"), empty.header("etag"));
    let mut again = anonymous("/.well-known/ai-catalog.json");
    again.headers_mut().insert("if-none-match", catalog.headers["etag"].clone());
    let again = scene.send(again).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    assert_eq!(again.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_public_agents_card_needs_no_token_and_nothing_else_of_it_does_without() {
    let scene = populated().await;
    scene.register("open", json!({"listed": "public"})).await;
    let known = get(&scene, "open", "/agents/open").await;
    for path in ["/agents/open", "/agents/open/", "/agents/open/.well-known/agent-card.json"] {
        let card = scene.send(anonymous(path)).await;
        assert_eq!((card.status.as_u16(), &card.text), (200, &known.text), "{path}");
        assert_eq!((card.header("cache-control"), card.header("vary")), ("public, max-age=60", ""));
        assert_eq!(card.header("access-control-allow-origin"), "*");
        assert_eq!(card.header("etag"), known.header("etag"));
    }
    for path in ["/agents", "/agents/open/extendedAgentCard", "/agents/alpha", "/agents/absent"] {
        assert_eq!(scene.send(anonymous(path)).await.status, 401, "{path}");
    }
    check(&scene, "alpha", "/agents", &["alpha"]).await;
    scene.post("/admin/agents/open/status", json!({"status": "inactive"})).await;
    assert_eq!(scene.send(anonymous("/agents/open")).await.status, 401, "it is there for nobody now");
    scene.post("/admin/agents/open/status", json!({"status": "active"})).await;
    scene.register("open", json!({})).await;
    assert_eq!(scene.send(anonymous("/agents/open")).await.status, 401, "private unless said otherwise");
}

/// Puts a card into the registry that no registration would have let in.
async fn plant(scene: &Scene, id: &'static str, document: Value) {
    let decide = move |registry: &Registry| {
        let agent = registry.agents.values().find(|agent| agent.id.as_str() == id).unwrap();
        let card = Card { document, paths: CardPaths::default(), ..(*agent.card).clone() };
        Ok::<_, ()>(vec![Change::PutAgent(Agent { card: card.into(), ..(**agent).clone() })])
    };
    scene.state.store.write(decide).await.unwrap();
}

#[tokio::test]
async fn one_odd_card_never_breaks_the_listing() {
    let scene = populated().await;
    for odd in [json!(5), json!(null), json!([{}]), json!("text")] {
        plant(&scene, "alpha", odd).await;
        check(&scene, "alpha beta", "/agents", &["beta"]).await;
        assert_eq!(get(&scene, "alpha", "/agents/alpha").await.code(), "AGENT_CARD_NOT_FOUND");
    }
    plant(&scene, "alpha", json!({"skills": 5, "url": 7, "capabilities": [], "name": null})).await;
    assert_eq!(get(&scene, "alpha beta", "/agents?tag=red").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn every_served_card_is_signed_and_its_tag_stays_until_the_key_changes() {
    let scene = populated().await;
    let unsigned = get(&scene, "alpha", "/agents/alpha").await;
    assert_eq!(unsigned.json().get("signatures"), None, "no key yet");
    scene.turn_card_keys(|| NOW).await;
    let first = get(&scene, "alpha", "/agents/alpha").await;
    assert_ne!(first.header("etag"), unsigned.header("etag"), "the tag covers the signatures");
    let listed = get(&scene, "alpha", "/agents").await.json();
    let admin = scene.get("/admin/agents/alpha").await.json();
    for (card, at) in [(&first.json(), "card"), (&listed[0], "listing"), (&admin["agentCard"], "admin")] {
        assert_eq!(card["signatures"], first.json()["signatures"], "{at}");
        assert!(card["signatures"].as_array().is_some_and(|listed| !listed.is_empty()), "{at}");
    }
    scene.post("/admin/agents/alpha/sync", json!({})).await;
    assert_eq!(get(&scene, "alpha", "/agents/alpha").await.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn another_card_of_an_agent_is_rewritten_and_signed_like_its_own() {
    let scene = populated().await;
    scene.turn_card_keys(|| NOW).await;
    let registry = scene.state.store.registry();
    let agent = registry.agents.values().next().unwrap();
    let mut document = agent.card.document.clone();
    document["name"] = json!("Extended");
    let card = scene.state.shelf.extended_card(agent, &document).unwrap();
    let signed: Value = serde_json::from_str(&card.body).unwrap();
    assert_eq!((&signed["name"], &signed["url"]), (&json!("Extended"), &json!("https://gw.example/agents/alpha")));
    assert_ne!(signed["signatures"], get(&scene, "alpha", "/agents/alpha").await.json()["signatures"]);
    assert_eq!(scene.state.shelf.extended_card(agent, &document).unwrap(), card, "the same content, the same bytes");
    assert_eq!(scene.state.shelf.extended_card(agent, &json!([])), None);
}

#[tokio::test]
async fn the_keys_of_cards_are_open_to_everyone() {
    let scene = Scene::new().await;
    scene.turn_card_keys(|| NOW).await;
    let request = Request::builder().uri("/.well-known/agent-card-jwks.json").body(Body::empty()).unwrap();
    let answer = scene.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "public, max-age=60"));
    assert_eq!(answer.json()["keys"].as_array().unwrap().len(), 1);
}
