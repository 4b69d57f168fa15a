//! The static backend behind every target: answers any POST with the same 60-odd bytes and any GET with an A2A card, on one thread.
//! It must cost less than the proxy it stands behind, so it parses nothing it does not need.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
};

use anyhow::{Context, Result};
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use serde_json::json;

use crate::http;

const LISTENER: Token = Token(0);
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"message":{"role":"ROLE_AGENT"}}}"#;

/// Binds `port` (0 for any) on loopback and serves from a thread of its own until the process ends.
pub(crate) fn start(port: u16) -> Result<SocketAddr> {
    serve(port, response(ANSWER))
}

/// One that answers any POST with a stream: one event, then nothing, and no end.
pub(crate) fn start_streaming() -> Result<SocketAddr> {
    let event = format!("data: {ANSWER}\n\n");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    serve(0, format!("{head}{:x}\r\n{event}\r\n", event.len()).into_bytes())
}

fn serve(port: u16, answer: Vec<u8>) -> Result<SocketAddr> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).context("binding the backend's port")?;
    let address = listener.local_addr()?;
    let backend = Backend { answer, card: response(&card(address)), connections: Vec::new() };
    std::thread::Builder::new().name("backend".into()).spawn(move || {
        if let Err(error) = backend.serve(listener) {
            eprintln!("backend: {error:#}");
        }
    })?;
    Ok(address)
}

struct Backend {
    answer: Vec<u8>,
    card: Vec<u8>,
    /// Indexed by token - 1; slots of closed connections are reused.
    connections: Vec<Option<Peer>>,
}

struct Peer {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Backend {
    fn serve(mut self, mut listener: TcpListener) -> Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(256);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        loop {
            if let Err(error) = poll.poll(&mut events, None)
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(&listener, &poll)?,
                    Token(slot) => self.answer(slot - 1),
                }
            }
        }
    }

    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<()> {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true)?;
            let slot = self.connections.iter().position(Option::is_none).unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            poll.registry().register(&mut stream, Token(slot + 1), Interest::READABLE)?;
            self.connections[slot] = Some(Peer { stream, pending: Vec::with_capacity(4 << 10) });
        }
        Ok(())
    }

    fn answer(&mut self, slot: usize) {
        let Some(peer) = self.connections[slot].as_mut() else { return };
        if peer.exchange(&self.answer, &self.card).is_err() {
            self.connections[slot] = None;
        }
    }
}

impl Peer {
    /// Answers every request that is complete; an error means that the connection is over.
    fn exchange(&mut self, answer: &[u8], card: &[u8]) -> std::io::Result<()> {
        let mut chunk = [0; 16 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.pending.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            while let Some(frame) = http::frame(&self.pending) {
                let reply = if self.pending.starts_with(b"GET ") { card } else { answer };
                self.stream.write_all(reply)?;
                self.pending.drain(..frame.total);
            }
        }
    }
}

fn response(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A v1.0 card whose interfaces are the root of this backend.
fn card(address: SocketAddr) -> String {
    let offers =
        |binding| json!({"url": format!("http://{address}/"), "protocolBinding": binding, "protocolVersion": "1.0"});
    let interfaces = ["JSONRPC", "HTTP+JSON"].map(offers);
    json!({
        "name": "Static", "description": "Answers everything with the same bytes.", "version": "1.0.0",
        "supportedInterfaces": interfaces,
        "capabilities": {"streaming": false},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "answer", "name": "Answer", "description": "Always the same.", "tags": ["bench"]}],
    })
    .to_string()
}
