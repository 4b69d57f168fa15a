//! Who can talk to whom through the gateway: three clients, in each binding they know, with agents of each protocol version and binding,
//! every operation. The outcome is the table in `docs/a2a.md`.

#[path = "matrix/a2acli.rs"]
mod a2acli;
#[path = "matrix/cell.rs"]
mod cell;
#[path = "matrix/table.rs"]
mod table;

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use serde_json::json;
use tollgate_tests::{
    Gateway, binaries,
    gateway::{Settings, directory},
    peers::{Peer, Running},
};

use self::cell::Cell;

/// What the table calls each agent, the id it is registered by, and what it is.
const AGENTS: [(&str, &str, Peer); 6] = [
    ("v1.0 JSON-RPC", "v1-jsonrpc", Peer::V1JsonRpc),
    ("v1.0 HTTP+JSON", "v1-http-json", Peer::V1HttpJson),
    ("v1.0 all three", "v1-grpc", Peer::V1Grpc),
    ("v1.0 and v0.3", "hybrid", Peer::Hybrid),
    ("v0.3", "v03", Peer::V03),
    ("fasta2a", "fasta2a", Peer::FastA2a),
];

/// Starts and registers every agent.
fn agents(gateway: &Gateway, logs: &Path) -> Vec<Running> {
    let running = AGENTS.map(|(_, _, peer)| peer.start(logs));
    for (agent, (_, id, _)) in running.iter().zip(AGENTS) {
        agent.wait();
        let record = json!({"agentId": id, "backendUrl": agent.url(), "grpcUrl": grpc(agent)});
        gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    }
    running.into()
}

/// Where the agent's card says that its gRPC interface is.
fn grpc(agent: &Running) -> Option<String> {
    let card = agent.request("GET", "/.well-known/agent-card.json").send().json();
    let interfaces = card["supportedInterfaces"].as_array()?;
    let grpc = interfaces.iter().find(|interface| interface["protocolBinding"] == "GRPC")?;
    Some(format!("http://{}", grpc["url"].as_str()?))
}

fn token(gateway: &Gateway) -> String {
    let classes = ["read", "write", "push"];
    let scopes = AGENTS.iter().flat_map(|(_, id, _)| classes.map(|class| format!("agents:{id}:{class}")));
    gateway.token(&scopes.collect::<Vec<_>>().join(" "))
}

/// All cells of one of the Python clients.
fn python(
    client: &'static str,
    python: PathBuf,
    script: &str,
    agents: &[(String, String)],
    token: &str,
    grpc: &str,
) -> Vec<Cell> {
    let output = Command::new(python)
        .arg(binaries::peers().join(script))
        .arg("JSONRPC,HTTP+JSON,GRPC")
        .args(agents.iter().map(|(name, url)| format!("{name}={url}")))
        .env("A2A_TOKEN", token)
        // The hosts of the gateway's gRPC domain have no address here: the client is told it, as a resolver would.
        .env("A2A_GRPC", grpc)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the client runs");
    assert!(output.status.success(), "{client}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| Cell::read(client, line)).collect()
}

#[test]
fn every_client_reaches_every_agent_as_the_published_table_says() {
    let logs = directory();
    let domain = ("TOLLGATE_GATEWAY_GRPC_DOMAIN".to_owned(), "grpc.gateway.test".to_owned());
    let gateway = Gateway::start(Settings { variables: vec![domain], ..Settings::default() });
    let _agents = agents(&gateway, logs.path());
    let urls: Vec<(String, String)> =
        AGENTS.map(|(name, id, _)| (name.to_owned(), format!("{}/agents/{id}", gateway.public_url()))).into();
    let token = token(&gateway);
    let grpc = gateway.listener().to_string();
    let cells = thread::scope(|scope| {
        let v1 = scope.spawn(|| python("a2a-sdk 1.3.0", binaries::python_v1(), "matrix_v1.py", &urls, &token, &grpc));
        let v03 =
            scope.spawn(|| python("a2a-sdk 0.3.26", binaries::python_v03(), "matrix_v03.py", &urls, &token, &grpc));
        let rust = scope.spawn(|| a2acli::cells(&urls, &token));
        [v1, v03, rust].map(|client| client.join().expect("the client's cells")).concat()
    });
    gateway.assert_no_trap();
    table::compare(&table::render(&cells));
}
