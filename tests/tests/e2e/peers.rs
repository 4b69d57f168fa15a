//! Clients and agents that we did not write: a2a-sdk 1.3.0 and 0.3.26 clients, given only the gateway's URL and a token, against the
//! example agents written with a2a-sdk 1.3.0.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::{Value, json};
use tollgate_tests::{Gateway, Request, binaries, process::Process, wait};

const WEATHER: &str = "peer-weather";
const CALCULATOR: &str = "peer-calculator";

/// The example agents, registered once.
fn agents() -> &'static [Process; 2] {
    static AGENTS: OnceLock<[Process; 2]> = OnceLock::new();
    AGENTS.get_or_init(|| {
        let (weather, at) =
            start("weather", &[("WEATHER_CLIENT_ID", "gateway"), ("WEATHER_CLIENT_SECRET", "weather-secret")]);
        let oauth = json!({"type": "oauth2_client_credentials", "tokenUrl": format!("http://{at}/oauth/token"),
            "clientId": "gateway", "clientSecret": "weather-secret", "scopes": ["weather.read"]});
        register(WEATHER, at, &oauth);
        let (calculator, at) = start("calculator", &[("CALCULATOR_API_KEY", "calculator-key")]);
        register(CALCULATOR, at, &json!({"type": "api_key", "headerName": "X-API-Key", "apiKey": "calculator-key"}));
        [weather, calculator]
    })
}

fn start(module: &str, variables: &[(&str, &str)]) -> (Process, SocketAddr) {
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a port");
    let source = binaries::workspace().join("examples/agents");
    let source = source.to_string_lossy();
    let mut variables = variables.to_vec();
    variables.push(("PYTHONPATH", &source));
    variables.push(("PYTHONDONTWRITEBYTECODE", "1"));
    let log = log(module);
    let process =
        Process::start(&binaries::python_agents(), &["-m", module, "--port", &at.port().to_string()], &variables, &log);
    wait::until("the example agent", || {
        assert!(process.is_running(), "{}", process.log());
        Request::new(at, "GET", "/healthz").try_send().filter(|response| response.status == 200)
    });
    (process, at)
}

fn register(id: &str, at: SocketAddr, auth: &Value) {
    let record = json!({"agentId": id, "backendUrl": format!("http://{at}"), "authConfig": auth});
    Gateway::shared().admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
}

fn log(module: &str) -> PathBuf {
    Gateway::shared().data().parent().expect("the gateway's directory").join(format!("{module}.log"))
}

/// Runs a client's whole conversation; returns its steps by name.
#[track_caller]
fn talk(python: &Path, script: &str, agent: &str, message: &str, binding: &str) -> serde_json::Map<String, Value> {
    agents();
    let gateway = Gateway::shared();
    let token = gateway.token(&format!("agents:{agent}:read agents:{agent}:write"));
    let output = Command::new(python)
        .arg(binaries::workspace().join("tests/peers").join(script))
        .args([&format!("{}/agents/{agent}", gateway.public_url()), message, "--binding", binding])
        .env("A2A_TOKEN", token)
        .output()
        .expect("the client runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    let steps = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    steps.map(|step| (step["step"].as_str().unwrap_or_default().to_owned(), step)).collect()
}

/// Card, message, stream and task were all as they should be.
#[track_caller]
fn check(steps: &serde_json::Map<String, Value>, answer: &str) {
    let gateway = Gateway::shared().public_url();
    assert!(steps["card"]["interfaces"].to_string().contains(&gateway), "{steps:?}");
    assert!(steps["send"]["text"].as_str().unwrap_or_default().contains(answer), "{steps:?}");
    assert!(steps["stream"]["text"].as_str().unwrap_or_default().contains(answer), "{steps:?}");
    assert!(steps["stream"]["events"].as_array().is_some_and(|events| events.len() > 2), "{steps:?}");
    assert_eq!(steps["task"]["taskId"], steps["send"]["taskId"], "{steps:?}");
}

#[test]
fn a_v1_client_talks_to_both_agents_in_both_bindings() {
    for binding in ["JSONRPC", "HTTP+JSON"] {
        let steps = talk(&binaries::python_v1(), "client_v1.py", CALCULATOR, "6 * 7", binding);
        check(&steps, "42");
        let steps =
            talk(&binaries::python_v1(), "client_v1.py", WEATHER, "What is the weather in Tokyo in July?", binding);
        check(&steps, "Tokyo");
    }
}

#[test]
fn a_v03_client_talks_to_both_agents_in_both_bindings() {
    for binding in ["JSONRPC", "HTTP+JSON"] {
        let steps = talk(&binaries::python_v03(), "client_v03.py", CALCULATOR, "6 * 7", binding);
        check(&steps, "42");
        let steps =
            talk(&binaries::python_v03(), "client_v03.py", WEATHER, "What is the weather in Tokyo in July?", binding);
        check(&steps, "Tokyo");
    }
}

#[test]
fn the_cards_of_both_agents_verify_by_the_gateways_keys() {
    agents();
    for agent in [CALCULATOR, WEATHER] {
        super::signatures::check(agent);
    }
}

#[test]
fn a_client_without_the_scope_is_told_so() {
    agents();
    let gateway = Gateway::shared();
    for (script, python) in [("client_v1.py", binaries::python_v1()), ("client_v03.py", binaries::python_v03())] {
        let output = Command::new(python)
            .arg(binaries::workspace().join("tests/peers").join(script))
            .args([&format!("{}/agents/{CALCULATOR}", gateway.public_url()), "1 + 1"])
            .env("A2A_TOKEN", gateway.token(&format!("agents:{CALCULATOR}:read")))
            .output()
            .expect("the client runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success(), "{text}");
        let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a JSON line");
        assert_eq!(last["step"], "error", "{text}");
        assert!(last["message"].as_str().unwrap_or_default().contains("403"), "{last}");
    }
}
