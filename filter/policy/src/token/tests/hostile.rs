//! Tokens made to deceive, and headers that are no tokens.

use serde_json::json;

use super::signer::base64;
use super::{ISSUER, NOW, Signer, check, claims, issuers};
use crate::token::{MAX_TOKEN, NoHost, TokenCache, TokenFault, authenticate, verify};

/// What becomes of good claims under that header, honestly signed.
fn under(header: &str) -> Result<(), TokenFault> {
    let signer = Signer::ed25519("k1");
    let token = signer.mint_bytes(header.as_bytes(), claims(json!({})).as_bytes());
    verify(&issuers(&[&signer]), token.as_bytes(), NOW, &NoHost).map(drop)
}

#[test]
fn algorithms_that_are_none_or_shared_secrets_are_refused() {
    for name in ["none", "None", "NONE", "HS256", "HS512", "PS384", "ES384", "eddsa", "Ed25519", ""] {
        let header = json!({"alg": name, "kid": "k1"}).to_string();
        assert_eq!(under(&header), Err(TokenFault::UnsupportedAlgorithm), "{name}");
    }
    let unsigned = format!("{}.{}.", base64(br#"{"alg":"none"}"#), base64(claims(json!({})).as_bytes()));
    let outcome = verify(&issuers(&[]), unsigned.as_bytes(), NOW, &NoHost);
    assert_eq!(outcome.unwrap_err(), TokenFault::UnsupportedAlgorithm);
}

#[test]
fn a_public_key_used_as_a_shared_secret_is_refused() {
    use aws_lc_rs::hmac;
    let signer = Signer::rsa("RS256", "k1");
    let signed = format!("{}.{}", base64(br#"{"alg":"HS256","kid":"k1"}"#), base64(claims(json!({})).as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &signer.spki), signed.as_bytes());
    let token = format!("{signed}.{}", base64(tag.as_ref()));
    let outcome = verify(&issuers(&[&signer]), token.as_bytes(), NOW, &NoHost);
    assert_eq!(outcome.unwrap_err(), TokenFault::UnsupportedAlgorithm);
}

#[test]
fn an_algorithm_of_another_kind_of_key_is_refused() {
    assert_eq!(under(r#"{"alg":"ES256","kid":"k1"}"#), Err(TokenFault::UnsupportedAlgorithm));
    assert_eq!(under(r#"{"alg":"RS256","kid":"k1"}"#), Err(TokenFault::UnsupportedAlgorithm));
}

#[test]
fn a_header_may_not_ask_for_what_is_not_done_nor_bring_its_own_key() {
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"k1"}"#), Ok(()));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"k1","typ":"application/AT+JWT"}"#), Ok(()));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"k1","crit":["exp"]}"#), Err(TokenFault::UnsupportedHeader));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"k1","crit":null}"#), Err(TokenFault::UnsupportedHeader));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"k1","typ":"logout+jwt"}"#), Err(TokenFault::UnsupportedHeader));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"k1","cty":"JWT"}"#), Err(TokenFault::Malformed));
    let (ours, theirs) = (Signer::ed25519("k1"), Signer::ed25519("k1"));
    let header = json!({"alg": "EdDSA", "kid": "k1", "jwk": theirs.jwk}).to_string();
    let token = theirs.mint_bytes(header.as_bytes(), claims(json!({})).as_bytes());
    let outcome = verify(&issuers(&[&ours]), token.as_bytes(), NOW, &NoHost);
    assert_eq!(outcome.unwrap_err(), TokenFault::BadSignature);
}

#[test]
fn a_wrong_kid_is_refused_without_trying_other_keys() {
    assert_eq!(under(r#"{"alg":"EdDSA","kid":"K1"}"#), Err(TokenFault::UnknownKey));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":""}"#), Err(TokenFault::UnknownKey));
    assert_eq!(under(r#"{"alg":"EdDSA","kid":["k1"]}"#), Err(TokenFault::Malformed));
}

#[test]
fn json_that_two_readers_could_read_differently_is_refused() {
    for header in [r#"{"alg":"EdDSA","kid":"k1","kid":"k1"}"#, r#"{"alg":"none","alg":"EdDSA"}"#, "{}", "[]", "{", ""] {
        assert_eq!(under(header), Err(TokenFault::Malformed), "{header}");
    }
    let good = claims(json!({}));
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    let payloads = [
        good.replacen('{', r#"{"sub":"root","#, 1),
        good.replacen('{', r#"{"x":{"a":1,"\u0061":2},"#, 1),
        format!("{good}{good}"),
        format!("\u{feff}{good}"),
        good.replacen('{', &format!(r#"{{"x":{deep},"#), 1),
        good.replacen('{', r#"{"x":1e999,"#, 1),
        good.replacen('{', r#"{"x":"\ud800","#, 1),
        format!("[{good}]"),
    ];
    for payload in payloads {
        assert_eq!(check(&payload), Err(TokenFault::Malformed), "{payload}");
    }
}

#[test]
fn payloads_that_are_not_utf8_are_refused() {
    let signer = Signer::ed25519("k1");
    let mut payload = claims(json!({})).into_bytes();
    payload.splice(1..1, *b"\"x\":\"\xff\",");
    let token = signer.mint_bytes(br#"{"alg":"EdDSA","kid":"k1"}"#, &payload);
    let outcome = verify(&issuers(&[&signer]), token.as_bytes(), NOW, &NoHost);
    assert_eq!(outcome.unwrap_err(), TokenFault::Malformed);
}

#[test]
fn only_the_exact_compact_form_is_read() {
    let signer = Signer::ed25519("k1");
    let issuers = issuers(&[&signer]);
    let token = signer.mint(&claims(json!({})));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    // Padding signed along with the rest: only the reader can refuse it.
    let padded = signer.sign_text(&format!("{}=.{payload}", header.trim_end_matches('=')));
    let spaced = signer.sign_text(&format!("{header} .{payload}"));
    let variants = [
        padded,
        spaced,
        format!("{token}="),
        format!("{token}."),
        format!("{token}.{signature}"),
        signed.to_owned(),
        signature.to_owned(),
        "..".to_owned(),
        ".".to_owned(),
    ];
    for variant in variants {
        let outcome = verify(&issuers, variant.as_bytes(), NOW, &NoHost);
        assert_eq!(outcome.unwrap_err(), TokenFault::Malformed, "{variant}");
    }
    let unsigned = format!("{signed}.");
    assert_eq!(verify(&issuers, unsigned.as_bytes(), NOW, &NoHost).unwrap_err(), TokenFault::BadSignature);
}

#[test]
fn an_authorization_header_is_one_bearer_token_and_nothing_else() {
    let signer = Signer::ed25519("k1");
    let issuers = issuers(&[&signer]);
    let mut cache = TokenCache::new(1, 8);
    let token = signer.mint(&claims(json!({})));
    let mut outcome = |header: &[u8]| authenticate(&issuers, &mut cache, Some(header), NOW, &NoHost).map(drop);
    assert_eq!(outcome(format!("Bearer {token}").as_bytes()), Ok(()));
    assert_eq!(outcome(format!("bEARER   {token} ").as_bytes()), Ok(()));
    for header in [&b""[..], b"Bearer", b"Basic YTpi", b"Bearer\tx", token.as_bytes(), b"\xff\xfe\x00bearer "] {
        assert_eq!(outcome(header), Err(TokenFault::NotBearer), "{header:?}");
    }
    for header in [format!("Bearer {token},Bearer {token}"), format!("Bearer {token}, x"), "Bearer  ".to_owned()] {
        assert_eq!(outcome(header.as_bytes()), Err(TokenFault::Malformed), "{header}");
    }
    assert_eq!(outcome(b"Bearer \xff\xff.\xff.\xff"), Err(TokenFault::Malformed));
    assert_eq!(outcome(format!("Bearer {}", "a".repeat(MAX_TOKEN + 1)).as_bytes()), Err(TokenFault::TooLong));
    assert_eq!(authenticate(&issuers, &mut cache, None, NOW, &NoHost).unwrap_err(), TokenFault::Missing);
}

#[test]
fn a_token_of_one_issuer_signed_by_another_is_refused() {
    let (first, second) = (Signer::ed25519("k1"), Signer::ed25519("k2"));
    let mut other = super::document(&[&second]);
    other.issuer = "https://other.example".to_owned();
    let issuers = crate::token::Issuers::compile(&[super::document(&[&first]), other], 0).ok().unwrap();
    let forged = second.mint(&claims(json!({"iss": ISSUER})));
    assert_eq!(verify(&issuers, forged.as_bytes(), NOW, &NoHost).unwrap_err(), TokenFault::UnknownKey);
    let honest = second.mint(&claims(json!({"iss": "https://other.example"})));
    assert!(verify(&issuers, honest.as_bytes(), NOW, &NoHost).is_ok());
}
