//! Agents that we did not write, as processes: the official Python SDK at protocol 1.0 and 0.3, and `fasta2a`. What they do is in
//! `tests/peers/`; each is on a free port of loopback, and its card says so.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use crate::{Request, binaries, process::Process, wait};

/// An agent that can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `a2a-sdk` 1.3.0, v1.0, JSON-RPC.
    V1JsonRpc,
    /// `a2a-sdk` 1.3.0, v1.0, HTTP+JSON.
    V1HttpJson,
    /// `a2a-sdk` 1.3.0, v1.0, JSON-RPC, HTTP+JSON and gRPC.
    V1Grpc,
    /// `a2a-sdk` 1.3.0, v1.0 and v0.3 in one card, JSON-RPC and HTTP+JSON.
    Hybrid,
    /// `a2a-sdk` 0.3.26, v0.3, JSON-RPC and HTTP+JSON.
    V03,
    /// `fasta2a` 2.1.1, v1.0 and older names, JSON-RPC.
    FastA2a,
}

/// A running agent.
#[derive(Debug)]
pub struct Running {
    /// Where it serves HTTP.
    pub at: SocketAddr,
    process: Process,
}

impl Peer {
    /// Starts it, with its log in `directory`; it may not serve yet.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(self, directory: &Path) -> Running {
        let (at, grpc) = (free(), free());
        let (port, grpc_port) = (at.port().to_string(), grpc.port().to_string());
        let (python, script, shape) = self.program();
        let script = binaries::peers().join(script).to_string_lossy().into_owned();
        let mut arguments = vec![script.as_str(), "--port", &port];
        if let Some(shape) = shape {
            arguments.extend(["--shape", shape, "--grpc-port", &grpc_port]);
        }
        let log = directory.join(format!("{self:?}.log").to_lowercase());
        Running { at, process: Process::start(&python, &arguments, &[("PYTHONDONTWRITEBYTECODE", "1")], &log) }
    }

    fn program(self) -> (PathBuf, &'static str, Option<&'static str>) {
        let v1 = |shape| (binaries::python_v1(), "v1_agent.py", Some(shape));
        match self {
            Self::V1JsonRpc => v1("jsonrpc"),
            Self::V1HttpJson => v1("http-json"),
            Self::V1Grpc => v1("grpc"),
            Self::Hybrid => v1("hybrid"),
            Self::V03 => (binaries::python_v03(), "v03_agent.py", None),
            Self::FastA2a => (binaries::python_fasta2a(), "fasta2a_agent.py", None),
        }
    }
}

impl Running {
    /// Waits until it serves its card.
    ///
    /// # Panics
    /// When it ends instead.
    #[track_caller]
    pub fn wait(&self) {
        wait::until("the agent's card", || {
            assert!(self.process.is_running(), "{}", self.process.log());
            self.request("GET", "/.well-known/agent-card.json").try_send().filter(|card| card.status == 200)
        });
    }

    /// A request to the agent itself, past the gateway.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.at, method, path)
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }
}

fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a port")
}
