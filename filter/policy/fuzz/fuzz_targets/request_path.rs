//! A path is refused, or names what its segments name: an agent's id is its second segment, byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_policy::a2a::http_json;
use tollgate_policy::path::{Path, Target};

fuzz_target!(|raw: &[u8]| {
    let Ok(path) = Path::read(raw) else { return };
    let _ = path.carries_token();
    for method in [b"GET".as_slice(), b"POST", b"DELETE"] {
        match path.target(method) {
            Target::Card { agent } | Target::Rpc { agent } => assert!(stands_in(raw, agent)),
            Target::Rest { agent, remainder } => {
                assert!(stands_in(raw, agent));
                let _ = http_json::classify(method, remainder);
            }
            _ => {}
        }
    }
});

fn stands_in(raw: &[u8], agent: &str) -> bool {
    let segments = raw.split(|b| matches!(b, b'/' | b'?'));
    segments.skip(2).next() == Some(agent.as_bytes())
}
