//! The HTTP+JSON binding: verb and path remainder name the operation (v1.0 section 11.3; v0.3 puts `/v1` in front; v1.0 allows
//! one tenant segment). Servers decode percent escapes before they route, so escapes are decoded here before matching. A path
//! that could be read as operations of different classes is refused.

use crate::operation::Operation;
use crate::path::percent_decoded;

/// What a verb and path ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// An operation.
    Operation(Operation),
    /// The path is an operation's, the verb is not. The verbs it has, for `Allow`.
    WrongVerb(&'static str),
    /// No operation's path.
    Nothing,
}

/// Deepest path any operation has: tenant, version, and four segments.
const MAX_SEGMENTS: usize = 6;

/// Classifies `remainder`, the path after the agent's id, starting with `/` and already checked by [`crate::path`].
#[must_use]
pub fn classify(method: &[u8], remainder: &str) -> Asked {
    let Some(segments) = segments(remainder) else { return Asked::Nothing };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mut asked = Asked::Nothing;
    for (resource, _) in mounts(&segments).filter_map(|(rest, is_v1)| Some((Resource::of(rest, is_v1)?, rest))) {
        asked = match (asked, resource.asked(method)) {
            (Asked::Operation(seen), Asked::Operation(other)) if seen.class() != other.class() => {
                return Asked::Nothing;
            }
            (Asked::Operation(seen), _) => Asked::Operation(seen),
            (_, next) => next,
        };
    }
    asked
}

/// The decoded segments, or nothing where there are too many, an empty one, or one that does not decode to text.
fn segments(remainder: &str) -> Option<Vec<String>> {
    let parts = remainder.strip_prefix('/')?.split('/');
    let decoded: Vec<String> = parts.take(MAX_SEGMENTS.saturating_add(1)).map(decode).collect::<Option<_>>()?;
    (decoded.len() <= MAX_SEGMENTS).then_some(decoded)
}

fn decode(segment: &str) -> Option<String> {
    percent_decoded(segment).filter(|text| !text.is_empty())
}

