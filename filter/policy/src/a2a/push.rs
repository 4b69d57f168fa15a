//! Finds a webhook configuration that rides along in a send (`configuration.taskPushNotificationConfig` in v1.0,
//! `configuration.pushNotificationConfig` in v0.3). It opens egress, so it needs the push class of its own.
//!
//! Backends spell names loosely: ProtoJSON takes the proto's snake_case, Go's `encoding/json` any case. So names are compared
//! without case and underscores, and any name that speaks of push notifications counts. So does any name that is not ASCII, because Go
//! folds some other letters into ASCII ones, and a configuration that is no object, because Rust's serde reads it by position.

use crate::json::{self, JsonFault, Reader, Shape};

/// Whether a send carries a webhook configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InlinePush {
    /// It does not.
    Absent,
    /// It does, or looks as if.
    Present,
}

/// Where the search stands below a send's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// The parameters themselves.
    Params,
    /// Their `configuration`.
    Configuration,
    /// A webhook configuration, under any name.
    Webhook,
    /// Anything else.
    Elsewhere,
}

impl Spot {
    pub(super) fn enter(self, name: &str) -> Self {
        match self {
            Self::Params | Self::Configuration if !name.is_ascii() || speaks_of_push(name) => Self::Webhook,
            Self::Params if folded(name).eq("configuration".bytes()) => Self::Configuration,
            _ => Self::Elsewhere,
        }
    }
}

/// Searches the body of an HTTP+JSON send, which is its parameters.
///
/// # Errors
/// Why the body cannot be read without doubt.
pub fn search(body: &[u8]) -> Result<InlinePush, SendFault> {
    let mut search = Search { push: InlinePush::Absent, is_object: false };
    json::read(body, Spot::Params, &mut search)?;
    if search.is_object { Ok(search.push) } else { Err(SendFault::NotAnObject) }
}

/// Why the body of an HTTP+JSON send is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendFault {
    /// The JSON itself.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// Not an object.
    #[error("is not a JSON object")]
    NotAnObject,
}

struct Search {
    push: InlinePush,
    is_object: bool,
}

impl Reader for Search {
    type Place = Spot;
    const ELSEWHERE: Spot = Spot::Elsewhere;

    fn enter(&mut self, parent: Spot, name: &str) -> Spot {
        parent.enter(name)
    }

    fn value(&mut self, place: Spot, shape: Shape<'_>) {
        match place {
            Spot::Params => self.is_object = shape == Shape::Object,
            Spot::Configuration if hides_members(shape) => self.push = InlinePush::Present,
            // `null` is how both versions write "none".
            Spot::Webhook if shape != Shape::Null => self.push = InlinePush::Present,
            _ => {}
        }
    }
}

/// Whether `configuration` is written in a form whose members this search does not see. Rust's serde reads structs from arrays.
pub(super) fn hides_members(shape: Shape<'_>) -> bool {
    !matches!(shape, Shape::Object | Shape::Null)
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase())
}

fn speaks_of_push(name: &str) -> bool {
    let letters: Vec<u8> = folded(name).collect();
    letters.windows(16).any(|run| run == b"pushnotification")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: InlinePush) {
        assert_eq!(search(body.as_bytes()), Ok(expect), "{body}");
    }

    #[test]
    fn finds_a_webhook_however_it_is_spelled() {
        for name in [
            "taskPushNotificationConfig",
            "pushNotificationConfig",
            "task_push_notification_config",
            "TASKPUSHNOTIFICATIONCONFIG",
            "task\\u0050ushNotificationConfig",
        ] {
            check(&format!(r#"{{"configuration":{{"{name}":{{"url":"https://x.example"}}}}}}"#), InlinePush::Present);
        }
        check(r#"{"Configuration":{"pushNotificationConfig":[]}}"#, InlinePush::Present);
        check(r#"{"configuration":{"pu\u017fhNotificationConfig":{"url":"https://x.example"}}}"#, InlinePush::Present);
        check(r#"{"configuration":[["text"],null,true,{"url":"https://x.example"}]}"#, InlinePush::Present);
        check(r#"{"pushNotification":{"url":"https://x.example"}}"#, InlinePush::Present);
    }

    #[test]
    fn leaves_alone_what_is_no_webhook() {
        check("{}", InlinePush::Absent);
        check(r#"{"configuration":{"taskPushNotificationConfig":null}}"#, InlinePush::Absent);
        check(r#"{"message":{"metadata":{"pushNotificationConfig":{}}}}"#, InlinePush::Absent);
        check(r#"{"message":{"parts":[{"text":"pushNotificationConfig"}]}}"#, InlinePush::Absent);
    }

    #[test]
    fn refuses_what_is_no_object() {
        assert_eq!(search(b"[]"), Err(SendFault::NotAnObject));
        assert_eq!(search(b"{"), Err(SendFault::Json(JsonFault::Malformed)));
    }
}
