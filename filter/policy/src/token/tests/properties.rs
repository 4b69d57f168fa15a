//! What holds for every input: nothing panics, nothing altered is believed, the cache never changes an answer.

use std::cell::RefCell;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ISSUER, LEEWAY, NOW, Signer, claims, issuers};
use crate::token::{Issuers, NoHost, TokenCache, TokenFault, authenticate, verify};

struct Fixture {
    signer: Signer,
    issuers: Issuers,
}

thread_local! {
    static FIXTURES: [Fixture; 2] = [Signer::ed25519("k1"), Signer::es256("k1")].map(|signer| {
        let issuers = issuers(&[&signer]);
        Fixture { signer, issuers }
    });
    static CACHE: RefCell<TokenCache> = RefCell::new(TokenCache::new(3, 16));
}

fn check(header: &[u8]) -> Result<(), TokenFault> {
    FIXTURES.with(|[fixture, _]| {
        CACHE.with_borrow_mut(|cache| authenticate(&fixture.issuers, cache, Some(header), NOW, &NoHost).map(drop))
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,4}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_headers_are_refused_and_never_panic(header in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(check(&header).is_err());
        prop_assert!(check(&[b"Bearer ", &header[..]].concat()).is_err());
    }

    #[test]
    fn arbitrary_text_in_the_shape_of_a_token_is_refused(token in "[A-Za-z0-9_=-]{0,40}(\\.[A-Za-z0-9_=-]{0,40}){0,4}") {
        let header = format!("Bearer {token}");
        prop_assert!(check(header.as_bytes()).is_err());
    }

    #[test]
    fn a_valid_token_with_any_one_bit_changed_is_refused(position in any::<prop::sample::Index>(), bit in 0..8u8) {
        FIXTURES.with(|fixtures| {
            for Fixture { signer, issuers } in fixtures {
                let mut token = signer.mint(&claims(json!({}))).into_bytes();
                prop_assert!(verify(issuers, &token, NOW, &NoHost).is_ok());
                token[position.index(signer.mint(&claims(json!({}))).len())] ^= 1 << bit;
                prop_assert!(verify(issuers, &token, NOW, &NoHost).is_err());
            }
            Ok(())
        })?;
    }

    #[test]
    fn whatever_is_honestly_signed_is_read_without_panic_and_believed_only_in_its_time(
        name in prop::sample::select(vec!["exp", "nbf", "aud", "iss", "sub", "client_id", "azp", "scope", "jti", "x"]),
        value in any_json(),
    ) {
        FIXTURES.with(|[Fixture { signer, issuers }, _]| {
            let token = signer.mint(&claims(json!({ name: value })));
            if let Ok(caller) = verify(issuers, token.as_bytes(), NOW, &NoHost) {
                prop_assert!(NOW <= caller.expires_at() + u64::from(LEEWAY));
                prop_assert_eq!(caller.issuer(), ISSUER);
                prop_assert!(!caller.client().is_empty() && !caller.client().contains(char::is_control));
            }
            Ok(())
        })?;
    }

    #[test]
    fn arbitrary_payload_bytes_honestly_signed_never_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        FIXTURES.with(|[Fixture { signer, issuers }, _]| {
            let token = signer.mint_bytes(br#"{"alg":"EdDSA","kid":"k1"}"#, &payload);
            prop_assert!(verify(issuers, token.as_bytes(), NOW, &NoHost).is_err());
            Ok(())
        })?;
    }

    #[test]
    fn the_cache_admits_exactly_what_verification_admits(
        calls in prop::collection::vec((0..12usize, 0..8u64), 1..60),
        capacity in 0..6usize,
    ) {
        FIXTURES.with(|[Fixture { signer, issuers }, _]| {
            let tokens: Vec<String> = (0..12u64)
                .map(|n| signer.mint(&claims(json!({"jti": n.to_string(), "exp": NOW + n * 7, "nbf": NOW + n * 5}))))
                .collect();
            let mut cache = TokenCache::new(5, capacity);
            let mut now = NOW;
            for (index, step) in calls {
                now += step;
                let header = format!("Bearer {}", tokens[index]);
                let cached = authenticate(issuers, &mut cache, Some(header.as_bytes()), now, &NoHost);
                let direct = verify(issuers, tokens[index].as_bytes(), now, &NoHost);
                prop_assert_eq!(cached.map(|caller| (*caller).clone()).ok(), direct.ok());
                prop_assert!(cache.len() <= capacity && cache.refused_len() <= capacity);
            }
            Ok(())
        })?;
    }
}
