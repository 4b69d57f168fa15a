//! An agent's backend that answers with what it was sent and remembers every call. Its card, its token endpoint and its health are served
//! beside and are not counted as calls. It can die and come back.

mod life;
mod wire;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::{
    cards::{self, CardShape},
    certificates::Identity,
    door::Door,
    tls,
};
pub use life::Health;
use life::Life;
pub use wire::Seen;
use wire::{read_request, response};

/// A backend on a port of its own, served by threads that end with the test binary.
#[derive(Debug, Clone)]
pub struct Backend {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    origin: String,
    tls: Option<Arc<ServerConfig>>,
    door: Door,
    card: Mutex<CardAnswer>,
    calls: Mutex<Vec<Seen>>,
    refused: Mutex<Vec<Seen>>,
    broken_handshakes: Mutex<Vec<String>>,
    life: Life,
}

/// What a card request gets.
#[derive(Debug, Clone)]
pub enum CardAnswer {
    /// The card, rendered for the backend's origin.
    Card(CardShape),
    /// These bytes, with status 200.
    Raw(Vec<u8>),
    /// Nothing but a status.
    Status(u16),
}

impl Backend {
    /// An open backend with a v1.0 card.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Door::Open, CardAnswer::Card(CardShape::V1))
    }

    /// A backend behind a door.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn with(door: Door, card: CardAnswer) -> Self {
        Self::listen("http://127.0.0.1", None, door, card)
    }

    /// An open backend with a v1.0 card at `https://host:port`, where `host` leads to loopback.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn over_tls(host: &str, identity: &Identity) -> Self {
        let card = CardAnswer::Card(CardShape::V1);
        Self::listen(&format!("https://{host}"), Some(identity.server()), Door::Open, card)
    }

    fn listen(origin: &str, tls: Option<Arc<ServerConfig>>, door: Door, card: CardAnswer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            origin: format!("{origin}:{}", address.port()),
            tls,
            door,
            card: Mutex::new(card),
            calls: Mutex::default(),
            refused: Mutex::default(),
            broken_handshakes: Mutex::default(),
            life: Life::default(),
        };
        let backend = Self { address, state: Arc::new(state) };
        backend.live(listener);
        backend
    }

    /// `http://host:port`, or `https`.
    #[must_use]
    pub fn url(&self) -> String {
        self.state.origin.clone()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its door.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.state.door
    }

    /// Every call so far that came through the door.
    #[must_use]
    pub fn calls(&self) -> Vec<Seen> {
        lock(&self.state.calls).clone()
    }

    /// Every request so far that the door refused.
    #[must_use]
    pub fn refused(&self) -> Vec<Seen> {
        lock(&self.state.refused).clone()
    }

    /// Every TLS handshake so far that the client broke off, with its reason.
    #[must_use]
    pub fn broken_handshakes(&self) -> Vec<String> {
        lock(&self.state.broken_handshakes).clone()
    }

    /// The one call so far.
    ///
    /// # Panics
    /// When there were none or several.
    #[must_use]
    #[track_caller]
    pub fn only_call(&self) -> Seen {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.into_iter().next().expect("one")
    }

    /// Serves another card from now on.
    pub fn set_card(&self, card: CardAnswer) {
        *lock(&self.state.card) = card;
    }

    fn accept(&self, stream: TcpStream) {
        let peer = stream.peer_addr().ok();
        let Some(config) = &self.state.tls else { return self.serve(stream, None, peer) };
        match tls::accept(config, stream) {
            Ok(stream) => {
                let name = stream.conn.server_name().map(str::to_owned);
                self.serve(stream, name.as_deref(), peer);
            }
            Err(error) => lock(&self.state.broken_handshakes).push(error.to_string()),
        }
    }

    fn serve(&self, mut stream: impl Read + Write, server_name: Option<&str>, peer: Option<SocketAddr>) {
        let mut pending = Vec::new();
        while let Some(mut seen) = read_request(&mut stream, &mut pending) {
            seen.server_name = server_name.map(str::to_owned);
            seen.peer = peer;
            let last = seen.header("connection") == Some("close");
            let Some(answer) = self.answer(seen) else { return };
            if stream.write_all(&answer).is_err() || last {
                return;
            }
        }
    }

    /// `None`: the connection ends.
    fn answer(&self, seen: Seen) -> Option<Vec<u8>> {
        if let (Door::OAuth(endpoint), "/oauth/token") = (&self.state.door, seen.path.as_str()) {
            let (status, body) = endpoint.answer(&seen)?;
            return Some(response(status, "application/json", body.as_bytes()));
        }
        if seen.method == "GET" && seen.path == "/health" {
            return Some(response(self.state.life.check(seen), "text/plain", b""));
        }
        if !self.state.door.admits(&seen) {
            lock(&self.state.refused).push(seen);
            return Some(response(401, "application/json", b"{\"refused\":\"by the backend\"}"));
        }
        if seen.method == "GET" && seen.path.ends_with("/agent-card.json") {
            return Some(self.card());
        }
        lock(&self.state.calls).push(seen.clone());
        Some(if asks_for_stream(&seen) { stream() } else { echo(&seen) })
    }

    fn card(&self) -> Vec<u8> {
        match lock(&self.state.card).clone() {
            CardAnswer::Card(shape) => {
                response(200, "application/json", cards::card(shape, &self.url()).to_string().as_bytes())
            }
            CardAnswer::Raw(bytes) => response(200, "application/json", &bytes),
            CardAnswer::Status(status) => response(status, "text/plain", b"planted-body-of-a-failing-backend"),
        }
    }
}

