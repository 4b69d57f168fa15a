//! The gRPC binding: the method in the path names the operation, the host names the agent (a gRPC path cannot be prefixed). Both
//! packages read as "v1": `lf.a2a.v1` is protocol 1.0, `a2a.v1` is protocol 0.3. A message is read only for the webhook in it.

use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::push::Push;
use crate::document::ProtocolVersion;
use crate::operation::Operation;

/// The paths of the two packages' services.
const SERVICES: [(&str, ProtocolVersion); 2] =
    [("/lf.a2a.v1.A2AService/", ProtocolVersion::V1_0), ("/a2a.v1.A2AService/", ProtocolVersion::V0_3)];

/// A method of one of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method<'a> {
    /// The protocol's version.
    pub version: ProtocolVersion,
    /// Its name.
    pub name: &'a str,
}

impl<'a> Method<'a> {
    /// The method `path` calls, known or not.
    #[must_use]
    pub fn at(path: &'a str) -> Option<Self> {
        SERVICES.iter().find_map(|(prefix, version)| Some(Self { version: *version, name: path.strip_prefix(prefix)? }))
    }

    /// The operation it is.
    #[must_use]
    pub fn operation(self) -> Option<Operation> {
        match (self.version, self.name) {
            (ProtocolVersion::V0_3, "TaskSubscription") => Some(Operation::SubscribeToTask),
            (ProtocolVersion::V0_3, "ListTaskPushNotificationConfig") => Some(Operation::ListPushConfigs),
            (ProtocolVersion::V0_3, "GetAgentCard") => Some(Operation::GetExtendedCard),
            (
                ProtocolVersion::V0_3,
                "SubscribeToTask" | "ListTasks" | "ListTaskPushNotificationConfigs" | "GetExtendedAgentCard",
            ) => None,
            (_, name) if !name.contains('/') => Operation::from_method(name),
            _ => None,
        }
    }
}

/// The agent that `authority` names: `{id}.{domain}`, with or without a port, in any case.
#[must_use]
pub fn agent<'a>(authority: &'a [u8], domain: &str) -> Option<&'a str> {
    let authority = std::str::from_utf8(authority).ok()?;
    let (host, _port) = authority.split_once(':').unwrap_or((authority, ""));
    let (id, rest) = host.split_once('.')?;
    rest.eq_ignore_ascii_case(domain).then_some(id)
}

/// Why a gRPC message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrpcFault {
    /// Not one uncompressed message (gRPC over HTTP/2, "Length-Prefixed-Message").
    #[error("is not one uncompressed gRPC message")]
    Frame,
    /// Not the wire format of protocol buffers.
    #[error("is not a protocol buffers message")]
    Message,
}

/// Where the fields are that lead to a webhook's URL.
struct Fields {
    /// Of the configuration in a send.
    configuration: u32,
    /// Of the webhook in that.
    webhook: u32,
    /// What leads from a creation's request to the webhook.
    creation: &'static [u32],
    /// Of the URL in a webhook.
    url: u32,
}

impl Fields {
    /// As the published `a2a.proto` of each version has them.
    const fn of(version: ProtocolVersion) -> Self {
        match version {
            ProtocolVersion::V1_0 => Self { configuration: 3, webhook: 2, creation: &[], url: 4 },
            ProtocolVersion::V0_3 => Self { configuration: 2, webhook: 2, creation: &[3, 2], url: 2 },
        }
    }
}

/// Searches the body of a send or a creation for webhooks.
///
/// # Errors
/// Why the body cannot be read without doubt.
pub fn search(version: ProtocolVersion, operation: Operation, body: &[u8]) -> Result<Push, GrpcFault> {
    let fields = Fields::of(version);
    let message = message(body)?;
    let mut push = Push::default();
    if operation == Operation::CreatePushConfig {
        webhook(message, fields.creation, fields.url, &mut push)?;
    } else {
        webhook(message, &[fields.configuration, fields.webhook], fields.url, &mut push)?;
    }
    Ok(push)
}

/// The one message of a request.
fn message(body: &[u8]) -> Result<&[u8], GrpcFault> {
    let (head, message) = body.split_at_checked(5).ok_or(GrpcFault::Frame)?;
    let [0, length @ ..] = head else { return Err(GrpcFault::Frame) };
    let length = <[u8; 4]>::try_from(length).map_err(|_| GrpcFault::Frame)?;
    if usize::try_from(u32::from_be_bytes(length)) == Ok(message.len()) { Ok(message) } else { Err(GrpcFault::Frame) }
}

/// Notes the webhooks that `path` leads to. Each occurrence of a field counts: parsers merge messages and take the last string.
fn webhook(message: &[u8], path: &[u32], url: u32, push: &mut Push) -> Result<(), GrpcFault> {
    let Some((next, rest)) = path.split_first() else {
        push.found_message();
        return each(message, |field, value| {
            if field == url {
                let text = std::str::from_utf8(value).map_err(|_| GrpcFault::Message)?;
                push.found(Some(text.into()));
            }
            Ok(())
        });
    };
    each(message, |field, value| if field == *next { webhook(value, rest, url, push) } else { Ok(()) })
}

