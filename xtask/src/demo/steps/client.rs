//! What a standard client does: fetch a token, find agents, talk to them in both bindings; and what it is refused.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Outcome, Tour, expect};
use crate::demo::{call::Call, http};

const SEND_RPC: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","role":"ROLE_USER","#,
    r#""parts":[{"text":"What is the weather in Tokyo in July?"}]}}}"#
);
const SEND_REST: &str =
    r#"{"message":{"messageId":"m2","role":"ROLE_USER","parts":[{"text":"1/3 + 1/6; sqrt(2); 1/0"}]}}"#;
const STREAM_REST: &str =
    r#"{"message":{"messageId":"m3","role":"ROLE_USER","parts":[{"text":"Compare Oslo and Rome in January"}]}}"#;

pub(super) fn steps(tour: &mut Tour) -> Result<()> {
    let credentials = "$CLIENT_ID:$CLIENT_SECRET";
    tour.step("the client gets a token", |tour| tour.token(&Call::token(credentials, &[]), "TOKEN"))?;
    tour.step("it lists the agents it may reach", list)?;
    tour.step("it searches for one that does what it wants", search)?;
    tour.step("it reads Weather's card", card)?;
    tour.step("it sends by JSON-RPC", send_rpc)?;
    tour.step("it sends by HTTP+JSON", send_rest)?;
    tour.step("it streams", stream)?;
    tour.step("without a token it is refused", refused_without_token)?;
    tour.step("it gets a token for reading alone", |tour| {
        tour.token(&Call::token(credentials, &["scope=agents:weather:read"]), "READ_TOKEN")
    })?;
    tour.step("with that it may not send", refused_beyond_scope)
}

fn list(tour: &mut Tour) -> Result<Outcome> {
    let call = Call::get("$GATEWAY_URL/agents").header("Authorization", "Bearer $TOKEN");
    let reply = tour.send(&call, &[200])?;
    let cards = reply.json();
    let names: Vec<_> = cards.as_array().into_iter().flatten().filter_map(|card| card["name"].as_str()).collect();
    ensure!(names.contains(&"Weather") && names.contains(&"Calculator"), "the listing holds only {names:?}");
    let finding = names.join(", ");
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn search(tour: &mut Tour) -> Result<Outcome> {
    let call = as_client(Call::json("POST", "$GATEWAY_URL/search", r#"{"query":"weather","topK":1}"#));
    let reply = tour.send(&call, &[200])?;
    let answer = reply.json();
    let name = answer["results"][0]["agentCard"]["name"].as_str().context("nothing was found")?;
    ensure!(name == "Weather", "the best answer is {name}");
    let finding = format!("{name}, ranked by {} search", answer["mode"].as_str().unwrap_or("unknown"));
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn card(tour: &mut Tour) -> Result<Outcome> {
    let call =
        Call::get("$GATEWAY_URL/agents/weather/.well-known/agent-card.json").header("Authorization", "Bearer $TOKEN");
    let reply = tour.send(&call, &[200])?;
    ensure!(!reply.text.contains(tour.variables.require("WEATHER_URL")?), "the card names the backend: {}", reply.text);
    let card = reply.json();
    let url = card["supportedInterfaces"][0]["url"].as_str().context("the card has no interface")?;
    let gateway = tour.variables.require("GATEWAY_URL")?;
    ensure!(url.starts_with(gateway), "the card names {url}, which is not the gateway");
    let finding = format!("rewritten to {}", url.trim_start_matches(gateway));
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn send_rpc(tour: &mut Tour) -> Result<Outcome> {
    let call = as_client(Call::json("POST", "$GATEWAY_URL/agents/weather", SEND_RPC));
    let reply = tour.send(&call, &[200])?;
    let finding = answered(&reply.json()["result"]["task"], "Tokyo in July")?;
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn send_rest(tour: &mut Tour) -> Result<Outcome> {
    let call = as_client(Call::json("POST", "$GATEWAY_URL/agents/calculator/message:send", SEND_REST));
    let reply = tour.send(&call, &[200])?;
    let finding = answered(&reply.json()["task"], "2 evaluated, 1 refused")?;
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn stream(tour: &mut Tour) -> Result<Outcome> {
    let call = as_client(Call::json("POST", "$GATEWAY_URL/agents/weather/message:stream", STREAM_REST)).streamed();
    let mut arrivals: Vec<Duration> = Vec::new();
    let screen = tour.screen;
    let reply = http::stream(&call, tour.variables, |at, event| {
        arrivals.push(at);
        screen.streamed(at, &described(event));
    })?;
    expect(&reply, &[200], &call)?;
    ensure!(
        reply.text.contains("TASK_STATE_COMPLETED"),
        "the stream does not end with a completed task: {}",
        reply.text
    );
    let (first, last) = arrivals.first().zip(arrivals.last()).context("no event arrived")?;
    // Events that all arrive together were held back somewhere.
    ensure!(last.saturating_sub(*first) > Duration::from_millis(100), "the events arrived all at once");
    let finding = format!("{} events, the first after {} ms", arrivals.len(), first.as_millis());
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn refused_without_token(tour: &mut Tour) -> Result<Outcome> {
    let call = Call::json("POST", "$GATEWAY_URL/agents/weather", SEND_RPC).header("A2A-Version", "1.0");
    let reply = tour.send(&call, &[401])?;
    ensure!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "no WWW-Authenticate");
    let finding = refusal(&reply.json());
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn refused_beyond_scope(tour: &mut Tour) -> Result<Outcome> {
    let call = Call::json("POST", "$GATEWAY_URL/agents/weather", SEND_RPC)
        .header("Authorization", "Bearer $READ_TOKEN")
        .header("A2A-Version", "1.0");
    let reply = tour.send(&call, &[403])?;
    let finding = refusal(&reply.json());
    Ok(Outcome { reply, finding, command: call.curl() })
}

fn as_client(call: Call) -> Call {
    call.header("Authorization", "Bearer $TOKEN").header("A2A-Version", "1.0")
}

/// What the agent said last, which must contain `wanted`.
fn answered(task: &Value, wanted: &str) -> Result<String> {
    let text =
        task["status"]["message"]["parts"][0]["text"].as_str().with_context(|| format!("no answer in {task}"))?;
    ensure!(text.contains(wanted), "the agent said {text:?}, which does not contain {wanted:?}");
    Ok(shortened(text))
}

/// One event of a stream in a few words.
fn described(event: &Value) -> String {
    let said = |value: &Value| value["parts"][0]["text"].as_str().map(shortened).unwrap_or_default();
    if let Some(state) = event["statusUpdate"]["status"]["state"].as_str() {
        return format!("{:<10}{}", short_state(state), said(&event["statusUpdate"]["status"]["message"]));
    }
    if event["artifactUpdate"].is_object() {
        return format!("{:<10}{}", "artifact", said(&event["artifactUpdate"]["artifact"]));
    }
    event["task"]["status"]["state"].as_str().map_or_else(|| "event".to_owned(), short_state)
}

fn short_state(state: &str) -> String {
    state.trim_start_matches("TASK_STATE_").to_lowercase()
}

/// The message of a denial, in whichever of the two shapes it came.
fn refusal(body: &Value) -> String {
    shortened(body["error"]["message"].as_str().unwrap_or("refused"))
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 90;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
