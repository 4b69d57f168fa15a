//! What is signed verifies, stays the same, and follows the keys.

use serde_json::{Value, json};

use super::{CardSigner, card_key_set};
use crate::{
    admin::scene::{NOW, Scene},
    cards::{CardVerifier, samples},
    domain::{CardForm, CardKeySource, CardSignatures, SignatureOutcome, SignaturePolicy},
    fake_backend::outbound,
};

const YEAR: u64 = 365 * 86_400;

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.turn_card_keys(|| NOW).await;
    scene
}

fn signed(scene: &Scene, card: &Value) -> Value {
    signer(scene).sign(card.as_object().unwrap().clone())
}

fn signer(scene: &Scene) -> CardSigner {
    CardSigner::new(scene.state.store.clone(), &"https://gw.example".parse().unwrap(), || NOW)
}

/// What a verifier that has the published keys makes of a card.
async fn verified(scene: &Scene, card: &Value) -> Option<(CardForm, String)> {
    let keys = CardKeySource::Inline(card_key_set(&scene.state.store.registry()));
    let wanted = CardSignatures { policy: SignaturePolicy::Require, keys };
    match CardVerifier::new(&outbound(), Vec::new()).check(card, &wanted).await {
        Ok(SignatureOutcome::Verified(signature)) => Some((signature.form, signature.key_id)),
        _ => None,
    }
}

#[tokio::test]
async fn a_card_verifies_by_the_published_keys_and_a_changed_one_does_not() {
    let scene = scene().await;
    for card in [samples::modern("https://gw"), samples::old("https://gw"), samples::hybrid("https://gw")] {
        let card = signed(&scene, &card);
        assert_eq!(verified(&scene, &card).await.map(|(form, _)| form), Some(CardForm::Whole));
        for pointer in ["/name", "/skills/0/id", "/skills/0/tags/0"] {
            let mut changed = card.clone();
            *changed.pointer_mut(pointer).unwrap() = json!("another");
            assert_eq!(verified(&scene, &changed).await, None, "{pointer}");
        }
    }
}

#[tokio::test]
async fn each_form_of_a_card_has_its_signature_and_equal_forms_share_one() {
    let scene = scene().await;
    let count = |card: Value| signed(&scene, &card)["signatures"].as_array().unwrap().len();
    let plain = json!({"name": "n", "description": "d"});
    assert_eq!(count(plain.clone()), 1, "all forms are the same");
    assert_eq!(count(json!({"name": "n", "description": ""})), 2, "the SDK drops what is empty");
    assert_eq!(count(json!({"name": "n", "description": "d", "x-vendor": 1})), 2, "a field only the whole form has");
    assert_eq!(count(json!({"name": "n", "description": "", "x-vendor": 1})), 3);
    // A verifier that only computes a narrower form finds the signature over it.
    let mut narrow = signed(&scene, &json!({"name": "n", "description": "d", "x-vendor": 1}));
    narrow["x-vendor"] = json!(2);
    assert_eq!(verified(&scene, &narrow).await.map(|(form, _)| form), Some(CardForm::Known));
}

#[tokio::test]
async fn the_header_says_where_the_keys_are() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let scene = scene().await;
    let card = signed(&scene, &samples::modern("https://gw"));
    let kid = signer(&scene).key_id().unwrap();
    for signature in card["signatures"].as_array().unwrap() {
        let header = BASE64_URL_SAFE_NO_PAD.decode(signature["protected"].as_str().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let jku = "https://gw.example/.well-known/agent-card-jwks.json";
        assert_eq!(header, json!({"alg": "ES256", "jku": jku, "kid": &*kid, "typ": "JOSE"}));
    }
    let keys = card_key_set(&scene.state.store.registry());
    assert_eq!((&keys["keys"][0]["kid"], &keys["keys"][0]["use"]), (&json!(&*kid), &json!("sig")));
    assert!(!keys.to_string().contains("\"d\""), "{keys}");
}

#[tokio::test]
async fn the_same_card_has_the_same_bytes_after_a_restart() {
    let scene = scene().await;
    let card = samples::hybrid("https://gw");
    // Another signer has none of the first one's memory.
    assert_eq!(signed(&scene, &card), signed(&scene, &card));
}

#[tokio::test]
async fn a_new_key_signs_after_its_overlap_and_the_old_one_still_verifies() {
    let scene = scene().await;
    let before = signed(&scene, &samples::modern("https://gw"));
    let old = signer(&scene).key_id().unwrap();
    scene.turn_card_keys(|| NOW + YEAR).await;
    assert_eq!(scene.state.store.registry().card_keys.len(), 2, "published before it signs");
    let later = CardSigner::new(scene.state.store.clone(), &"https://gw.example".parse().unwrap(), || NOW + YEAR + 61);
    assert_ne!(later.key_id().unwrap(), old);
    let after = later.sign(samples::modern("https://gw").as_object().unwrap().clone());
    assert_eq!(verified(&scene, &before).await.map(|(_, kid)| kid), Some(old.to_string()));
    assert_eq!(verified(&scene, &after).await.map(|(_, kid)| kid), later.key_id().map(|kid| kid.to_string()));
}

#[tokio::test]
async fn without_a_key_a_card_is_unsigned() {
    let scene = Scene::new().await;
    assert_eq!(signed(&scene, &samples::modern("https://gw")).get("signatures"), None);
}
