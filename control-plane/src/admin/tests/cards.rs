//! A card's signatures and versions, as operators see them.

use serde_json::{Value, json};

use crate::{
    admin::scene::{NOW, Scene},
    cards::{CardSigner, SKILLS_EXTENSION, card_key_set, samples},
    fake_backend::Reply,
};

const REGISTER: &str = "/admin/agents/register";
const CARD: &str = "/.well-known/agent-card.json";

/// A scene whose agent signs its card, and the agent's key set.
async fn signing_agent() -> (Scene, Value) {
    let scene = Scene::new().await;
    let agent = Scene::new().await;
    agent.turn_card_keys(|| NOW).await;
    let signer = CardSigner::new(agent.state.store.clone(), &"https://agent.example".parse().unwrap(), || NOW);
    serve(&scene, &signer.sign(own_card(&scene).as_object().unwrap().clone()));
    (scene, card_key_set(&agent.state.store.registry()))
}

fn own_card(scene: &Scene) -> Value {
    let mut card = samples::hybrid(scene.backend.url("/").as_str().trim_end_matches('/'));
    card.as_object_mut().unwrap().remove("signatures");
    card
}

fn serve(scene: &Scene, card: &Value) {
    scene.backend.answer(CARD, Reply::ok(&card.to_string()));
}

/// A registration that asks this of the card is refused by status, code and field, and nothing is written.
async fn check(scene: &Scene, wanted: Value, expect: (u16, &str, &str)) {
    let answer = scene.post(REGISTER, scene.record("weather", json!({"cardSignatures": wanted}))).await;
    let got = (answer.status.as_u16(), answer.code(), answer.field());
    assert_eq!(got, (expect.0, expect.1.to_owned(), expect.2.to_owned()), "{wanted}: {}", answer.text);
    assert!(scene.state.store.registry().agents.is_empty());
}

#[tokio::test]
async fn what_is_asked_of_a_card_and_what_came_of_it_stand_in_the_record() {
    let (scene, keys) = signing_agent().await;
    for (wanted, status) in [
        (json!({"policy": "ignore"}), "ignored"),
        (json!({"policy": "verify_if_present", "jwks": keys}), "verified"),
        (json!({"policy": "require", "jwks": keys}), "verified"),
    ] {
        scene.register("weather", json!({"cardSignatures": wanted})).await;
        let shown = scene.get("/admin/agents/weather").await.json();
        assert_eq!((&shown["cardSignatures"], &shown["cardSignature"]["status"]), (&wanted, &json!(status)));
    }
    let shown = scene.get("/admin/agents/weather").await.json()["cardSignature"].clone();
    assert_eq!((&shown["form"], &shown["uncovered"]), (&json!("whole"), &json!([])));
    assert_eq!((&shown["keyId"], &shown["algorithm"]), (&keys["keys"][0]["kid"], &json!("ES256")));
    serve(&scene, &own_card(&scene));
    scene.register("weather", json!({})).await;
    let shown = scene.get("/admin/agents/weather").await.json();
    assert_eq!(
        (&shown["cardSignatures"], &shown["cardSignature"]),
        (&json!({"policy": "ignore"}), &json!({"status": "unsigned"}))
    );
}

#[tokio::test]
async fn a_card_that_is_not_signed_as_it_must_be_is_refused_by_field() {
    let (scene, keys) = signing_agent().await;
    let others = signing_agent().await.1;
    check(
        &scene,
        json!({"policy": "require", "jwks": others}),
        (422, "INVALID_AGENT_CARD_SIGNATURE", "cardSignatures"),
    )
    .await;
    check(
        &scene,
        json!({"policy": "verify_if_present", "jwks": others}),
        (422, "INVALID_AGENT_CARD_SIGNATURE", "cardSignatures"),
    )
    .await;
    let metadata = json!({"policy": "require", "jwksUrl": "http://169.254.169.254/keys"});
    check(&scene, metadata, (400, "URL_NOT_ALLOWED", "cardSignatures.jwksUrl")).await;
    scene.backend.answer("/keys", Reply::status(404));
    let gone = json!({"policy": "require", "jwksUrl": scene.backend.url("/keys").as_str()});
    check(&scene, gone, (422, "JWKS_UNREACHABLE", "cardSignatures.jwksUrl")).await;
    serve(&scene, &own_card(&scene));
    check(&scene, json!({"policy": "require", "jwks": keys}), (422, "AGENT_CARD_NOT_SIGNED", "cardSignatures.policy"))
        .await;
}

