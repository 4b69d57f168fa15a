//! Finds webhook configurations: the parameters of the operation that registers one, and what rides along in a send (`configuration.taskPushNotificationConfig` in v1.0,
//! `configuration.pushNotificationConfig` in v0.3). It opens egress, so it needs the push class of its own.
//!
//! Backends spell names loosely: ProtoJSON takes the proto's snake_case, Go's `encoding/json` any case. So names are compared
//! without case and underscores, and any name that speaks of push notifications counts. So does any name that is not ASCII, because Go
//! folds some other letters into ASCII ones, and a configuration that is no object, because Rust's serde reads it by position.

use crate::json::{self, JsonFault, Reader, Shape};

/// Most URLs noted of one body; what has more is up to something.
const MAX_URLS: usize = 8;

/// The URL of a webhook configuration; `None`: it is written in a form that shows none.
pub(crate) type Spelled = Option<Box<str>>;

/// What a body says of webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    rides_along: bool,
    urls: Vec<Spelled>,
    own_urls: Vec<Spelled>,
}

impl Push {
    /// Whether a webhook configuration is there, or what looks like one: in a send, it rides along.
    #[must_use]
    pub fn rides_along(&self) -> bool {
        self.rides_along
    }

    /// The URLs of the webhook configurations in the parameters of a send.
    pub(crate) fn of_send(&self) -> impl Iterator<Item = &Spelled> {
        self.urls.iter()
    }

    /// The URLs of a request that registers a webhook: its parameters may be the configuration (v1.0) or hold it (v0.3).
    pub(crate) fn of_creation(&self) -> impl Iterator<Item = &Spelled> {
        self.urls.iter().chain(&self.own_urls)
    }

    /// Notes what stands at `spot`.
    pub(super) fn note(&mut self, spot: Spot, shape: Shape<'_>) {
        match (spot, shape) {
            (Spot::Configuration, shape) if hides_members(shape) => self.found(None),
            // `null` is how both versions write "none".
            (_, Shape::Null) => {}
            (Spot::Webhook, Shape::Object) => self.rides_along = true,
            (Spot::Webhook, _) => self.found(None),
            (Spot::Url, shape) => self.found(text(shape)),
            (Spot::OwnUrl, shape) => note(&mut self.own_urls, text(shape)),
            (Spot::Params | Spot::Configuration | Spot::Elsewhere, _) => {}
        }
    }

    /// Notes a webhook configuration, whatever it holds.
    pub(super) fn found_message(&mut self) {
        self.rides_along = true;
    }

    /// Notes a webhook configuration with `url`.
    pub(super) fn found(&mut self, url: Spelled) {
        self.rides_along = true;
        note(&mut self.urls, url);
    }
}

fn note(urls: &mut Vec<Spelled>, url: Spelled) {
    match urls.len() {
        0..MAX_URLS => urls.push(url),
        MAX_URLS => urls.push(None),
        _ => {}
    }
}

fn text(shape: Shape<'_>) -> Spelled {
    if let Shape::Text(url) = shape { Some(url.into()) } else { None }
}

/// Where the search stands below a request's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// The parameters themselves.
    Params,
    /// Their `configuration`.
    Configuration,
    /// A webhook configuration, under any name.
    Webhook,
    /// Its `url`.
    Url,
    /// The parameters' own `url`.
    OwnUrl,
    /// Anything else.
    Elsewhere,
}

impl Spot {
    pub(super) fn enter(self, name: &str) -> Self {
        match self {
            Self::Params | Self::Configuration if !name.is_ascii() || speaks_of_push(name) => Self::Webhook,
            Self::Params if folded(name).eq("configuration".bytes()) => Self::Configuration,
            Self::Params if folded(name).eq("url".bytes()) => Self::OwnUrl,
            Self::Webhook if folded(name).eq("url".bytes()) => Self::Url,
            Self::Webhook if speaks_of_push(name) => Self::Webhook,
            _ => Self::Elsewhere,
        }
    }
}