/// Calls `visit` with each length-delimited field; the others hold no message and no text.
fn each(mut message: &[u8], mut visit: impl FnMut(u32, &[u8]) -> Result<(), GrpcFault>) -> Result<(), GrpcFault> {
    let bad = |_| GrpcFault::Message;
    while message.has_remaining() {
        let (field, wire) = decode_key(&mut message).map_err(bad)?;
        let length = match wire {
            WireType::Varint => {
                decode_varint(&mut message).map_err(bad)?;
                continue;
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                usize::try_from(decode_varint(&mut message).map_err(bad)?).map_err(|_| GrpcFault::Message)?
            }
            // Groups: neither version has one, and parsers differ about them.
            WireType::StartGroup | WireType::EndGroup => return Err(GrpcFault::Message),
        };
        let (value, rest) = message.split_at_checked(length).ok_or(GrpcFault::Message)?;
        if wire == WireType::LengthDelimited {
            visit(field, value)?;
        }
        message = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Operation::{CreatePushConfig, SendMessage};

    fn frame(message: &[u8]) -> Vec<u8> {
        [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    }

    /// A length-delimited field.
    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(value.len()).unwrap()][..], value].concat()
    }

    #[track_caller]
    fn check(version: ProtocolVersion, operation: Operation, message: &[u8], rides: bool, urls: &[&str]) {
        let push = search(version, operation, &frame(message)).unwrap();
        let found: Vec<_> = push.of_creation().map(|url| url.as_deref().unwrap()).collect();
        assert_eq!((push.rides_along(), found), (rides, urls.to_vec()));
    }

    #[test]
    fn both_packages_name_the_same_operations() {
        let operation = |path: &str| Method::at(path).and_then(Method::operation);
        assert_eq!(operation("/lf.a2a.v1.A2AService/SendMessage"), Some(SendMessage));
        assert_eq!(operation("/a2a.v1.A2AService/SendMessage"), Some(SendMessage));
        assert_eq!(operation("/a2a.v1.A2AService/TaskSubscription"), Some(Operation::SubscribeToTask));
        assert_eq!(operation("/a2a.v1.A2AService/GetAgentCard"), Some(Operation::GetExtendedCard));
        for path in [
            "/lf.a2a.v1.A2AService/TaskSubscription",
            "/a2a.v1.A2AService/ListTasks",
            "/lf.a2a.v1.A2AService/message/send",
            "/lf.a2a.v1.A2AService/",
            "/lf.a2a.v2.A2AService/SendMessage",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert_eq!(operation(path), None, "{path}");
        }
    }

    #[test]
    fn the_host_names_the_agent() {
        for authority in ["weather.gw.example.com", "weather.GW.example.com:443"] {
            assert_eq!(agent(authority.as_bytes(), "gw.example.com"), Some("weather"));
        }
        for authority in ["gw.example.com", "a.weather.gw.example.com", "weather.gw.example.com.evil", "", "weather."] {
            assert_eq!(agent(authority.as_bytes(), "gw.example.com"), None, "{authority}");
        }
        assert_eq!(agent(b"\xff.gw.example.com", "gw.example.com"), None);
    }

    #[test]
    fn finds_the_webhook_in_a_send_of_either_version() {
        let url = b"https://a.example";
        let (v1, v03) = (ProtocolVersion::V1_0, ProtocolVersion::V0_3);
        check(v1, SendMessage, &field(3, &field(2, &field(4, url))), true, &["https://a.example"]);
        check(v03, SendMessage, &field(2, &field(2, &field(2, url))), true, &["https://a.example"]);
        check(v1, SendMessage, &field(3, &field(2, b"")), true, &[]);
        check(v1, SendMessage, &[field(2, b"\x0a\x01m"), field(3, &[0x18, 1])].concat(), false, &[]);
    }

    #[test]
    fn finds_the_webhook_of_a_creation_in_either_version() {
        let url = b"https://a.example";
        check(ProtocolVersion::V1_0, CreatePushConfig, &field(4, url), true, &["https://a.example"]);
        let nested = field(3, &field(2, &field(2, url)));
        check(ProtocolVersion::V0_3, CreatePushConfig, &nested, true, &["https://a.example"]);
    }

    #[test]
    fn every_occurrence_counts() {
        let webhook = |url: &[u8]| field(3, &field(2, &field(4, url)));
        let twice = [webhook(b"https://good.example"), webhook(b"https://bad.example")].concat();
        check(ProtocolVersion::V1_0, SendMessage, &twice, true, &["https://good.example", "https://bad.example"]);
    }

    #[test]
    fn refuses_what_is_not_one_plain_message() {
        for body in [&b""[..], b"\0\0\0\0", b"\x01\0\0\0\0", b"\0\0\0\0\x01", b"\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(search(ProtocolVersion::V1_0, SendMessage, body), Err(GrpcFault::Frame), "{body:?}");
        }
        for message in [&b"\x1a"[..], b"\x1a\x05a", b"\x1b", b"\x1f\0", b"\0\0"] {
            let body = frame(message);
            assert_eq!(search(ProtocolVersion::V1_0, SendMessage, &body), Err(GrpcFault::Message), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), creates: bool) {
            let operation = if creates { CreatePushConfig } else { SendMessage };
            for version in [ProtocolVersion::V0_3, ProtocolVersion::V1_0] {
                let _ = search(version, operation, &frame(&bytes));
                let _ = search(version, operation, &bytes);
            }
        }
    }
}
