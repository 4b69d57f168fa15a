//! What the official compatibility kit asks of an agent of protocol 1.0, asked of one directly and through the gateway: streams,
//! errors, versions, the card's caching. The answers follow the specification, and they are the same.

#[path = "conformance/sides.rs"]
mod sides;

use serde_json::{Value, json};
use tollgate_tests::{Request, Response};

use self::sides::{SIDES, Side, agree, both, events};

fn message(text: &str) -> Value {
    json!({"message": {"messageId": "m-1", "role": "ROLE_USER", "parts": [{"text": text}]}})
}

/// A task that was sent and is over, or waits, by its id.
#[track_caller]
fn sent(side: Side, text: &str) -> String {
    let answer = side.rpc("SendMessage", &message(text)).send().json();
    answer["result"]["task"]["id"].as_str().unwrap_or_else(|| panic!("no task: {answer}")).to_owned()
}

/// What each event is, and the state that it tells.
fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |event: &Value| {
        let (name, body) = event.as_object()?.iter().next()?;
        let state = body["status"]["state"].as_str().unwrap_or_default();
        Some(format!("{name} {}", state.trim_start_matches("TASK_STATE_")).trim_end().to_owned())
    };
    events.iter().map(|event| kind(event).expect("an event is an object with one key")).collect()
}

#[test]
fn a_stream_begins_with_its_task_keeps_its_order_and_ends_with_a_terminal_state() {
    let expected =
        ["task SUBMITTED", "statusUpdate WORKING", "artifactUpdate", "artifactUpdate", "statusUpdate COMPLETED"];
    for ask in [
        |side: Side| side.rpc("SendStreamingMessage", &message("hello")),
        |side: Side| side.rest("POST", "/message:stream", Some(&message("hello"))),
    ] {
        let events = events(&both(ask));
        assert_eq!(kinds(&events), expected);
        let texts = events.iter().filter_map(|event| event["artifactUpdate"]["artifact"]["parts"][0]["text"].as_str());
        assert_eq!(texts.collect::<String>(), "You said: hello");
    }
}

#[test]
fn a_stream_that_is_answered_by_a_message_has_nothing_else() {
    for ask in [
        |side: Side| side.rpc("SendStreamingMessage", &message("direct")),
        |side: Side| side.rest("POST", "/message:stream", Some(&message("direct"))),
    ] {
        assert_eq!(kinds(&events(&both(ask))), ["message"]);
    }
}

#[test]
fn a_subscriber_sees_the_task_first_then_what_happens_and_then_the_end() {
    let subscribed = SIDES.map(|side| {
        let mut begun = message("hold");
        begun["configuration"] = json!({"returnImmediately": true});
        let task = side.rpc("SendMessage", &begun).send().json()["result"]["task"]["id"].clone();
        let request = side.rpc("SubscribeToTask", &json!({"id": task}));
        side.stream_until(&request, "\"task\"", |_| {
            assert_eq!(side.rpc("CancelTask", &json!({"id": task})).send().status, 200);
        })
    });
    let all = subscribed.map(|response| {
        let events = events(&response);
        let kinds = kinds(&events);
        assert!(kinds[0].starts_with("task "), "{kinds:?}");
        assert_eq!(kinds.last().map(String::as_str), Some("statusUpdate CANCELED"));
        kinds.len()
    });
    assert!(all.iter().all(|count| *count >= 2), "{all:?}");
}

/// A stated error in JSON-RPC: code, HTTP 200, and `ErrorInfo` where the error is A2A's own (section 9.5).
#[track_caller]
fn check_rpc(ask: impl Fn(Side) -> Request, code: i64, reason: Option<&str>) {
    let response = both(ask);
    let answer = response.json();
    assert_eq!((response.status, answer["error"]["code"].as_i64()), (200, Some(code)), "{answer}");
    assert!(answer.get("result").is_none() && answer["jsonrpc"] == "2.0", "{answer}");
    if let Some(reason) = reason {
        check_info(&answer["error"]["data"], reason);
    }
}

/// The same in HTTP+JSON: a `google.rpc.Status` with the HTTP status of section 5.4.
#[track_caller]
fn check_rest(ask: impl Fn(Side) -> Request, status: u16, reason: &str) {
    let response = both(ask);
    let answer = response.json();
    assert_eq!((response.status, answer["error"]["code"].as_u64()), (status, Some(status.into())), "{answer}");
    check_info(&answer["error"]["details"], reason);
}

