//! Streams, event by event.

use serde_json::json;
use tollgate_a2a::wire::{Events, NoIds};
use tollgate_policy::document::Dialect;

use crate::{exchange, lines, message};

fn events(client: Dialect, agent: Dialect) -> Events {
    exchange(client, agent, "SendStreamingMessage", &message()).events(1000)
}

#[track_caller]
fn check(client: Dialect, agent: Dialect, stream: &str, expect: &str) {
    let out = events(client, agent).feed(stream.as_bytes(), &NoIds);
    assert_eq!(lines(&out), lines(expect.as_bytes()));
}

const REST: &str =
    "data: {\"statusUpdate\":{\"taskId\":\"t\"}}\r\n\r\n: ping\r\n\r\nid: 4\r\ndata: {\"message\":{}}\r\n\r\n";
const RPC: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"statusUpdate\":{\"taskId\":\"t\"}}}\n\n: ping\n\nid: 4\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"message\":{}}}\n\n";

#[test]
fn each_event_changes_its_envelope_and_the_rest_passes() {
    check(Dialect::JsonRpc1, Dialect::HttpJson1, REST, RPC);
    check(Dialect::HttpJson1, Dialect::JsonRpc1, RPC, &REST.replace("\r\n", "\n"));
}

#[test]
fn a_byte_order_mark_hides_no_event() {
    check(Dialect::JsonRpc1, Dialect::HttpJson1, &format!("\u{feff}{REST}"), RPC);
}

#[test]
fn an_event_leaves_with_its_last_byte() {
    let mut events = events(Dialect::JsonRpc1, Dialect::HttpJson1);
    let (first, rest) = REST.split_at(REST.find(": ping").unwrap() - 1);
    assert!(String::from_utf8(events.feed(first.as_bytes(), &NoIds)).unwrap().ends_with("\"t\"}}}\n\n"));
    assert!(events.feed(&rest.as_bytes()[..4], &NoIds).is_empty());
}

#[test]
fn an_error_in_a_stream_is_told_and_ends_it() {
    let rest = "event: error\ndata: {\"error\":{\"code\":404,\"message\":\"gone\",\"details\":[{\"reason\":\"TASK_NOT_FOUND\"}]}}\n\ndata: {\"message\":{}}\n\n";
    let out = events(Dialect::JsonRpc1, Dialect::HttpJson1).feed(rest.as_bytes(), &NoIds);
    let told = lines(&out);
    let error = &told[0]["data"]["error"];
    assert_eq!(
        (told.len(), &told[0]["data"]["id"], &error["code"], &error["message"]),
        (2, &json!(7), &json!(-32001), &json!("gone"))
    );
    let rpc = "data: {\"jsonrpc\":\"2.0\",\"id\":\"1\",\"error\":{\"code\":-32004,\"message\":\"no\"}}\n\n";
    let out = events(Dialect::HttpJson1, Dialect::JsonRpc1).feed(rpc.as_bytes(), &NoIds);
    let told = lines(&out);
    let error = &told[1]["data"]["error"];
    assert_eq!((&told[0], &error["code"]), (&json!("event: error\n"), &json!(400)));
    assert_eq!(error["details"][0]["reason"], "UNSUPPORTED_OPERATION");
}

#[test]
fn what_is_no_event_of_a2a_ends_the_stream_with_an_error() {
    for stream in ["data: <html>\n\n", "data: {\"jsonrpc\":\"2.0\"}\n\n", "data: []\n\n"] {
        let out = events(Dialect::HttpJson1, Dialect::JsonRpc1).feed(stream.as_bytes(), &NoIds);
        assert!(String::from_utf8(out).unwrap().contains("INVALID_AGENT_RESPONSE"), "{stream}");
    }
    let long = format!("data: \"{}", "x".repeat(2000));
    let mut events = events(Dialect::HttpJson1, Dialect::JsonRpc1);
    assert!(String::from_utf8(events.feed(long.as_bytes(), &NoIds)).unwrap().contains("longer than 1000 bytes"));
    assert!(events.feed(b"\n\ndata: {}\n\n", &NoIds).is_empty());
}

#[test]
fn one_dialect_passes_as_it_is() {
    let odd = "event: x\ndata: <not json>\n\n";
    let out = events(Dialect::HttpJson1, Dialect::HttpJson1).feed(odd.as_bytes(), &NoIds);
    assert_eq!(String::from_utf8(out).unwrap(), odd);
}

#[test]
fn versions_are_translated_in_each_event() {
    let event = "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"kind\":\"status-update\",\"taskId\":\"t\",\"contextId\":\"c\",\"status\":{\"state\":\"completed\"},\"final\":true}}\n\n";
    let out = events(Dialect::HttpJson1, Dialect::JsonRpc03).feed(event.as_bytes(), &NoIds);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("\"statusUpdate\"") && text.contains("TASK_STATE_COMPLETED") && !text.contains("final"),
        "{text}"
    );
}
