//! What the strict reader takes, serde_json reads as the same value; it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::strict_json;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = strict_json::parse(bytes) {
        assert_eq!(serde_json::from_slice::<serde_json::Value>(bytes).ok(), Some(value));
    }
});
