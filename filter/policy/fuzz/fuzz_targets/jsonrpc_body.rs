//! A JSON-RPC body is read strictly: what is accepted, `serde_json` accepts too, and it reads the same method and id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate_policy::a2a::{jsonrpc, push};

fuzz_target!(|body: &[u8]| {
    let _ = push::search(body);
    if let Ok(request) = jsonrpc::read(body) {
        let value: Value = serde_json::from_slice(body).expect("strict JSON is JSON");
        assert_eq!(value["method"], request.method.as_str());
        assert_eq!(value["id"].to_string(), request.id.as_json());
    }
});
