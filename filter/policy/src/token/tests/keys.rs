//! Which keys are taken from a JWK set, which one verifies a token, and what a host is asked.

use std::cell::RefCell;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Value, json};

use super::signer::base64;
use super::{LEEWAY, NOW, Signer, claims, compile, document, issuers};
use crate::document::IssuerDocument;
use crate::token::{HostAlgorithm, Issuers, NoHost, SignatureHost, TokenFault, key_hint, verify};

/// A host as Envoy is one: it verifies with another library, from the X.509 form of the key and a DER signature.
#[derive(Default)]
struct AwsLcHost {
    asked: RefCell<Vec<Vec<u8>>>,
}

impl SignatureHost for AwsLcHost {
    fn verify(&self, algorithm: HostAlgorithm, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Option<bool> {
        self.asked.borrow_mut().push(spki_der.to_vec());
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            HostAlgorithm::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            HostAlgorithm::RsaPkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            HostAlgorithm::RsaPkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
            HostAlgorithm::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
        };
        Some(UnparsedPublicKey::new(verification, spki_der).verify(message, signature).is_ok())
    }
}

fn every_signer() -> Vec<Signer> {
    let mut signers: Vec<Signer> = ["RS256", "RS384", "RS512", "PS256"].map(|name| Signer::rsa(name, "k1")).into();
    signers.extend([Signer::es256("k1"), Signer::es256k("k1"), Signer::ed25519("k1")]);
    signers
}

/// The paths of the faults of a document whose key set is `jwks`.
fn check(jwks: Value) -> Vec<String> {
    let mut document = document(&[]);
    document.jwks = jwks;
    match Issuers::compile(&[document], LEEWAY) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.path).collect(),
    }
}

fn with(signer: &Signer, name: &str, value: Value) -> Value {
    let mut jwk = signer.jwk.clone();
    jwk[name] = value;
    jwk
}

#[test]
fn every_algorithm_verifies_its_own_tokens_and_no_others_of_its_kind() {
    for signer in every_signer() {
        let issuers = issuers(&[&signer]);
        let token = signer.mint(&claims(json!({})));
        assert!(verify(&issuers, token.as_bytes(), NOW, &NoHost).is_ok(), "{}", signer.algorithm);
        let other = signer.mint(&claims(json!({"sub": "mallory"})));
        let swapped = format!("{}.{}", token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
        let outcome = verify(&issuers, swapped.as_bytes(), NOW, &NoHost);
        assert_eq!(outcome.unwrap_err(), TokenFault::BadSignature, "{}", signer.algorithm);
    }
}

#[test]
fn the_host_verifies_rsa_and_p256_from_the_form_of_key_it_knows() {
    for signer in every_signer() {
        let host = AwsLcHost::default();
        let issuers = issuers(&[&signer]);
        let mut token = signer.mint(&claims(json!({})));
        assert!(verify(&issuers, token.as_bytes(), NOW, &host).is_ok(), "{}", signer.algorithm);
        let hosted = matches!(signer.algorithm, "RS256" | "RS384" | "RS512" | "ES256");
        let expected = if hosted { vec![signer.spki.clone()] } else { Vec::new() };
        assert_eq!(host.asked.into_inner(), expected, "{}", signer.algorithm);
        token.insert_str(token.len() - 10, "AAAA");
        assert_eq!(
            verify(&issuers, token.as_bytes(), NOW, &AwsLcHost::default()).unwrap_err(),
            TokenFault::BadSignature
        );
    }
}

#[test]
fn an_es256_signature_of_another_length_never_reaches_the_host() {
    let signer = Signer::es256("k1");
    let token = signer.mint(&claims(json!({})));
    let signed = token.rsplit_once('.').unwrap().0;
    for length in [0, 1, 63, 65, 72, 128] {
        let host = AwsLcHost::default();
        let forged = format!("{signed}.{}", base64(&vec![1; length]));
        let outcome = verify(&issuers(&[&signer]), forged.as_bytes(), NOW, &host);
        assert_eq!(outcome.unwrap_err(), TokenFault::BadSignature);
        assert!(host.asked.into_inner().is_empty());
    }
}

#[test]
fn a_key_verifies_only_what_its_own_alg_says() {
    let signer = Signer::rsa("RS256", "k1");
    let mut document = document(&[]);
    document.jwks = json!({"keys": [with(&signer, "alg", json!("PS256"))]});
    let issuers = compile(document);
    let refused = verify(&issuers, signer.mint(&claims(json!({}))).as_bytes(), NOW, &NoHost);
    assert_eq!(refused.unwrap_err(), TokenFault::UnsupportedAlgorithm);
    let accepted = Signer::rsa("PS256", "k1").mint(&claims(json!({})));
    assert!(verify(&issuers, accepted.as_bytes(), NOW, &NoHost).is_ok());
}

#[test]
fn an_issuer_may_narrow_the_algorithms() {
    let signer = Signer::ed25519("k1");
    let narrowed = IssuerDocument { algorithms: vec!["ES256".to_owned()], ..document(&[&signer]) };
    let refused = verify(&compile(narrowed), signer.mint(&claims(json!({}))).as_bytes(), NOW, &NoHost);
    assert_eq!(refused.unwrap_err(), TokenFault::UnsupportedAlgorithm);
    let unknown = IssuerDocument { algorithms: vec!["HS256".to_owned()], ..document(&[&signer]) };
    let faults = Issuers::compile(&[unknown], LEEWAY).err().unwrap();
    assert_eq!(faults[0].path, "issuers[0].algorithms[0]");
}

#[test]
fn kid_chooses_and_without_it_only_a_single_fitting_key_will_do() {
    let (first, second, other) = (Signer::ed25519("k1"), Signer::ed25519("k2"), Signer::es256("k3"));
    let bare = |signer: &Signer| {
        let header = json!({"alg": signer.algorithm}).to_string();
        signer.mint_bytes(header.as_bytes(), claims(json!({})).as_bytes())
    };
    let all = issuers(&[&first, &second, &other]);
    assert!(verify(&all, second.mint(&claims(json!({}))).as_bytes(), NOW, &NoHost).is_ok());
    assert_eq!(verify(&all, bare(&second).as_bytes(), NOW, &NoHost).unwrap_err(), TokenFault::UnknownKey);
    assert!(verify(&all, bare(&other).as_bytes(), NOW, &NoHost).is_ok());
    let token = Signer::ed25519("k4").mint(&claims(json!({})));
    assert_eq!(verify(&all, token.as_bytes(), NOW, &NoHost).unwrap_err(), TokenFault::UnknownKey);
    assert!(all.knows_key(super::ISSUER, "k3") && !all.knows_key(super::ISSUER, "k4"));
}

#[test]
fn a_token_of_an_unknown_key_says_which_key_to_look_for() {
    let token = Signer::ed25519("k4").mint(&claims(json!({})));
    let hint = key_hint(format!("Bearer {token}").as_bytes()).unwrap();
    assert_eq!((hint.issuer.as_str(), hint.key_id.as_str()), (super::ISSUER, "k4"));
    assert_eq!(key_hint(b"Bearer a.b.c"), None);
}

#[test]
fn an_issuer_without_keys_yet_knows_no_key() {
    let token = Signer::ed25519("k1").mint(&claims(json!({})));
    assert_eq!(verify(&issuers(&[]), token.as_bytes(), NOW, &NoHost).unwrap_err(), TokenFault::UnknownKey);
}

#[test]
fn keys_for_something_else_are_passed_over() {
    let (good, other) = (Signer::ed25519("k1"), Signer::rsa("RS256", "k2"));
    let foreign = [
        with(&other, "use", json!("enc")),
        with(&other, "key_ops", json!(["encrypt"])),
        with(&other, "alg", json!("RSA-OAEP")),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "AKP", "pub": "AA"}),
    ];
    for key in foreign {
        assert!(check(json!({"keys": [key, good.jwk]})).is_empty());
        assert_eq!(check(json!({"keys": [key]})), ["issuers[0].jwks.keys"]);
    }
}

