//! The JSON-RPC binding: what a request's body asks for. Read strictly, because the backend reads the same bytes with another
//! parser: no batch, no name twice, no envelope member in another case, nothing that could be two things.

use std::borrow::Cow;

use super::push::{Push, Spot};
use crate::json::{self, JsonFault, Reader, Shape};

/// Longest string `id` read, in bytes: it is echoed in denials.
pub const MAX_ID: usize = 256;

/// A request, as far as the decision needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its `id`, rendered as JSON; `null` for a notification.
    pub id: RequestId,
    /// Its `method`, as sent.
    pub method: String,
    /// What its parameters say of webhooks.
    pub push: Push,
}

/// A request's `id` as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Cow<'static, str>);

impl RequestId {
    /// No `id`, or one that was not read.
    #[must_use]
    pub fn null() -> Self {
        Self(Cow::Borrowed("null"))
    }

    /// The `id` as JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// Why a body is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcFault {
    /// The `id` where it could be read.
    pub id: RequestId,
    /// What is wrong.
    pub kind: RpcFaultKind,
}

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RpcFaultKind {
    /// Not one strict JSON value: JSON-RPC "parse error", except for duplicate names and depth, which are "invalid request".
    #[error("the body {0}")]
    Json(JsonFault),
    /// An array.
    #[error("batches are not accepted")]
    Batch,
    /// Not a request object as JSON-RPC 2.0 section 4 has it.
    #[error(
        "the body is not a JSON-RPC 2.0 request object: jsonrpc \"2.0\", a string method, an id that is a short string or an integer"
    )]
    NotARequest,
}

/// Reads a body.
///
/// # Errors
/// Why it is refused, with its `id` if that was read.
pub fn read(body: &[u8]) -> Result<Request, RpcFault> {
    let mut envelope = Envelope::default();
    if let Err(fault) = json::read(body, Place::Root, &mut envelope) {
        return Err(RpcFault { id: RequestId::null(), kind: RpcFaultKind::Json(fault) });
    }
    let id = envelope.id.take().unwrap_or_else(RequestId::null);
    match (envelope.kind, envelope.method) {
        (Kind::Request, Some(method)) if envelope.is_version_2 => Ok(Request { id, method, push: envelope.push }),
        (Kind::Batch, _) => Err(RpcFault { id, kind: RpcFaultKind::Batch }),
        _ => Err(RpcFault { id, kind: RpcFaultKind::NotARequest }),
    }
}

#[derive(Clone, Copy)]
enum Place {
    Root,
    Version,
    Id,
    Method,
    Params(Spot),
    Lookalike,
    Elsewhere,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Invalid,
    Request,
    Batch,
}

#[derive(Default)]
struct Envelope {
    kind: Kind,
    is_version_2: bool,
    id: Option<RequestId>,
    method: Option<String>,
    push: Push,
}

impl Reader for Envelope {
    type Place = Place;
    const ELSEWHERE: Place = Place::Elsewhere;

    fn enter(&mut self, parent: Place, name: &str) -> Place {
        match (parent, name) {
            (Place::Root, "jsonrpc") => Place::Version,
            (Place::Root, "id") => Place::Id,
            (Place::Root, "method") => Place::Method,
            (Place::Root, "params") => Place::Params(Spot::Params),
            (Place::Root, name) if is_lookalike(name) => Place::Lookalike,
            (Place::Params(spot), name) => Place::Params(spot.enter(name)),
            _ => Place::Elsewhere,
        }
    }

    fn value(&mut self, place: Place, shape: Shape<'_>) {
        match (place, shape) {
            (Place::Root, Shape::Object) => self.kind = Kind::Request,
            (Place::Root, Shape::Array) => self.kind = Kind::Batch,
            (Place::Version, Shape::Text(version)) => self.is_version_2 = version == "2.0",
            (Place::Method, Shape::Text(method)) => self.method = Some(method.to_owned()),
            (Place::Id, Shape::Text(id)) if id.len() <= MAX_ID => self.id = Some(RequestId(quoted(id).into())),
            (Place::Id, Shape::Integer(id)) => self.id = Some(RequestId(id.to_string().into())),
            (Place::Id, Shape::Null) => self.id = Some(RequestId::null()),
            (Place::Id | Place::Lookalike, _)
            | (Place::Params(Spot::Params), Shape::Text(_) | Shape::Bool(_) | Shape::Array) => {
                self.kind = Kind::Invalid;
            }
            (Place::Params(spot), shape) => self.push.note(spot, shape),
            _ => {}
        }
    }
}

