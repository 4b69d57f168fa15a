//! A stream is translated the same wherever its chunks end, in every pair of dialects.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_a2a::wire::{Call, Events, NoIds, RequestParts};
use tollgate_policy::document::{Dialect, Interface};

/// Longest event, bytes: short enough to be reached.
const MAX_EVENT: usize = 512;

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (is_rpc, cut, stream) = input;
    for agent in Dialect::ALL {
        let whole = events(is_rpc, agent).feed(stream, &NoIds);
        let mut events = events(is_rpc, agent);
        let chunks = stream.chunks(usize::from(cut).max(1));
        let cut: Vec<u8> = chunks.flat_map(|chunk| events.feed(chunk, &NoIds)).collect();
        assert_eq!(cut, whole, "{agent:?}");
    }
});

/// A stream that answers a message to be streamed.
fn events(is_rpc: bool, agent: Dialect) -> Events {
    let body: &[u8] = if is_rpc {
        br#"{"jsonrpc":"2.0","id":1,"method":"SendStreamingMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hi"}]}}}"#
    } else {
        br#"{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hi"}]}}"#
    };
    let (interface, path) = if is_rpc { (Interface::Rpc, "/") } else { (Interface::Rest, "/message:stream") };
    let parts = RequestParts { verb: "POST", path, query: "", body };
    let call = Call::read(interface, &parts).expect("the request is one");
    let (_, exchange) = call.write(agent, &NoIds).expect("every dialect streams messages");
    exchange.events(MAX_EVENT)
}
