//! An HTTP/1.1 client that sends exactly what it is told, well formed or not, and reads what comes back: one connection a request.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    target: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// Without transfer coding.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers but `host`.
    #[must_use]
    pub fn new(target: SocketAddr, method: &str, path: &str) -> Self {
        let headers = vec![("host".to_owned(), target.to_string().into_bytes())];
        Self { target, method: method.to_owned(), path: path.to_owned(), headers, body: None }
    }

    /// One more header, bytes as they are.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// A body with its length, without a content type.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// The request's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        let own_framing = self.headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding");
        if let (Some(body), false) = (&self.body, own_framing) {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"connection: close\r\n\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it and reads the answer.
    ///
    /// # Panics
    /// When nothing that is HTTP comes back.
    #[must_use]
    #[track_caller]
    pub fn send(&self) -> Response {
        let answer = exchange(self.target, &self.bytes());
        Response::parse(&answer)
            .unwrap_or_else(|| panic!("{} {}: no answer: {}", self.method, self.path, lossy(&answer)))
    }

    /// The answer, or `None` when there was none.
    #[must_use]
    pub fn try_send(&self) -> Option<Response> {
        let stream = TcpStream::connect(self.target).ok()?;
        Response::parse(&exchange_on(stream, &self.bytes()))
    }
}

impl Response {
    /// Reads a whole response.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let raw = &bytes[end + 4..];
        let body = if chunked { dechunk(raw) } else { raw.to_vec() };
        Some(Self { status, headers, body })
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        lossy(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: not JSON: {error}: {}", self.status, self.text()))
    }
}

/// Sends bytes, reads until the other side closes or is silent.
///
/// # Panics
/// When there is nobody to talk to.
#[must_use]
#[track_caller]
pub fn exchange(target: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    exchange_on(TcpStream::connect(target).unwrap_or_else(|error| panic!("{target}: {error}")), bytes)
}

/// Sends a request whose body never comes to its announced end, closes the sending side, and reads what comes back.
///
/// # Panics
/// When there is nobody to talk to.
#[must_use]
#[track_caller]
pub fn exchange_cut_short(target: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(target).unwrap_or_else(|error| panic!("{target}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(&mut stream)
}

fn exchange_on(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // A refusal may come, and the connection go, before all is written.
    let _ = stream.write_all(bytes);
    read_to_end(&mut stream)
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 << 10]);
    while !is_complete(&answer) {
        match stream.read(&mut chunk) {
            Ok(0) => return answer,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return answer,
        }
    }
    answer
}

/// Whether a response has all that its `content-length` announced. Others end with their connection.
fn is_complete(bytes: &[u8]) -> bool {
    let Some(response) = Response::parse(bytes) else { return false };
    let length = response.header("content-length").and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| response.body.len() >= length)
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let digits = lossy(&rest[..line]);
        let size = usize::from_str_radix(digits.trim(), 16).unwrap_or(0);
        let (begin, end) = (line + 2, line + 2 + size);
        if size == 0 || rest.len() < end {
            break;
        }
        plain.extend_from_slice(&rest[begin..end]);
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    plain
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