/// The events that a stream consists of, with the odd framing of real servers.
pub const EVENTS: &str = "data: {\"n\":1}\r\n\r\n: ping\r\n\r\nid: 2\ndata: {\"n\":2}\n\ndata: {\"n\":3}\n\n";

fn asks_for_stream(seen: &Seen) -> bool {
    let body = String::from_utf8_lossy(&seen.body);
    seen.path.contains("message:stream") || body.contains("SendStreamingMessage") || body.contains("message/stream")
}

fn stream() -> Vec<u8> {
    response(200, "text/event-stream", EVENTS.as_bytes())
}

fn echo(seen: &Seen) -> Vec<u8> {
    let headers: serde_json::Map<String, Value> =
        seen.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let told = json!({"method": seen.method, "path": seen.path, "headers": headers, "body": String::from_utf8_lossy(&seen.body)});
    response(200, "application/json", json!({"jsonrpc": "2.0", "id": 1, "result": told}).to_string().as_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Backend;
    use crate::{
        backend::CardAnswer,
        cards::CardShape,
        door::{ClientAuth, Door, Expiry, TokenEndpoint},
        http::Request,
    };

    fn to(backend: &Backend, method: &str, path: &str) -> Request {
        Request::new(backend.address(), method, path)
    }

    #[test]
    fn remembers_calls_but_neither_cards_nor_tokens() {
        let endpoint = TokenEndpoint::new(ClientAuth::Form, Expiry::Unsaid);
        let backend = Backend::with(Door::OAuth(endpoint), CardAnswer::Card(CardShape::V1));
        let form = "grant_type=client_credentials&client_id=backend-client&client_secret=planted-backend-client-secret";
        let token = to(&backend, "POST", "/oauth/token").body(form).send().json();
        let token = token["access_token"].as_str().expect("a token");
        assert_eq!(to(&backend, "GET", "/.well-known/agent-card.json").bearer(token).send().json()["name"], "Recorder");
        assert_eq!(to(&backend, "GET", "/tasks").send().status, 401);
        assert!(backend.calls().is_empty());
        assert_eq!(backend.refused().len(), 1);
        assert_eq!(to(&backend, "GET", "/tasks").bearer(token).send().status, 200);
        assert_eq!(backend.only_call().path, "/tasks");
    }

    #[test]
    fn joins_a_chunked_body() {
        let backend = Backend::start();
        let request =
            to(&backend, "POST", "/").header("transfer-encoding", "chunked").body("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        assert_eq!(request.send().status, 200);
        assert_eq!(backend.only_call().body, b"abcde");
    }
}
