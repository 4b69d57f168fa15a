//! Policies, keys, and signatures of every kind that agents might send. The signer here is the gateway's own; that other people's
//! implementations agree on the forms is checked by their vectors and end to end.

use serde_json::{Value, json};
use url::Url;

use super::{CardVerifier, SignatureError};
use crate::{
    admin::scene::{NOW, Scene},
    cards::{CardSigner, card_key_set, samples},
    domain::{CardForm, CardKeySource, CardSignatures, SignatureOutcome, SignaturePolicy},
    fake_backend::{FakeBackend, Reply, outbound},
};

use SignaturePolicy::{Ignore, Require, VerifyIfPresent};

/// A card that an agent signed, and the agent's key set.
async fn agents_own() -> (Value, Value) {
    signed_at("https://agent.example").await
}

/// The same, its `jku` under `origin`.
async fn signed_at(origin: &str) -> (Value, Value) {
    let scene = Scene::new().await;
    scene.turn_card_keys(|| NOW).await;
    let signer = CardSigner::new(scene.state.store.clone(), &origin.parse().unwrap(), || NOW);
    let card = signer.sign(samples::hybrid("https://agent.example").as_object().unwrap().clone());
    (card, card_key_set(&scene.state.store.registry()))
}

async fn check(card: &Value, policy: SignaturePolicy, keys: CardKeySource) -> Result<SignatureOutcome, SignatureError> {
    trusting(&[], card, policy, keys).await
}

async fn trusting(
    jku: &[Url],
    card: &Value,
    policy: SignaturePolicy,
    keys: CardKeySource,
) -> Result<SignatureOutcome, SignatureError> {
    CardVerifier::new(&outbound(), jku.to_vec()).check(card, &CardSignatures { policy, keys }).await
}

fn form(outcome: Result<SignatureOutcome, SignatureError>) -> Option<CardForm> {
    match outcome {
        Ok(SignatureOutcome::Verified(signature)) => Some(signature.form),
        _ => None,
    }
}

#[tokio::test]
async fn a_policy_decides_what_an_unsigned_card_is() {
    for unsigned in [json!({"name": "n"}), json!({"signatures": null}), json!({"signatures": []})] {
        for policy in [Ignore, VerifyIfPresent] {
            assert_eq!(check(&unsigned, policy, CardKeySource::None).await, Ok(SignatureOutcome::Unsigned));
        }
        assert_eq!(check(&unsigned, Require, CardKeySource::None).await, Err(SignatureError::Unsigned));
    }
    let (card, _) = agents_own().await;
    assert_eq!(check(&card, Ignore, CardKeySource::None).await, Ok(SignatureOutcome::Ignored));
}

#[tokio::test]
async fn a_signature_holds_by_the_records_keys_and_no_others() {
    let ((card, keys), (_, others)) = (agents_own().await, agents_own().await);
    for policy in [VerifyIfPresent, Require] {
        assert_eq!(form(check(&card, policy, CardKeySource::Inline(keys.clone())).await), Some(CardForm::Whole));
        let outcome = check(&card, policy, CardKeySource::Inline(others.clone())).await;
        assert!(matches!(outcome, Err(SignatureError::Invalid(_))), "{outcome:?}");
        assert_eq!(check(&card, policy, CardKeySource::None).await, Err(SignatureError::NoKeys));
    }
}

#[tokio::test]
async fn a_signature_over_less_than_the_card_says_what_it_leaves_open() {
    let (mut card, keys) = agents_own().await;
    card["url"] = json!("https://agent.example/moved");
    let outcome = check(&card, Require, CardKeySource::Inline(keys)).await.unwrap();
    let SignatureOutcome::Verified(signature) = outcome else { panic!("{outcome:?}") };
    assert_eq!((signature.form, signature.algorithm.as_str()), (CardForm::Known, "ES256"));
    assert!(signature.uncovered.contains(&"/url".to_owned()), "{signature:?}");
}

#[tokio::test]
async fn one_good_signature_among_bad_ones_is_enough() {
    let (mut card, keys) = agents_own().await;
    let bad = [json!({}), json!(5), json!({"protected": "e30", "signature": "AA"})];
    let good = card["signatures"].as_array().unwrap().clone();
    card["signatures"] = bad.iter().chain(&good).cloned().collect();
    assert_eq!(form(check(&card, Require, CardKeySource::Inline(keys.clone())).await), Some(CardForm::Whole));
    for bad in [json!(bad), json!("text"), json!({}), json!(vec![json!({}); 100])] {
        card["signatures"] = bad;
        let outcome = check(&card, VerifyIfPresent, CardKeySource::Inline(keys.clone())).await;
        assert!(matches!(outcome, Err(SignatureError::Invalid(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_key_set_is_fetched_from_where_the_record_says() {
    let (card, keys) = agents_own().await;
    let backend = FakeBackend::start(Reply::ok(&keys.to_string())).await;
    let at = |path: &str| CardKeySource::Url(backend.url(path));
    assert_eq!(form(check(&card, Require, at("/keys")).await), Some(CardForm::Whole));
    backend.answer("/gone", Reply::status(404));
    assert!(matches!(check(&card, Require, at("/gone")).await, Err(SignatureError::Fetch(_))));
    for no_key_set in ["<html>", "{}", r#"{"keys":[{"kty":"oct","k":"AA"}]}"#] {
        backend.answer("/odd", Reply::ok(no_key_set));
        assert!(matches!(check(&card, Require, at("/odd")).await, Err(SignatureError::KeySet(_))), "{no_key_set}");
    }
    let metadata = CardKeySource::Url("http://169.254.169.254/keys".parse().unwrap());
    assert!(matches!(check(&card, Require, metadata).await, Err(SignatureError::Fetch(_))));
}

#[tokio::test]
async fn the_place_that_a_signature_names_is_asked_only_if_the_settings_list_it() {
    let backend = FakeBackend::start(Reply::status(404)).await;
    let (card, keys) = signed_at(backend.url("/").as_str().trim_end_matches('/')).await;
    let jku = backend.url("/.well-known/agent-card-jwks.json");
    backend.answer(jku.path(), Reply::ok(&keys.to_string()));
    for listed in [vec![], vec![backend.url("/other")], vec![backend.url("/")]] {
        let outcome = trusting(&listed, &card, Require, CardKeySource::None).await;
        assert_eq!(outcome, Err(SignatureError::NoKeys));
    }
    assert_eq!(backend.requests(), Vec::<String>::new(), "nobody was asked");
    assert_eq!(form(trusting(&[jku], &card, Require, CardKeySource::None).await), Some(CardForm::Whole));
}

#[tokio::test]
async fn a_record_that_asks_without_keys_can_only_be_satisfied_by_the_settings() {
    let wanted = CardSignatures { policy: Require, keys: CardKeySource::None };
    let none = CardVerifier::new(&outbound(), Vec::new());
    assert_eq!(none.can_satisfy(&wanted), Err(SignatureError::NoKeys));
    assert_eq!(none.can_satisfy(&CardSignatures::default()), Ok(()));
    let some = CardVerifier::new(&outbound(), vec!["https://keys.example/".parse().unwrap()]);
    assert_eq!(some.can_satisfy(&wanted), Ok(()));
}