/// Every way to read the segments as mount and resource: bare, `v1`, tenant, or both; and whether `v1` was last.
fn mounts<'a>(segments: &'a [&'a str]) -> impl Iterator<Item = (&'a [&'a str], bool)> {
    let bare = Some((segments, false));
    let one = segments.split_first().map(|(first, rest)| (rest, *first == "v1"));
    let two = match segments {
        [first, second, rest @ ..] if *first == "v1" || *second == "v1" => Some((rest, *second == "v1")),
        _ => None,
    };
    [bare, one, two].into_iter().flatten()
}

/// A path of the binding, without its mount.
#[derive(Clone, Copy)]
enum Resource {
    Send,
    Stream,
    Tasks,
    Task,
    Cancel,
    Subscribe,
    PushConfigs,
    PushConfig,
    ExtendedCard,
}

impl Resource {
    fn of(segments: &[&str], is_v1: bool) -> Option<Self> {
        Some(match segments {
            ["message:send"] => Self::Send,
            ["message:stream"] => Self::Stream,
            ["tasks"] => Self::Tasks,
            ["tasks", task] => match task.rsplit_once(':') {
                None => Self::Task,
                Some((id, "cancel")) if !id.is_empty() => Self::Cancel,
                Some((id, "subscribe")) if !id.is_empty() => Self::Subscribe,
                // An id may hold a colon; an unknown verb after it may be an operation this gateway does not know.
                Some(_) => return None,
            },
            ["tasks", task, "pushNotificationConfigs"] if !task.contains(':') => Self::PushConfigs,
            ["tasks", task, "pushNotificationConfigs", _] if !task.contains(':') => Self::PushConfig,
            ["extendedAgentCard"] => Self::ExtendedCard,
            ["card"] if is_v1 => Self::ExtendedCard,
            _ => return None,
        })
    }

    fn asked(self, method: &[u8]) -> Asked {
        Asked::Operation(match (self, method) {
            (Self::Send, b"POST") => Operation::SendMessage,
            (Self::Stream, b"POST") => Operation::SendStreamingMessage,
            (Self::Tasks, b"GET") => Operation::ListTasks,
            (Self::Task, b"GET") => Operation::GetTask,
            (Self::Cancel, b"POST") => Operation::CancelTask,
            (Self::Subscribe, b"GET" | b"POST") => Operation::SubscribeToTask,
            (Self::PushConfigs, b"POST") => Operation::CreatePushConfig,
            (Self::PushConfigs, b"GET") => Operation::ListPushConfigs,
            (Self::PushConfig, b"GET") => Operation::GetPushConfig,
            (Self::PushConfig, b"DELETE") => Operation::DeletePushConfig,
            (Self::ExtendedCard, b"GET") => Operation::GetExtendedCard,
            (Self::Send | Self::Stream | Self::Cancel, _) => return Asked::WrongVerb("POST"),
            (Self::Tasks | Self::Task | Self::ExtendedCard, _) => return Asked::WrongVerb("GET"),
            (Self::Subscribe | Self::PushConfigs, _) => return Asked::WrongVerb("GET, POST"),
            (Self::PushConfig, _) => return Asked::WrongVerb("GET, DELETE"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{
        CancelTask, CreatePushConfig, DeletePushConfig, GetExtendedCard, GetPushConfig, GetTask, ListPushConfigs,
        ListTasks, SendMessage, SendStreamingMessage, SubscribeToTask,
    };

    fn check(method: &str, remainder: &str, expect: Asked) {
        assert_eq!(classify(method.as_bytes(), remainder), expect, "{method} {remainder}");
    }

    #[test]
    fn every_operation_has_its_path_in_both_versions_and_under_a_tenant() {
        for (method, path, operation) in [
            ("POST", "/message:send", SendMessage),
            ("POST", "/message:stream", SendStreamingMessage),
            ("GET", "/tasks/t1", GetTask),
            ("GET", "/tasks", ListTasks),
            ("POST", "/tasks/t1:cancel", CancelTask),
            ("POST", "/tasks/t1:subscribe", SubscribeToTask),
            ("GET", "/tasks/t1:subscribe", SubscribeToTask),
            ("POST", "/tasks/t1/pushNotificationConfigs", CreatePushConfig),
            ("GET", "/tasks/t1/pushNotificationConfigs", ListPushConfigs),
            ("GET", "/tasks/t1/pushNotificationConfigs/c1", GetPushConfig),
            ("DELETE", "/tasks/t1/pushNotificationConfigs/c1", DeletePushConfig),
            ("GET", "/extendedAgentCard", GetExtendedCard),
        ] {
            for mount in ["", "/v1", "/acme", "/v1/acme", "/acme/v1"] {
                check(method, &format!("{mount}{path}"), Asked::Operation(operation));
            }
        }
        check("GET", "/v1/card", Asked::Operation(GetExtendedCard));
    }

    #[test]
    fn escapes_do_not_hide_an_operation() {
        check("POST", "/tasks/t1%3Acancel", Asked::Operation(CancelTask));
        check("POST", "/message%3asend", Asked::Operation(SendMessage));
        check("GET", "/tasks/t1/push%4eotificationConfigs", Asked::Operation(ListPushConfigs));
    }

    #[test]
    fn denies_what_could_be_read_as_two_classes() {
        // Task "tasks" of no tenant, or a task called "pushNotificationConfigs" of the tenant "tasks".
        check("GET", "/tasks/tasks/pushNotificationConfigs", Asked::Nothing);
        check("GET", "/tasks/tasks", Asked::Operation(GetTask));
    }

    #[test]
    fn a_wrong_verb_is_told_the_right_ones() {
        check("GET", "/message:send", Asked::WrongVerb("POST"));
        check("DELETE", "/tasks/t1", Asked::WrongVerb("GET"));
        check("PUT", "/tasks/t1/pushNotificationConfigs/c1", Asked::WrongVerb("GET, DELETE"));
        check("HEAD", "/tasks", Asked::WrongVerb("GET"));
    }

    #[test]
    fn unknown_paths_are_nothing() {
        for path in [
            "/",
            "/message:Send",
            "/message:send/",
            "/tasks/",
            "/tasks/t1:retry",
            "/tasks/:cancel",
            "/card",
            "/v2/x/tasks",
            "/a/b/tasks",
            "/tasks/%ff",
            "/tasks/%zz",
            "/rpc",
        ] {
            check("POST", path, Asked::Nothing);
        }
    }
}
