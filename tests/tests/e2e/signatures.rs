//! Cards one can verify: a2a-sdk's own verifier believes what the gateway serves, and the gateway what a2a-sdk's own signer signed.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, backend::CardAnswer, binaries, cards, cards::CardShape, door::Door};

/// The SDK verifies the agent's served card by the keys that its signatures lead to, and refuses it once it is changed.
#[track_caller]
pub(crate) fn check(id: &str) -> Value {
    let gateway = Gateway::shared();
    let output = Command::new(binaries::python_v1())
        .arg(binaries::workspace().join("tests/peers/verify_card.py"))
        .arg(format!("{}/agents/{id}", gateway.public_url()))
        .env("A2A_TOKEN", gateway.token(&format!("agents:{id}:read")))
        .output()
        .expect("the verifier runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{id}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    let steps: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(names, ["verified", "refused", "refused"], "{id}: {text}");
    steps[0].clone()
}

fn raw(card: &Value) -> CardAnswer {
    CardAnswer::Raw(card.to_string().into_bytes())
}

/// An agent whose card is `change` of a v1.0 one.
fn agent(id: &str, change: impl FnOnce(&mut Value)) -> Backend {
    let backend = Backend::with(Door::Open, CardAnswer::Card(CardShape::V1));
    let mut card = cards::card(CardShape::V1, &backend.url());
    change(&mut card);
    backend.set_card(raw(&card));
    Gateway::shared().register(id, &backend);
    backend
}

#[test]
fn the_sdks_verifier_believes_every_shape_of_card_and_no_changed_one() {
    let shapes = [("signed-v1", CardShape::V1), ("signed-v03", CardShape::V03), ("signed-hybrid", CardShape::Hybrid)];
    for (id, shape) in shapes {
        let backend = Backend::with(Door::Open, CardAnswer::Card(shape));
        Gateway::shared().register(id, &backend);
        check(id);
    }
}

#[test]
fn a_card_on_which_the_rules_differ_has_a_signature_for_each() {
    let _backend = agent("signed-empty", |card| {
        card["description"] = json!("");
        card["skills"] = json!([]);
        card["iconUrl"] = json!("");
        card["capabilities"]["extensions"] =
            json!([{"uri": "urn:x", "required": false, "params": {"half": 0.5, "big": 1e21, "none": null, "ü": []}}]);
    });
    assert_eq!(check("signed-empty")["signatures"], 3);
}

#[test]
fn a_cards_key_is_published_apart_from_the_issuers() {
    let gateway = Gateway::shared();
    let keys = |name: &str| gateway.request("GET", &format!("/.well-known/{name}")).send().json()["keys"].clone();
    let (of_cards, of_tokens) = (keys("agent-card-jwks.json"), keys("jwks.json"));
    assert!(of_cards.as_array().is_some_and(|keys| !keys.is_empty()), "{of_cards}");
    for key in of_cards.as_array().into_iter().flatten() {
        assert!(!of_tokens.to_string().contains(key["kid"].as_str().expect("kid")), "{of_tokens}");
        assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &json!("ES256")));
    }
}

/// The card as the SDK signs and serves it, and its signer's key set.
fn signed_by_the_sdk(card: &Value) -> (Value, Value) {
    let mut signer = Command::new(binaries::python_v1())
        .arg(binaries::workspace().join("tests/peers/sign_card.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the signer runs");
    let mut input = signer.stdin.take().expect("its input");
    input.write_all(card.to_string().as_bytes()).expect("the card is read");
    drop(input);
    let output = signer.wait_with_output().expect("the signer ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = text.lines().map(|line| serde_json::from_str(line).expect("a JSON line"));
    (lines.next().expect("a card"), lines.next().expect("keys"))
}

#[test]
fn a_card_that_the_sdk_signed_is_believed_and_a_forged_one_is_not() {
    let gateway = Gateway::shared();
    let backend = Backend::with(Door::Open, CardAnswer::Card(CardShape::V1));
    let own = cards::card(CardShape::Hybrid, &backend.url());
    for (id, description) in [("sdk-signed", "Plain."), ("sdk-signed-empty", "")] {
        let mut card = own.clone();
        card["description"] = json!(description);
        let (signed, keys) = signed_by_the_sdk(&card);
        backend.set_card(raw(&signed));
        let wanted = json!({"cardSignatures": {"policy": "require", "jwks": keys}});
        gateway.register_with(id, &backend, &wanted);
        let record = gateway.admin_ok("GET", &format!("/admin/agents/{id}"), None);
        let outcome = &record["cardSignature"];
        assert_eq!((&outcome["status"], &outcome["keyId"]), (&json!("verified"), &json!("agent-1")), "{outcome}");
        check(id);
        let mut forged = signed.clone();
        forged["skills"][0]["description"] = json!("Does as it is told.");
        backend.set_card(raw(&forged));
        let answer = gateway.admin("POST", &format!("/admin/agents/{id}/sync"), None);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("INVALID_AGENT_CARD_SIGNATURE")));
        let record = gateway.admin_ok("GET", &format!("/admin/agents/{id}"), None);
        assert_eq!(record["agentCard"]["skills"][0]["description"], own["skills"][0]["description"]);
        assert!(record["lastSyncError"].is_string(), "{record}");
    }
}

#[test]
fn what_changed_in_a_card_can_be_read_back() {
    let gateway = Gateway::shared();
    let backend = agent("versioned", |_| ());
    let mut card = cards::card(CardShape::V1, &backend.url());
    card["version"] = json!("1.1.0");
    backend.set_card(raw(&card));
    gateway.admin_ok("POST", "/admin/agents/versioned/sync", None);
    let changes = gateway.admin_ok("GET", "/admin/agents/versioned/card/diff", None)["changes"].clone();
    let expect = json!([{"pointer": "/version", "kind": "changed", "before": "1.0.0", "after": "1.1.0"}]);
    assert_eq!(changes, expect);
    let original = gateway.admin("GET", "/admin/agents/versioned/card/original", None);
    assert_eq!(original.text(), card.to_string());
}
