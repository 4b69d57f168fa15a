//! The compose stack, started for real wherever a Docker engine runs: the compose file and the Dockerfiles that users run, with a
//! registration, an allowed and a refused call, and the control plane killed and restarted. Without an engine it says so and passes.

mod engine;
mod stack;
mod stand_ins;

use std::process::Command;

use engine::Engine;
use tollgate_tests::binaries;

use stack::{Stack, expect};

#[test]
fn the_stack_serves_outlives_its_control_plane_and_loses_nothing() {
    let engine = match Engine::find() {
        Ok(engine) => engine,
        Err(reason) => return skipped(&reason),
    };
    if let Err(reason) = stand_ins::provide(&engine) {
        return skipped(&reason);
    }
    let stack = Stack::up(engine);
    stack.holds_no_secret_in_an_image_and_nobody_is_root();
    let before = register(&stack);
    check_calls(&stack);
    let found = stack.find("do I need an umbrella", &stack.caller_token());
    assert!(found.contains("Weather"), "{found}");

    stack.compose(&["kill", "control-plane"]);
    assert!(stack.admin("GET", "/healthz").try_send().is_none(), "the control plane is still there");
    for _ in 0..20 {
        check_calls(&stack);
    }

    stack.compose(&["start", "control-plane"]);
    stack.until_ready();
    let after = registered(&stack);
    assert_eq!(after, before, "something was lost");
    check_calls(&stack);
    // The secret survived as well: hashed, and in the volume.
    let fresh = stack.token(&stack.gateway("POST", "/oauth2/token"), "caller", &stack.caller_secret());
    expect(&stack.send_to("weather", &fresh), 200, "Tokyo in July");
}

#[test]
fn the_stacks_bootstrap_is_what_the_command_prints() {
    let mut print = Command::new(binaries::tollgate());
    print.args(["bootstrap", "--node-id", "compose-envoy", "--cluster", "compose", "--xds", "control-plane:18000"]);
    let printed = engine::run(&mut print).expect("tollgate bootstrap");
    let mounted =
        std::fs::read_to_string(binaries::workspace().join("envoy/compose.json")).expect("envoy/compose.json");
    assert_eq!(printed.trim(), mounted.trim());
}

/// Registers both agents by reference to secrets that the control plane's environment holds, and makes a client that may write to
/// Weather and only read from Calculator. Returns what is registered then.
fn register(stack: &Stack) -> Vec<String> {
    stack.register(
        r#"{"agentId":"weather","backendUrl":"http://weather:9100","authConfig":{"type":"oauth2_client_credentials",
            "tokenUrl":"http://weather:9100/oauth/token","clientId":"tollgate","clientSecret":"env:TOLLGATE_SECRET_WEATHER"}}"#,
    );
    stack.register(
        r#"{"agentId":"calculator","backendUrl":"http://calculator:9100",
            "authConfig":{"type":"api_key","headerName":"X-API-Key","apiKey":"env:TOLLGATE_SECRET_CALCULATOR"}}"#,
    );
    stack.make_caller(r#"{"clientId":"caller","scopes":["agents:weather:write","agents:calculator:read"]}"#);
    registered(stack)
}

/// What is kept of each agent: where it is, how it is reached, which credential it gets.
fn registered(stack: &Stack) -> Vec<String> {
    let listing = stack.as_admin("GET", "/admin/agents").send();
    expect(&listing, 200, "weather");
    let json = listing.json();
    let agents = json["agents"].as_array().expect("a list of agents");
    agents.iter().map(|agent| format!("{} {} {}", agent["agentId"], agent["backends"], agent["authConfig"])).collect()
}

fn check_calls(stack: &Stack) {
    expect(&stack.send_to("weather", &stack.caller_token()), 200, "Tokyo in July");
    expect(&stack.send_to("calculator", &stack.caller_token()), 403, "");
    expect(&stack.send_to("weather", "not-a-token"), 401, "");
}

fn skipped(reason: &str) {
    println!("skipped: {reason}");
}
