//! What the cache remembers, for how long, and what it forgets.

use std::cell::Cell;

use serde_json::json;

use super::{LEEWAY, NOW, Signer, claims, document, issuers};
use crate::document::IssuerDocument;
use crate::token::{HostAlgorithm, Issuers, SignatureHost, TokenCache, TokenFault, UnixSeconds, authenticate};

/// Counts what it is asked and says yes to all of it.
#[derive(Default)]
struct CountingHost(Cell<usize>);

impl SignatureHost for CountingHost {
    fn verify(&self, _: HostAlgorithm, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        self.0.set(self.0.get() + 1);
        Some(true)
    }
}

struct Bench {
    issuers: Issuers,
    cache: TokenCache,
    host: CountingHost,
}

impl Bench {
    fn new(signer: &Signer, capacity: usize) -> Self {
        Self { issuers: issuers(&[signer]), cache: TokenCache::new(7, capacity), host: CountingHost::default() }
    }

    fn check(&mut self, token: &str, now: UnixSeconds) -> Result<(), TokenFault> {
        let header = format!("Bearer {token}");
        authenticate(&self.issuers, &mut self.cache, Some(header.as_bytes()), now, &self.host).map(drop)
    }
}

fn token(signer: &Signer, name: usize) -> String {
    signer.mint(&claims(json!({"jti": format!("token-{name}")})))
}

#[test]
fn a_verified_token_is_verified_once_until_it_expires() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 8);
    let token = token(&signer, 0);
    let last = NOW + 60 + u64::from(LEEWAY);
    for now in [NOW, NOW + 60, last] {
        assert_eq!(bench.check(&token, now), Ok(()));
    }
    assert_eq!((bench.host.0.get(), bench.cache.hits(), bench.cache.misses()), (1, 2, 1));
    assert_eq!(bench.check(&token, last + 1), Err(TokenFault::Expired));
    assert_eq!(bench.host.0.get(), 1);
}

#[test]
fn a_cached_caller_is_shared_not_copied() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 8);
    let header = format!("Bearer {}", token(&signer, 0));
    let mut caller =
        || authenticate(&bench.issuers, &mut bench.cache, Some(header.as_bytes()), NOW, &bench.host).unwrap();
    assert!(std::sync::Arc::ptr_eq(&caller(), &caller()));
}

#[test]
fn a_refused_token_is_remembered_for_some_seconds() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 8);
    let unknown = Signer::es256("k2").mint(&claims(json!({})));
    assert_eq!(bench.check(&unknown, NOW), Err(TokenFault::UnknownKey));
    assert_eq!(bench.check(&unknown, NOW + 1), Err(TokenFault::UnknownKey));
    assert_eq!(bench.cache.hits(), 1);
    assert_eq!(bench.check(&unknown, NOW + 2), Err(TokenFault::UnknownKey));
    assert_eq!((bench.cache.hits(), bench.cache.refused_len()), (1, 1));
    assert_eq!(bench.check("a.b.c", NOW), Err(TokenFault::Malformed));
    assert_eq!(bench.check("a.b.c", NOW + 9), Err(TokenFault::Malformed));
    assert_eq!(bench.cache.hits(), 2);
}

#[test]
fn a_token_that_starts_next_second_is_good_next_second() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 8);
    let early = signer.mint(&claims(json!({"nbf": NOW + u64::from(LEEWAY) + 1})));
    assert_eq!(bench.check(&early, NOW), Err(TokenFault::NotYetValid));
    assert_eq!(bench.check(&early, NOW + 1), Ok(()));
}

#[test]
fn long_garbage_is_not_stored() {
    let mut bench = Bench::new(&Signer::es256("k1"), 8);
    assert_eq!(bench.check(&"a".repeat(4097), NOW), Err(TokenFault::Malformed));
    assert_eq!(bench.cache.refused_len(), 0);
    assert_eq!(bench.check(&"a".repeat(4096), NOW), Err(TokenFault::Malformed));
    assert_eq!(bench.cache.refused_len(), 1);
}

#[test]
fn changed_issuers_forget_everything_and_equal_ones_nothing() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 8);
    let token = token(&signer, 0);
    assert_eq!(bench.check(&token, NOW), Ok(()));
    bench.issuers = issuers(&[&signer]);
    assert_eq!(bench.check(&token, NOW), Ok(()));
    assert_eq!(bench.host.0.get(), 1);
    let moved = IssuerDocument { audiences: vec!["elsewhere".to_owned()], ..document(&[&signer]) };
    bench.issuers = super::compile(moved);
    assert_eq!(bench.check(&token, NOW), Err(TokenFault::WrongAudience));
    assert!(bench.cache.is_empty());
}

#[test]
fn a_token_refused_for_its_key_is_good_as_soon_as_the_key_comes() {
    let (signer, rotated) = (Signer::es256("k1"), Signer::es256("k2"));
    let mut bench = Bench::new(&signer, 8);
    let token = token(&rotated, 0);
    assert_eq!(bench.check(&token, NOW), Err(TokenFault::UnknownKey));
    bench.issuers = issuers(&[&signer, &rotated]);
    assert_eq!(bench.check(&token, NOW), Ok(()));
}

#[test]
fn a_full_cache_gives_up_what_was_not_asked_for() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 4);
    let favourite = token(&signer, 0);
    assert_eq!(bench.check(&favourite, NOW), Ok(()));
    for name in 1..50 {
        assert_eq!(bench.check(&favourite, NOW), Ok(()));
        assert_eq!(bench.check(&token(&signer, name), NOW), Ok(()));
        assert!(bench.cache.len() <= 4);
    }
    assert_eq!(bench.host.0.get(), 50);
}

#[test]
fn a_flood_of_garbage_does_not_displace_verified_tokens() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 4);
    let good = token(&signer, 0);
    assert_eq!(bench.check(&good, NOW), Ok(()));
    for name in 0..50 {
        assert_eq!(bench.check(&format!("a.b.{name}"), NOW), Err(TokenFault::Malformed));
    }
    assert_eq!(bench.check(&good, NOW), Ok(()));
    assert_eq!((bench.host.0.get(), bench.cache.refused_len()), (1, 4));
}

#[test]
fn a_cache_of_nothing_still_answers() {
    let signer = Signer::es256("k1");
    let mut bench = Bench::new(&signer, 0);
    let token = token(&signer, 0);
    assert_eq!((bench.check(&token, NOW), bench.check(&token, NOW)), (Ok(()), Ok(())));
    assert_eq!((bench.host.0.get(), bench.cache.len()), (2, 0));
}
