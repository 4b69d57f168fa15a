//! A request is read and written for an agent of every dialect: what is written is a request again, and says the same operation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_a2a::wire::{Call, NoIds, Outgoing, RequestParts};
use tollgate_policy::document::{Dialect, Interface};

fuzz_target!(|input: (bool, u8, &str, &str, &[u8])| {
    let (is_rpc, verb, path, query, body) = input;
    let interface = if is_rpc { Interface::Rpc } else { Interface::Rest };
    let verb = match verb % 3 {
        0 => "GET",
        1 => "POST",
        _ => "DELETE",
    };
    let Ok(call) = Call::read(interface, &RequestParts { verb, path, query, body }) else { return };
    for to in Dialect::ALL {
        let Ok((outgoing, exchange)) = call.clone().write(to, &NoIds) else { continue };
        if to != call.dialect() {
            assert_eq!(read_again(to, &outgoing).operation(), call.operation(), "{to:?} {outgoing:?}");
        }
        for status in [200, 404, 503] {
            let _ = exchange.unary(status, body, &NoIds);
        }
    }
});

fn read_again(to: Dialect, outgoing: &Outgoing) -> Call {
    let (path, query) = outgoing.path.split_once('?').unwrap_or((&outgoing.path, ""));
    let body = outgoing.body.as_ref().map_or(&[][..], |(_, body)| body);
    let parts = RequestParts { verb: outgoing.verb, path, query, body };
    Call::read(to.interface(), &parts).unwrap_or_else(|refused| panic!("{outgoing:?}: {refused:?}"))
}
