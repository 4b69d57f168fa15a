//! Whatever comes, from either side.

use proptest::prelude::*;
use tollgate_a2a::wire::NoIds;
use tollgate_policy::document::{Dialect, Interface};

use crate::{exchange, message, read, write};

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(&Dialect::ALL[..])
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("data: {\"statusUpdate\":{\"taskId\":\"t\u{e9}\"}}".to_owned()),
        Just("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"message\":{}}}".to_owned()),
        Just(": ping".to_owned()),
        Just("id: 3".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        "[a-z:{} ]{0,8}",
    ]
}

proptest! {
    #[test]
    fn where_chunks_end_makes_no_difference(pieces in prop::collection::vec(piece(), 0..20), cuts in prop::collection::vec(1usize..40, 0..30)) {
        let stream = pieces.join("\n").into_bytes();
        let events = || exchange(Dialect::JsonRpc1, Dialect::HttpJson1, "SendStreamingMessage", &message()).events(1000);
        let whole = events().feed(&stream, &NoIds);
        let (mut events, mut rest, mut out) = (events(), &stream[..], Vec::new());
        for cut in cuts {
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            out.extend(events.feed(chunk, &NoIds));
            rest = tail;
        }
        out.extend(events.feed(rest, &NoIds));
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn arbitrary_answers_never_panic(status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..200), client in prop::sample::select(&[Dialect::JsonRpc1, Dialect::HttpJson1][..]), agent in dialect()) {
        let exchange = exchange(client, agent, "SendMessage", &message());
        let _ = exchange.unary(status, &body, &NoIds);
        let _ = exchange.events(100).feed(&body, &NoIds);
    }

    #[test]
    fn arbitrary_requests_never_panic(verb in "(GET|POST|DELETE)", path in "/(v1/)?[a-zA-Z0-9%:/]{0,30}", query in "[a-zA-Z0-9=&%+]{0,30}", body in prop::collection::vec(any::<u8>(), 0..200), to in dialect()) {
        for interface in [Interface::Rpc, Interface::Rest] {
            if let Ok(call) = read(interface, &verb, &path, &query, &body) {
                let _ = write(call, to, &NoIds);
            }
        }
    }
}