/// Searches the body of an HTTP+JSON request, which is its parameters.
///
/// # Errors
/// Why the body cannot be read without doubt.
pub fn search(body: &[u8]) -> Result<Push, SendFault> {
    let mut search = Search { push: Push::default(), is_object: false };
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
    push: Push,
    is_object: bool,
}

impl Reader for Search {
    type Place = Spot;
    const ELSEWHERE: Spot = Spot::Elsewhere;

    fn enter(&mut self, parent: Spot, name: &str) -> Spot {
        parent.enter(name)
    }

    fn value(&mut self, place: Spot, shape: Shape<'_>) {
        if place == Spot::Params {
            self.is_object = shape == Shape::Object;
        }
        self.push.note(place, shape);
    }
}

/// Whether `configuration` is written in a form whose members this search does not see. Rust's serde reads structs from arrays.
fn hides_members(shape: Shape<'_>) -> bool {
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

    fn check(body: &str, rides_along: bool) {
        assert_eq!(search(body.as_bytes()).map(|push| push.rides_along()), Ok(rides_along), "{body}");
    }

    #[track_caller]
    fn urls(body: &str, of_send: &[Option<&str>], of_creation: &[Option<&str>]) {
        let push = search(body.as_bytes()).unwrap();
        assert_eq!(push.of_send().map(Option::as_deref).collect::<Vec<_>>(), of_send, "{body}");
        assert_eq!(push.of_creation().map(Option::as_deref).collect::<Vec<_>>(), of_creation, "{body}");
    }

    #[test]
    fn finds_every_url_a_backend_might_read() {
        let (a, b) = (Some("https://a.example"), Some("https://b.example"));
        urls(r#"{"url":"https://a.example","taskId":"t"}"#, &[], &[a]);
        urls(r#"{"taskId":"t","pushNotificationConfig":{"URL":"https://a.example"}}"#, &[a], &[a]);
        urls(
            r#"{"configuration":{"push_notification_config":{"url":"https://a.example","Url":"https://b.example"}}}"#,
            &[a, b],
            &[a, b],
        );
        urls(r#"{"taskPushNotificationConfig":{"pushNotificationConfig":{"url":"https://a.example"}}}"#, &[a], &[a]);
        urls(r#"{"configuration":{"pushNotificationConfig":["https://a.example"]}}"#, &[None], &[None]);
        urls(
            r#"{"configuration":{"pushNotificationConfig":{"url":["https://a.example"]}},"url":7}"#,
            &[None],
            &[None, None],
        );
        urls(r#"{"message":{"parts":[{"url":"https://a.example"}]}}"#, &[], &[]);
    }

    #[test]
    fn more_urls_than_make_sense_are_no_url() {
        let many: Vec<String> =
            (0..20).map(|n| format!(r#""pushNotificationConfig{n}":{{"url":"https://a.example"}}"#)).collect();
        let push = search(format!(r#"{{"configuration":{{{}}}}}"#, many.join(",")).as_bytes()).unwrap();
        assert_eq!((push.of_send().count(), push.of_send().last()), (9, Some(&None)));
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
            check(&format!(r#"{{"configuration":{{"{name}":{{"url":"https://x.example"}}}}}}"#), true);
        }
        check(r#"{"Configuration":{"pushNotificationConfig":[]}}"#, true);
        check(r#"{"configuration":{"pu\u017fhNotificationConfig":{"url":"https://x.example"}}}"#, true);
        check(r#"{"configuration":[["text"],null,true,{"url":"https://x.example"}]}"#, true);
        check(r#"{"pushNotification":{"url":"https://x.example"}}"#, true);
    }

    #[test]
    fn leaves_alone_what_is_no_webhook() {
        check("{}", false);
        check(r#"{"configuration":{"taskPushNotificationConfig":null}}"#, false);
        check(r#"{"message":{"metadata":{"pushNotificationConfig":{}}}}"#, false);
        check(r#"{"message":{"parts":[{"text":"pushNotificationConfig"}]}}"#, false);
    }

    #[test]
    fn refuses_what_is_no_object() {
        assert_eq!(search(b"[]"), Err(SendFault::NotAnObject));
        assert_eq!(search(b"{"), Err(SendFault::Json(JsonFault::Malformed)));
    }
}
