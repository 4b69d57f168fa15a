//! Detached signatures under a key set, made by another implementation (aws-lc).

use serde_json::{Value, json};

use super::signer::{Signer, base64};
use crate::token::{DetachedJws, JwsFault, KeySet};

const PAYLOAD: &[u8] = br#"{"name":"Weather"}"#;

fn key_set(signer: &Signer) -> KeySet {
    KeySet::compile(&json!({"keys": [signer.jwk]})).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The parts of a signature of `payload`.
fn sign(signer: &Signer, header: &Value, payload: &[u8]) -> (String, String) {
    let whole = signer.mint_bytes(header.to_string().as_bytes(), payload);
    let (signed, signature) = whole.rsplit_once('.').unwrap();
    (signed.split_once('.').unwrap().0.to_owned(), signature.to_owned())
}

fn header(signer: &Signer) -> Value {
    json!({"alg": signer.algorithm, "kid": "k1", "typ": "JOSE", "jku": "https://agent.example/jwks.json"})
}

fn check(signer: &Signer, header: &Value, expect: Result<(), JwsFault>) {
    let (protected, signature) = sign(signer, header, PAYLOAD);
    let outcome = DetachedJws::read(&protected, &signature).and_then(|jws| key_set(signer).verify(&jws, PAYLOAD));
    assert_eq!(outcome, expect, "{header}");
}

#[test]
fn every_algorithm_verifies_what_it_signed_and_nothing_else() {
    let mut signers: Vec<Signer> = ["RS256", "RS384", "RS512", "PS256"].map(|name| Signer::rsa(name, "k1")).into();
    signers.extend([Signer::es256("k1"), Signer::es256k("k1"), Signer::ed25519("k1")]);
    for signer in &signers {
        check(signer, &header(signer), Ok(()));
        let (protected, signature) = sign(signer, &header(signer), PAYLOAD);
        let jws = DetachedJws::read(&protected, &signature).unwrap();
        assert_eq!(key_set(signer).verify(&jws, br#"{"name":"weather"}"#), Err(JwsFault::BadSignature));
        let other = json!({"alg": signer.algorithm, "kid": "k1", "typ": "JOSE"}).to_string();
        let other = base64(other.as_bytes());
        let jws = DetachedJws::read(&other, &signature).unwrap();
        assert_eq!(key_set(signer).verify(&jws, PAYLOAD), Err(JwsFault::BadSignature), "the header is signed too");
    }
}

#[test]
fn a_header_must_name_its_key_and_an_algorithm_of_that_key() {
    let signer = Signer::es256("k1");
    check(&signer, &json!({"alg": "ES256"}), Err(JwsFault::Malformed));
    check(&signer, &json!({"kid": "k1"}), Err(JwsFault::Malformed));
    check(&signer, &json!({"alg": "ES256", "kid": 1}), Err(JwsFault::Malformed));
    check(&signer, &json!({"alg": "ES256", "kid": "k2"}), Err(JwsFault::UnknownKey));
    check(&signer, &json!({"alg": "RS256", "kid": "k1"}), Err(JwsFault::UnknownKey));
    check(&signer, &json!({"alg": "none", "kid": "k1"}), Err(JwsFault::UnsupportedAlgorithm));
    check(&signer, &json!({"alg": "HS256", "kid": "k1"}), Err(JwsFault::UnsupportedAlgorithm));
    let asks = json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false});
    check(&signer, &asks, Err(JwsFault::UnsupportedHeader));
}

#[test]
fn a_key_that_the_signature_brings_along_is_not_looked_at() {
    let (pinned, forger) = (Signer::es256("k1"), Signer::es256("k1"));
    let header = json!({"alg": "ES256", "kid": "k1", "jwk": forger.jwk, "jku": "https://forger.example/jwks.json"});
    let (protected, signature) = sign(&forger, &header, PAYLOAD);
    let jws = DetachedJws::read(&protected, &signature).unwrap();
    assert_eq!(jws.key_set_url(), Some("https://forger.example/jwks.json"));
    assert_eq!(key_set(&pinned).verify(&jws, PAYLOAD), Err(JwsFault::BadSignature));
}

#[test]
fn parts_that_are_no_base64url_are_malformed() {
    let signer = Signer::ed25519("k1");
    let (protected, signature) = sign(&signer, &header(&signer), PAYLOAD);
    let long = "A".repeat(9000);
    for (protected, signature) in [
        ("", signature.as_str()),
        ("!", &signature),
        (&protected, "="),
        (&protected, &long),
        (&long, &signature),
        (&base64(b"[]"), &signature),
        (&base64(br#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#), &signature),
    ] {
        assert_eq!(DetachedJws::read(protected, signature), Err(JwsFault::Malformed));
    }
}