#[tokio::test]
async fn what_is_asked_of_a_card_is_read_strictly() {
    let (scene, keys) = signing_agent().await;
    for (wanted, code, field) in [
        (json!({}), "MISSING_REQUIRED_FIELD", "cardSignatures.policy"),
        (json!({"policy": "never"}), "INVALID_FIELD", "cardSignatures.policy"),
        (json!({"policy": "require"}), "MISSING_REQUIRED_FIELD", "cardSignatures.jwks"),
        (json!({"policy": "require", "jwks": {"keys": 1}}), "INVALID_JWKS", "cardSignatures.jwks"),
        (
            json!({"policy": "require", "jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}),
            "INVALID_JWKS",
            "cardSignatures.jwks",
        ),
        (json!({"policy": "require", "jwksUrl": "ftp://x"}), "INVALID_FIELD", "cardSignatures.jwksUrl"),
        (json!({"policy": "require", "jwks": keys, "jwksUrl": "https://x"}), "INVALID_FIELD", "cardSignatures.jwksUrl"),
        (json!({"policy": "require", "jwks": keys, "jku": "https://x"}), "UNKNOWN_FIELD", "cardSignatures.jku"),
    ] {
        check(&scene, wanted, (400, code, field)).await;
    }
}

#[tokio::test]
async fn a_sync_keeps_the_last_card_that_was_signed_as_it_must_be() {
    let (scene, keys) = signing_agent().await;
    scene.register("weather", json!({"cardSignatures": {"policy": "require", "jwks": keys}})).await;
    let mut forged = scene.get("/admin/agents/weather/card/original").await.json();
    forged["name"] = json!("Forged");
    for (card, code) in [(forged, "INVALID_AGENT_CARD_SIGNATURE"), (own_card(&scene), "AGENT_CARD_NOT_SIGNED")] {
        serve(&scene, &card);
        let answer = scene.post("/admin/agents/weather/sync", json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (502, code), "{}", answer.text);
        let shown = scene.get("/admin/agents/weather").await.json();
        assert_eq!((&shown["agentCard"]["name"], &shown["cardVersion"]), (&json!("Weather"), &json!(1)));
        assert!(shown["lastSyncError"].as_str().unwrap().contains("cardSignatures"), "{shown}");
    }
}

#[tokio::test]
async fn keys_that_were_withdrawn_are_noticed_though_the_card_is_unchanged() {
    let (scene, keys) = signing_agent().await;
    let card = scene.state.outbound.get(&scene.backend.url(CARD), http::HeaderMap::new()).await.unwrap().body;
    let card = String::from_utf8(card.to_vec()).unwrap();
    scene.backend.answer(CARD, Reply::ok(&card).header("etag", "\"one\""));
    scene.backend.answer("/keys", Reply::ok(&keys.to_string()));
    let wanted = json!({"policy": "require", "jwksUrl": scene.backend.url("/keys").as_str()});
    scene.register("weather", json!({"cardSignatures": wanted})).await;
    scene.backend.answer(CARD, Reply::status(304));
    assert_eq!(scene.post("/admin/agents/weather/sync", json!({})).await.status, 200);
    scene.backend.answer("/keys", Reply::ok(r#"{"keys":[]}"#));
    let answer = scene.post("/admin/agents/weather/sync", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (502, "INVALID_AGENT_CARD_SIGNATURE"));
}

/// An agent whose card came in these versions.
async fn with_versions(names: &[&str]) -> Scene {
    let scene = Scene::new().await;
    for (index, name) in names.iter().enumerate() {
        let mut card = own_card(&scene);
        card["name"] = json!(name);
        serve(&scene, &card);
        if index == 0 {
            scene.register("weather", json!({})).await;
        } else {
            assert_eq!(scene.post("/admin/agents/weather/sync", json!({})).await.status, 200);
        }
    }
    scene
}

#[tokio::test]
async fn the_last_five_versions_are_kept_the_newest_first() {
    let scene = with_versions(&["a", "b", "b", "c", "d", "e", "f"]).await;
    let listed = scene.get("/admin/agents/weather/card/versions").await.json();
    let numbers: Vec<u64> =
        listed["versions"].as_array().unwrap().iter().map(|version| version["version"].as_u64().unwrap()).collect();
    assert_eq!((numbers, &listed["current"]), (vec![6, 5, 4, 3, 2], &json!(6)), "the same card again is no version");
    let newest = &listed["versions"][0];
    assert_eq!(
        (&newest["signature"]["status"], &newest["fetchedAt"]),
        (&json!("unsigned"), &json!("2026-01-01T00:00:00Z"))
    );
    assert_eq!(newest["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(scene.get("/admin/agents/none/card/versions").await.code(), "AGENT_NOT_FOUND");
}

#[tokio::test]
async fn two_versions_can_be_compared() {
    let scene = with_versions(&["a", "b", "c"]).await;
    let path = "/admin/agents/weather/card/diff";
    let check = async |query: &str, expect: (u64, u64, Value)| {
        let got = scene.get(&format!("{path}{query}")).await.json();
        assert_eq!(
            (&got["from"], &got["to"], &got["changes"]),
            (&json!(expect.0), &json!(expect.1), &expect.2),
            "{query}"
        );
    };
    let renamed =
        |before: &str, after: &str| json!([{"pointer": "/name", "kind": "changed", "before": before, "after": after}]);
    check("", (2, 3, renamed("b", "c"))).await;
    check("?from=1", (1, 3, renamed("a", "c"))).await;
    check("?to=2", (1, 2, renamed("a", "b"))).await;
    check("?from=3&to=1", (3, 1, renamed("c", "a"))).await;
    check("?from=2&to=2", (2, 2, json!([]))).await;
    assert_eq!(scene.get(&format!("{path}?from=9")).await.code(), "CARD_VERSION_NOT_FOUND");
    for (query, field) in [("?from=x", "from"), ("?to=0", "to"), ("?colour=1", "colour")] {
        let answer = scene.get(&format!("{path}{query}")).await;
        assert_eq!((answer.code(), answer.field()), ("INVALID_QUERY".to_owned(), field.to_owned()));
    }
}

#[tokio::test]
async fn the_first_version_differs_from_nothing() {
    let scene = with_versions(&["a"]).await;
    let got = scene.get("/admin/agents/weather/card/diff").await.json();
    assert_eq!((&got["from"], &got["to"], &got["changes"]), (&json!(1), &json!(1), &json!([])));
}

#[tokio::test]
async fn the_original_is_what_the_agent_sent_byte_for_byte() {
    let scene = Scene::new().await;
    let sent = format!(" {}\n", own_card(&scene).to_string().replace("\"1.0.0\"", "\"1.0.\\u0030\""));
    scene.backend.answer(CARD, Reply::ok(&sent));
    scene.register("weather", json!({})).await;
    let answer = scene.get("/admin/agents/weather/card/original").await;
    assert_eq!((answer.header("content-type"), &answer.text), ("application/json", &sent));
    serve(&scene, &json!({"name": "b"}));
    assert_eq!(scene.post("/admin/agents/weather/sync", json!({})).await.status, 502);
    let mut other = own_card(&scene);
    other["name"] = json!("b");
    serve(&scene, &other);
    scene.post("/admin/agents/weather/sync", json!({})).await;
    assert_eq!(scene.get("/admin/agents/weather/card/original?version=1").await.text, sent);
    assert_eq!(scene.get("/admin/agents/weather/card/original").await.json()["name"], "b");
}

#[tokio::test]
async fn the_records_skills_are_served_in_the_card_signed_with_it_and_versioned_with_it() {
    let scene = Scene::new().await;
    scene.turn_card_keys(|| NOW).await;
    let forecast =
        json!({"name": "forecast", "description": "Tomorrow", "instructions": "Ask.", "tools": ["weather.get"]});
    for card in [samples::modern(scene.backend.url("/").as_str()), own_card(&scene)] {
        serve(&scene, &card);
        scene.register("weather", json!({})).await;
        let plain = scene.get("/admin/agents/weather").await.json()["agentCard"].clone();
        scene.register("weather", json!({"skills": [forecast]})).await;
        let served = scene.get("/admin/agents/weather").await.json()["agentCard"].clone();
        let extensions = served["capabilities"]["extensions"].as_array().unwrap();
        let ours: Vec<&Value> = extensions.iter().filter(|it| it["uri"] == SKILLS_EXTENSION).collect();
        assert_eq!(ours.len(), 1, "{served}");
        assert_eq!((&ours[0]["required"], &ours[0]["params"]), (&json!(false), &json!({"skills": [forecast]})));
        assert_ne!(served["signatures"], plain["signatures"]);
        assert_eq!(served["skills"], plain["skills"], "the card's own skills stay");
        assert!(
            plain["capabilities"].get("extensions").is_none_or(|it| it
                .as_array()
                .unwrap()
                .iter()
                .all(|it| it["uri"] != SKILLS_EXTENSION))
        );
    }
}

#[tokio::test]
async fn another_skill_is_another_version_and_the_difference_says_which() {
    let scene = Scene::new().await;
    serve(&scene, &samples::modern(scene.backend.url("/").as_str()));
    scene.register("weather", json!({"skills": [{"name": "a"}]})).await;
    let again = scene.register("weather", json!({"skills": [{"name": "a"}]})).await.json()["generation"].clone();
    assert_eq!(again, 1, "the same registration changes nothing");
    scene.register("weather", json!({"skills": [{"name": "a", "description": "d"}, {"name": "b"}]})).await;
    let versions = scene.get("/admin/agents/weather/card/versions").await.json();
    assert_eq!(versions["current"], 2);
    let skills: Vec<&Value> = versions["versions"].as_array().unwrap().iter().map(|it| &it["skills"]).collect();
    assert_eq!(skills, [&json!(["a", "b"]), &json!(["a"])]);
    let diff = scene.get("/admin/agents/weather/card/diff").await.json();
    let at = "/capabilities/extensions/0/params/skills";
    assert_eq!(
        diff["changes"],
        json!([
            {"pointer": format!("{at}/0/description"), "kind": "changed", "before": "", "after": "d"},
            {"pointer": format!("{at}/1"), "kind": "added",
             "after": {"name": "b", "description": "", "instructions": "", "tools": []}},
        ])
    );
    let original = scene.get("/admin/agents/weather/card/original").await;
    assert!(!original.text.contains(SKILLS_EXTENSION), "the agent's own document is as it was");
}