/// An envelope member's name in another case: some parsers take it for the member. Go's folds letters beyond ASCII too.
fn is_lookalike(name: &str) -> bool {
    !name.is_ascii() || ["jsonrpc", "id", "method", "params"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(body: &str, id: &str, expect: Result<(&str, bool), RpcFaultKind>) {
        let (seen_id, seen) = match read(body.as_bytes()) {
            Ok(request) => (request.id, Ok((request.method, request.push.rides_along()))),
            Err(fault) => (fault.id, Err(fault.kind)),
        };
        assert_eq!((seen_id.as_json(), seen), (id, expect.map(|(method, push)| (method.to_owned(), push))), "{body}");
    }

    #[test]
    fn reads_members_in_any_order() {
        let send = |body: &str, id: &str| check(body, id, Ok(("SendMessage", false)));
        send(r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{}}"#, "1");
        send(r#"{"method":"SendMessage","params":{"message":{"id":"x"}},"id":"a\"b","jsonrpc":"2.0"}"#, r#""a\"b""#);
        send(r#"{"method":"SendMessage","jsonrpc":"2.0"}"#, "null");
        send(r#"{"id":null,"m\u0065thod":"Send\u004dessage","jsonrpc":"2.0"}"#, "null");
        send(r#"{"id":-7,"method":"SendMessage","jsonrpc":"2.0","trace":{"method":"GetTask"}}"#, "-7");
    }

    #[test]
    fn sees_a_webhook_that_rides_along() {
        let body = r#"{"params":{"configuration":{"push_notification_config":{}}},"id":1,"jsonrpc":"2.0","method":"message/send"}"#;
        check(body, "1", Ok(("message/send", true)));
    }

    #[test]
    fn refuses_what_is_no_request_and_still_tells_its_id() {
        let bad = |body: &str, id: &str| check(body, id, Err(RpcFaultKind::NotARequest));
        bad(r#"{"id":1}"#, "1");
        bad(r#"{"id":1,"jsonrpc":"1.0","method":"GetTask"}"#, "1");
        bad(r#"{"id":1,"jsonrpc":"2.0","method":["GetTask"]}"#, "1");
        bad(r#"{"id":1,"jsonrpc":"2.0","method":"GetTask","Method":"SendMessage"}"#, "1");
        bad(r#"{"id":1,"jsonrpc":"2.0","method":"SendMessage","params":[{},{}]}"#, "1");
        bad(r#"{"id":1,"jsonrpc":"2.0","method":"SendMessage","param\u017f":{}}"#, "1");
        bad(r#"{"id":1.5,"jsonrpc":"2.0","method":"GetTask"}"#, "null");
        bad(r#"{"id":{},"jsonrpc":"2.0","method":"GetTask"}"#, "null");
        bad(&format!(r#"{{"id":"{}","jsonrpc":"2.0","method":"GetTask"}}"#, "x".repeat(257)), "null");
        bad("7", "null");
    }

    #[test]
    fn refuses_batches_and_ambiguous_bodies() {
        check(r#"[{"id":1,"jsonrpc":"2.0","method":"GetTask"}]"#, "null", Err(RpcFaultKind::Batch));
        let twice = r#"{"id":1,"jsonrpc":"2.0","method":"GetTask","method":"SendMessage"}"#;
        check(twice, "null", Err(RpcFaultKind::Json(JsonFault::DuplicateName)));
        check(r#"{"id":1,"jsonrpc":"2.0""#, "null", Err(RpcFaultKind::Json(JsonFault::Malformed)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn an_id_comes_back_as_it_was_sent(id in prop_oneof![any::<i64>().prop_map(serde_json::Value::from), ".{0,60}".prop_map(serde_json::Value::from)]) {
            let body = serde_json::json!({"jsonrpc": "2.0", "id": id, "method": "GetTask"}).to_string();
            let request = read(body.as_bytes()).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(request.id.as_json()).unwrap(), id);
        }
    }
}