#[test]
fn broken_and_weak_keys_are_faults_at_their_path() {
    let (rsa, p256, ed25519) = (Signer::rsa("RS256", "k"), Signer::es256("k"), Signer::ed25519("k"));
    let cases = [
        (with(&rsa, "n", json!(base64(&[0xff; 128]))), ".n"),
        (with(&rsa, "n", json!(base64(&[0xff; 1024]))), ".n"),
        (with(&rsa, "n", json!(base64(&[0xfe; 256]))), ".n"),
        (with(&rsa, "n", json!("not base64!")), ".n"),
        (with(&rsa, "e", json!("AQ")), ".e"),
        (with(&rsa, "e", json!("AA")), ".e"),
        (with(&rsa, "e", Value::Null), ".e"),
        (with(&rsa, "alg", json!("ES256")), ".alg"),
        (with(&rsa, "kid", json!(7)), ".kid"),
        (with(&rsa, "d", json!("AQAB")), ""),
        (with(&p256, "x", json!(base64(&[1; 32]))), ".x"),
        (with(&p256, "y", json!("AA")), ".x"),
        (with(&ed25519, "x", json!("AA")), ".x"),
        (json!({"kty": "oct", "k": "AAAA"}), ""),
        (json!({}), ".kty"),
        (json!(7), ""),
    ];
    for (key, suffix) in cases {
        assert_eq!(check(json!({"keys": [key]})), [format!("issuers[0].jwks.keys[0]{suffix}")], "{key}");
    }
    assert_eq!(check(json!({"keys": [rsa.jwk, p256.jwk, rsa.jwk]})), ["issuers[0].jwks.keys[2].kid"]);
    assert_eq!(check(json!([])), ["issuers[0].jwks.keys"]);
}

#[test]
fn every_fault_of_the_issuers_is_reported_at_once() {
    let good = document(&[&Signer::ed25519("k1")]);
    let bad = IssuerDocument { audiences: Vec::new(), scope_prefix: Some(String::new()), ..good.clone() };
    let faults = Issuers::compile(&[good, bad], 301).err().unwrap();
    let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["gateway.leewaySeconds", "issuers[1].issuer", "issuers[1].audiences", "issuers[1].scopePrefix"]);
    assert_eq!(Issuers::compile(&[], 0).err().unwrap()[0].path, "issuers");
}
