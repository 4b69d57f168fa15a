//! Whatever a discovery source serves: it is no catalogue, or its candidates are places that may be looked at, each once.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tollgate::{
    sources::{Candidate, candidates},
    strict_json,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = strict_json::parse(bytes) else { return };
    let place = "https://host.example/.well-known/ai-catalog.json".parse().expect("a constant");
    let Some(found) = candidates(&document, &place) else { return };
    let mut seen = BTreeSet::new();
    for candidate in found {
        if let Candidate::At(url) = candidate {
            assert!(matches!(url.scheme(), "http" | "https") && url.has_host());
            assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
            assert!(seen.insert(url));
        }
    }
});
