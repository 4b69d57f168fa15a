//! A serialised header map is read as far as it goes, whatever it holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_policy::{Body, Headers};

fuzz_target!(|map: &[u8]| {
    let headers = Headers::read(map);
    let head = headers.head(Body::Follows);
    for value in [Some(head.method), Some(head.path), head.authorization, head.content_type, head.content_encoding] {
        assert!(value.is_none_or(|value| value.len() <= map.len()));
    }
    assert!(headers.own().iter().all(|name| name.starts_with(b"x-tollgate-")));
});
