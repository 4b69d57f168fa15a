//! Whatever stands in a card and its signatures: reading and comparing them never panics, what is canonical stays so, and no card is
//! believed that the pinned key did not sign.
#![no_main]

use std::{
    future::Future,
    pin::pin,
    sync::OnceLock,
    task::{Context, Poll, Waker},
};

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tollgate::{
    cards::{
        CardVerifier,
        canonical::{Form, canonical},
        difference,
    },
    domain::{CardKeySource, CardSignatures, SignaturePolicy},
    outbound::{Outbound, OutboundSettings},
    strict_json,
};

/// Its private half is with nobody.
fn keys() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
}

fn verifier() -> &'static CardVerifier {
    static VERIFIER: OnceLock<CardVerifier> = OnceLock::new();
    VERIFIER.get_or_init(|| {
        CardVerifier::new(&Outbound::new(OutboundSettings::default()).expect("a client"), Vec::new())
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(card) = strict_json::parse(bytes) else { return };
    let wanted = CardSignatures { policy: SignaturePolicy::Require, keys: CardKeySource::Inline(keys()) };
    let check = pin!(verifier().check(&card, &wanted));
    let Poll::Ready(outcome) = check.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("pinned keys need no I/O")
    };
    assert!(outcome.is_err());
    for form in [Form::Whole, Form::Known] {
        let Some(once) = canonical(&card, form) else { return };
        let read = strict_json::parse(&once).expect("canonical JSON is strict");
        assert_eq!(canonical(&read, form), Some(once));
        assert_eq!(difference(&card, &read).is_empty(), card == read);
    }
});
