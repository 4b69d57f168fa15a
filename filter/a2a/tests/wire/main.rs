//! What is said on the wire: each operation in one binding as the other has it, and the way back.

mod bindings;
mod events;
mod ownership;
mod properties;

use serde_json::{Value, json};
use tollgate_a2a::wire::{Answer, Call, Exchange, Ids, NoIds, Outgoing, RequestParts};
use tollgate_policy::document::{Dialect, Interface};

/// A request of JSON-RPC.
fn rpc(method: &str, params: &Value) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string().into_bytes()
}

fn read(interface: Interface, verb: &str, path: &str, query: &str, body: &[u8]) -> Result<Call, Answer> {
    Call::read(interface, &RequestParts { verb, path, query, body }).map_err(|refused| refused.answer())
}

fn read_rpc(method: &str, params: &Value) -> Call {
    read(Interface::Rpc, "POST", "/", "", &rpc(method, params)).unwrap()
}

fn write(call: Call, to: Dialect, ids: &dyn Ids) -> Result<(Outgoing, Exchange), Answer> {
    call.write(to, ids).map_err(|refused| refused.answer())
}

/// What JSON-RPC makes of a request.
fn sent(outgoing: &Outgoing) -> Value {
    outgoing.body.as_ref().map_or(Value::Null, |(_, body)| body_of(body))
}

fn body_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// An exchange between a client of one dialect and an agent of another, about a message.
fn exchange(client: Dialect, agent: Dialect, method: &str, params: &Value) -> Exchange {
    let call = match client.interface() {
        Interface::Rpc => read_rpc(method, params),
        Interface::Rest => {
            let path = if method == "SendStreamingMessage" { "/message:stream" } else { "/message:send" };
            let path = if client == Dialect::HttpJson03 { format!("/v1{path}") } else { path.to_owned() };
            read(Interface::Rest, "POST", &path, "", params.to_string().as_bytes()).unwrap()
        }
    };
    assert_eq!(call.dialect(), client);
    write(call, agent, &NoIds).unwrap().1
}

fn message() -> Value {
    json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}})
}

/// A stream as its lines, where data is JSON: the order of its members is nobody's business.
fn lines(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    text.split_inclusive('\n')
        .map(|line| {
            line.strip_prefix("data: ").map_or_else(|| json!(line), |data| json!({"data": body_of(data.as_bytes())}))
        })
        .collect()
}