#[track_caller]
fn check_info(details: &Value, reason: &str) {
    let info = details
        .as_array()
        .into_iter()
        .flatten()
        .find(|detail| detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo");
    let info = info.unwrap_or_else(|| panic!("no ErrorInfo: {details}"));
    assert_eq!((info["reason"].as_str(), info["domain"].as_str()), (Some(reason), Some("a2a-protocol.org")));
}

#[test]
fn a_task_that_is_not_there_is_not_found() {
    let nobody = json!({"id": "no-such-task"});
    for method in ["GetTask", "CancelTask", "SubscribeToTask"] {
        check_rpc(|side| side.rpc(method, &nobody), -32001, Some("TASK_NOT_FOUND"));
    }
    for (verb, path) in [("GET", "/tasks/nope"), ("POST", "/tasks/nope:cancel"), ("POST", "/tasks/nope:subscribe")] {
        check_rest(|side| side.rest(verb, path, None), 404, "TASK_NOT_FOUND");
    }
}

#[test]
fn a_task_that_is_over_cannot_be_cancelled() {
    let over = |side| sent(side, "hello");
    check_rpc(|side| side.rpc("CancelTask", &json!({"id": over(side)})), -32002, Some("TASK_NOT_CANCELABLE"));
    let cancel = |side: Side| side.rest("POST", &format!("/tasks/{}:cancel", over(side)), None);
    check_rest(cancel, 400, "TASK_NOT_CANCELABLE");
}

#[test]
fn a_media_type_that_the_agent_does_not_take_is_refused() {
    let part = json!({"raw": "AAAA", "mediaType": "application/x-nobody-knows"});
    let odd = json!({"message": {"messageId": "m-1", "role": "ROLE_USER", "parts": [part]}});
    check_rpc(|side| side.rpc("SendMessage", &odd), -32005, Some("CONTENT_TYPE_NOT_SUPPORTED"));
    check_rest(|side| side.rest("POST", "/message:send", Some(&odd)), 400, "CONTENT_TYPE_NOT_SUPPORTED");
}

#[test]
fn what_is_not_a_call_is_told_so_by_its_code() {
    check_rpc(|side| side.rpc("GetTask", &json!({"id": 5, "historyLength": "x"})), -32602, None);
    // The gateway answers for itself: it lets no method through that it does not know.
    for side in SIDES {
        assert_eq!(side.rpc("NoSuchMethod", &json!({})).send().json()["error"]["code"], -32601);
    }
    let broken = |side: Side| {
        let request = side.request("POST", "").header("a2a-version", "1.0").header("content-type", "application/json");
        request.body("{\"jsonrpc\": ")
    };
    for side in SIDES {
        assert_eq!(broken(side).send().json()["error"]["code"], -32700);
    }
}

#[test]
fn a_version_that_the_agent_does_not_speak_is_refused_and_none_means_0_3() {
    let send = |side: Side, version: Option<&str>| {
        let call = json!({"jsonrpc": "2.0", "id": 7, "method": "SendMessage", "params": message("hello")});
        let request = side.request("POST", "").json(&call);
        version.map_or(request.clone(), |version| request.header("a2a-version", version))
    };
    check_rpc(|side| send(side, Some("99.0")), -32009, Some("VERSION_NOT_SUPPORTED"));
    // This agent speaks 1.0 alone.
    check_rpc(|side| send(side, None), -32009, Some("VERSION_NOT_SUPPORTED"));
    let rest = |side: Side, version: Option<&str>| {
        let request = side.request("POST", "/message:send").json(&message("hello"));
        version.map_or(request.clone(), |version| request.header("a2a-version", version))
    };
    check_rest(|side| rest(side, Some("99.0")), 400, "VERSION_NOT_SUPPORTED");
    check_rest(|side| rest(side, None), 400, "VERSION_NOT_SUPPORTED");
    let patch = both(|side| send(side, Some("1.0.1"))).json();
    assert!(patch["result"]["task"]["id"].is_string(), "a patch version is not considered: {patch}");
}

#[test]
fn answers_have_the_content_type_of_their_binding() {
    let kind = |response: &Response| response.header("content-type").unwrap_or_default().to_owned();
    assert_eq!(kind(&both(|side| side.rpc("SendMessage", &message("hello")))), "application/json");
    let rest = both(|side| side.rest("POST", "/message:send", Some(&message("hello"))));
    assert!(["application/a2a+json", "application/json"].contains(&kind(&rest).as_str()), "{}", kind(&rest));
}

#[test]
fn a_card_says_how_long_it_holds_and_is_not_sent_twice() {
    for side in SIDES {
        let card = side.request("GET", "/.well-known/agent-card.json").send();
        assert_eq!(card.status, 200, "{side:?}: {}", card.text());
        assert_eq!(card.header("content-type"), Some("application/json"), "{side:?}");
        let caching = card.header("cache-control").unwrap_or_default();
        assert!(caching.contains("max-age="), "{side:?}: {caching}");
        let tag = card.header("etag").unwrap_or_else(|| panic!("{side:?}: no ETag")).to_owned();
        let again = side.request("GET", "/.well-known/agent-card.json").header("if-none-match", &tag).send();
        assert_eq!((again.status, again.body.len()), (304, 0), "{side:?}");
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{side:?}");
    }
}

#[test]
fn what_an_agent_did_is_told_alike_in_both_bindings() {
    let answers = SIDES.map(|side| {
        let task = sent(side, "ask");
        let rpc = side.rpc("GetTask", &json!({"id": task})).send();
        let rest = side.rest("GET", &format!("/tasks/{task}"), None).send();
        assert_eq!(rpc.json()["result"], rest.json(), "{side:?}");
        rest
    });
    assert_eq!(agree(answers).json()["status"]["state"], "TASK_STATE_INPUT_REQUIRED");
}
