//! A backend for tests: real HTTP/1.1 on a loopback socket, answers made beforehand, requests kept as they came.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

use crate::outbound::{Outbound, OutboundSettings};

/// An answer made beforehand. Empty: the connection is read and never answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    head: String,
    body: String,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self { head: format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len()), body: body.to_owned() }
    }

    pub(crate) fn chunked(chunks: &[&str]) -> Self {
        let written: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        Self {
            head: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n".to_owned(),
            body: format!("{written}0\r\n\r\n"),
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { head: format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n"), body: String::new() }
    }

    pub(crate) fn silence() -> Self {
        Self { head: String::new(), body: String::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }
}

/// A client that may reach backends of this kind.
pub(crate) fn outbound() -> Outbound {
    let allow_private = vec!["127.0.0.0/8".parse().unwrap()];
    Outbound::new(OutboundSettings { allow_private, ..OutboundSettings::default() }).unwrap()
}

#[derive(Default)]
struct Script {
    default: Option<Reply>,
    by_path: HashMap<String, Reply>,
    requests: Vec<String>,
}

/// The backend; it ends with the test's runtime.
pub(crate) struct FakeBackend {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl FakeBackend {
    /// Starts one that answers every path alike.
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script { default: Some(reply), ..Script::default() }));
        let shared = script.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Self { address, script }
    }

    /// A URL where nobody listens.
    pub(crate) async fn closed_url() -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap()
    }

    /// Answers `path` (with its query) by `reply` from now on.
    pub(crate) fn answer(&self, path: &str, reply: Reply) {
        self.script.lock().unwrap().by_path.insert(path.to_owned(), reply);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// Head and body of each request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.script.lock().unwrap().requests.clone()
    }
}

async fn answer(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let reply = {
        let mut script = script.lock().unwrap();
        script.requests.push(request);
        script.by_path.get(&path).or(script.default.as_ref()).cloned()
    };
    let Some(reply) = reply else { return };
    if reply.head.is_empty() {
        let _ = stream.read(&mut [0]).await;
        return;
    }
    let written = format!("{}connection: close\r\n\r\n{}", reply.head, reply.body);
    let _ = stream.write_all(written.as_bytes()).await;
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length:").and_then(|value| value.trim().parse::<usize>().ok()));
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}
