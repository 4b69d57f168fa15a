//! What is read from claims, and what is refused for them.

use serde_json::json;

use super::{ISSUER, NOW, Signer, check, claims, compile, document};
use crate::token::{Caller, NoHost, TokenFault, verify};

fn refuses(changes: serde_json::Value, fault: TokenFault) {
    assert_eq!(check(&claims(changes.clone())), Err(fault), "{changes}");
}

fn accepts(changes: serde_json::Value) -> Caller {
    check(&claims(changes)).unwrap()
}

#[test]
fn a_good_token_names_its_caller() {
    let caller = accepts(json!({}));
    assert_eq!(caller.issuer(), ISSUER);
    assert_eq!(caller.client(), "app");
    assert_eq!(caller.subject(), Some("alice"));
    assert_eq!(caller.token_id(), Some("token-1"));
    assert_eq!(caller.expires_at(), NOW + 60);
    let scopes: Vec<&str> = caller.scopes().iter().map(|scope| scope.as_str()).collect();
    assert_eq!(scopes, ["agents:calculator:write", "agents:weather:read"]);
    assert_eq!((caller.key().issuer(), caller.key().client()), (ISSUER, "app"));
}

#[test]
fn a_token_is_good_until_leeway_after_its_expiry_and_not_a_second_longer() {
    accepts(json!({"exp": NOW - 30}));
    refuses(json!({"exp": NOW - 31}), TokenFault::Expired);
    accepts(json!({"exp": NOW as f64 - 30.0}));
    refuses(json!({"exp": NOW as f64 - 30.5}), TokenFault::Expired);
}

#[test]
fn a_token_is_good_from_leeway_before_its_start_and_not_a_second_earlier() {
    accepts(json!({"nbf": NOW + 30}));
    refuses(json!({"nbf": NOW + 31}), TokenFault::NotYetValid);
    refuses(json!({"nbf": NOW as f64 + 30.5}), TokenFault::NotYetValid);
}

#[test]
fn times_that_are_no_times_are_malformed() {
    for time in [json!(-1), json!(-0.5), json!(u64::MAX), json!(i64::MAX), json!(1e30), json!("1900000000"), json!([])]
    {
        refuses(json!({ "exp": time }), TokenFault::Malformed);
        refuses(json!({ "nbf": time }), TokenFault::Malformed);
    }
    refuses(json!({"exp": null}), TokenFault::MissingExpiry);
}

#[test]
fn the_audience_must_be_ours_byte_for_byte() {
    accepts(json!({"aud": ["elsewhere", "other"]}));
    for audience in [json!("Gateway"), json!("gateway/"), json!([]), json!(["elsewhere"]), json!(null)] {
        refuses(json!({ "aud": audience }), TokenFault::WrongAudience);
    }
    for audience in [json!(7), json!(["gateway", 7]), json!({"gateway": true})] {
        refuses(json!({ "aud": audience }), TokenFault::Malformed);
    }
}

#[test]
fn the_issuer_must_be_configured_byte_for_byte() {
    refuses(json!({"iss": null}), TokenFault::UnknownIssuer);
    refuses(json!({"iss": format!("{ISSUER}/")}), TokenFault::UnknownIssuer);
    refuses(json!({"iss": 7}), TokenFault::Malformed);
}

#[test]
fn the_client_is_the_first_of_its_claims_that_is_present() {
    assert_eq!(accepts(json!({"client_id": null, "azp": "web"})).client(), "web");
    assert_eq!(accepts(json!({"client_id": null})).client(), "alice");
    refuses(json!({"client_id": null, "sub": null}), TokenFault::MissingClient);
    refuses(json!({"client_id": ""}), TokenFault::MissingClient);
    refuses(json!({"client_id": 7}), TokenFault::Malformed);
    refuses(json!({"client_id": "app\r\nx-tollgate-subject: root"}), TokenFault::Malformed);
    refuses(json!({"sub": "alice\u{0}"}), TokenFault::Malformed);
}

#[test]
fn scopes_come_as_a_string_or_a_list_and_what_is_no_scope_is_left_out() {
    let scopes = |changes| accepts(changes).scopes().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(scopes(json!({"scope": "b  a b \"bad\""})), ["a", "b"]);
    assert_eq!(scopes(json!({"scope": ["b", "a c", "a"]})), ["a", "b"]);
    assert_eq!(scopes(json!({"scope": null, "scp": "x"})), ["x"]);
    assert!(scopes(json!({"scope": null})).is_empty());
    refuses(json!({"scope": 7}), TokenFault::Malformed);
    refuses(json!({"scope": ["a", 7]}), TokenFault::Malformed);
}

#[test]
fn a_scope_prefix_is_taken_off_and_scopes_without_it_are_ignored() {
    let signer = Signer::ed25519("k1");
    let mut document = document(&[&signer]);
    document.scope_prefix = Some("api://gateway/".to_owned());
    let token =
        signer.mint(&claims(json!({"scope": "api://gateway/read gateway:admin api://other/write api://gateway/"})));
    let caller = verify(&compile(document), token.as_bytes(), NOW, &NoHost).unwrap();
    assert_eq!(caller.scopes().iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["read"]);
}

#[test]
fn tokens_for_another_purpose_are_refused() {
    refuses(json!({"at_hash": "x"}), TokenFault::NotAccessToken);
    refuses(json!({"c_hash": "x"}), TokenFault::NotAccessToken);
    refuses(json!({"token_use": "id"}), TokenFault::NotAccessToken);
    accepts(json!({"token_use": "access", "nonce": "n"}));
}
