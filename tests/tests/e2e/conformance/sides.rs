//! The same request to an agent itself and to the gateway in front of it. The answers must be one, but for ids and times.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::OnceLock,
};

use serde_json::{Value, json};
use tollgate_tests::{
    Gateway, Request, Response,
    peers::{Peer, Running},
    wait,
};

const AGENT: &str = "conformance";

/// Which way a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// To the agent itself.
    Direct,
    /// Through the gateway, with every class of operation.
    Gateway,
}

/// Both of them, the agent first.
pub(super) const SIDES: [Side; 2] = [Side::Direct, Side::Gateway];

/// An agent of v1.0 with both bindings, registered once.
fn agent() -> &'static Running {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    RUNNING.get_or_init(|| {
        let gateway = Gateway::shared();
        let agent = Peer::V1Grpc.start(gateway.data().parent().expect("the gateway's directory"));
        agent.wait();
        let record = json!({"agentId": AGENT, "backendUrl": agent.url()});
        gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
        agent
    })
}

impl Side {
    /// A request of JSON-RPC at `""`, of HTTP+JSON at the operation's path, of the card at its well-known one.
    pub(super) fn request(self, method: &str, path: &str) -> Request {
        let agent = agent();
        let prefix = match path {
            "" => "/rpc",
            path if path.starts_with("/.well-known/") => "",
            _ => "/rest",
        };
        match self {
            Self::Direct => agent.request(method, &format!("{prefix}{path}")),
            Self::Gateway => {
                let gateway = Gateway::shared();
                let scopes = ["read", "write", "push"].map(|class| format!("agents:{AGENT}:{class}"));
                let request = gateway.request(method, &format!("/agents/{AGENT}{path}"));
                request.bearer(&gateway.token(&scopes.join(" ")))
            }
        }
    }

    /// A JSON-RPC call of protocol 1.0.
    pub(super) fn rpc(self, method: &str, params: &Value) -> Request {
        let call = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        self.request("POST", "").header("a2a-version", "1.0").json(&call)
    }

    /// An HTTP+JSON call of protocol 1.0.
    pub(super) fn rest(self, method: &str, path: &str, body: Option<&Value>) -> Request {
        let request = self.request(method, path).header("a2a-version", "1.0");
        body.map_or(request.clone(), |body| request.json(body))
    }

    /// Sends a request whose answer is a stream; when `mark` has come, calls `then` with what came so far, and reads to the end.
    pub(super) fn stream_until(self, request: &Request, mark: &str, then: impl FnOnce(&str)) -> Response {
        let mut stream = TcpStream::connect(self.address()).expect("a connection");
        stream.set_read_timeout(Some(wait::PATIENCE)).expect("a timeout");
        stream.write_all(&request.bytes()).expect("the request is sent");
        let (mut answer, mut chunk, mut then) = (Vec::new(), [0; 4096], Some(then));
        loop {
            let count = stream.read(&mut chunk).expect("the stream goes on");
            answer.extend_from_slice(&chunk[..count]);
            let so_far = String::from_utf8_lossy(&answer);
            if so_far.contains(mark)
                && let Some(then) = then.take()
            {
                then(&so_far);
            }
            if count == 0 {
                return Response::parse(&answer).expect("an answer");
            }
        }
    }

    fn address(self) -> SocketAddr {
        match self {
            Self::Direct => agent().at,
            Self::Gateway => Gateway::shared().listener(),
        }
    }
}

/// Both answers; they have the same status, content type and body, but for ids and times.
#[track_caller]
pub(super) fn both(ask: impl Fn(Side) -> Request) -> Response {
    agree(SIDES.map(|side| ask(side).send()))
}

/// The agent's answer, when the gateway's is the same.
#[track_caller]
pub(super) fn agree([direct, gateway]: [Response; 2]) -> Response {
    let shown = |response: &Response| {
        let kind = response.header("content-type").unwrap_or_default().to_owned();
        (response.status, kind, without_ids_and_times(&response.text()))
    };
    assert_eq!(shown(&gateway), shown(&direct), "the gateway's answer, and the agent's");
    direct
}

/// The events of a stream, one JSON document to each `data:` line; JSON-RPC's envelope is taken off.
#[track_caller]
pub(super) fn events(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
    let text = response.text();
    let data = text.lines().filter(|line| !line.is_empty() && !line.starts_with(':')).map(|line| {
        let document = line.strip_prefix("data: ").unwrap_or_else(|| panic!("not a data line: {line}"));
        serde_json::from_str::<Value>(document).expect("a JSON document")
    });
    data.map(|event| if event.get("jsonrpc").is_some() { event["result"].clone() } else { event }).collect()
}

/// Ids by the order in which they come, times as `TIME`.
fn without_ids_and_times(text: &str) -> String {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let words = text.split('"').map(|word| {
        let bytes = word.as_bytes();
        let is_id = bytes.len() == 36 && bytes.iter().filter(|byte| **byte == b'-').count() == 4;
        let is_time = bytes.len() > 19 && bytes[10] == b'T' && bytes.ends_with(b"Z");
        match (is_id, is_time) {
            (true, _) => {
                let next = seen.len();
                format!("ID-{}", seen.entry(word).or_insert(next))
            }
            (_, true) => "TIME".to_owned(),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join("\"")
}
