//! No token that the fuzzer makes up is believed, and none makes the reader panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tollgate_policy::document::IssuerDocument;
use tollgate_policy::{Issuers, NoHost, TokenCache, authenticate};

/// The public key of RFC 8037 appendix A.2.
const ISSUER: &str = r#"{"issuer":"https://issuer.example","audiences":["gateway"],"jwks":{"keys":[
    {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}"#;
const NOW: u64 = 1_800_000_000;

static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let document: IssuerDocument = serde_json::from_str(ISSUER).expect("a constant");
    Issuers::compile(&[document], 30).unwrap_or_else(|faults| panic!("{faults:?}"))
});

fuzz_target!(|authorization: &[u8]| {
    let mut cache = TokenCache::new(1, 16);
    let first = authenticate(&ISSUERS, &mut cache, Some(authorization), NOW, &NoHost);
    let again = authenticate(&ISSUERS, &mut cache, Some(authorization), NOW, &NoHost);
    assert!(first.is_err());
    assert_eq!(first.err(), again.err());
});
