//! HTTP/1.1 as the recording backend reads and writes it.

use std::{io::Read, net::SocketAddr};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// The name that the client asked for in its TLS handshake (RFC 6066 section 3); `None`: none, or no TLS.
    pub server_name: Option<String>,
    /// Where its connection comes from: the same for all requests of one.
    pub peer: Option<SocketAddr>,
}

impl Seen {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A whole response.
pub(super) fn response(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\nx-backend: recorder\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The next request of a connection; `None`: it has ended. `pending` is what was read beyond the last one.
pub(super) fn read_request(stream: &mut impl Read, pending: &mut Vec<u8>) -> Option<Seen> {
    let mut chunk = [0; 64 << 10];
    loop {
        if let Some((seen, length)) = parse(pending) {
            pending.drain(..length);
            return Some(seen);
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => pending.extend_from_slice(&chunk[..count]),
        }
    }
}

/// A complete request and its length; a chunked body is joined.
fn parse(bytes: &[u8]) -> Option<(Seen, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head - 4]).into_owned();
    let mut lines = text.split("\r\n");
    let mut start = lines.next()?.split(' ');
    let (method, path) = (start.next()?.to_owned(), start.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { method, path, headers, body: Vec::new(), server_name: None, peer: None };
    if seen.header("transfer-encoding") == Some("chunked") {
        let (body, length) = joined(&bytes[head..])?;
        seen.body = body;
        return Some((seen, head + length));
    }
    let length: usize = seen.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
    seen.body = bytes.get(head..head + length)?.to_vec();
    Some((seen, head + length))
}

fn joined(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?.trim(), 16).ok()?;
        let begin = at + line + 2;
        body.extend_from_slice(bytes.get(begin..begin + size)?);
        at = begin + size + 2;
        if bytes.len() < at {
            return None;
        }
        if size == 0 {
            return Some((body, at));
        }
    }
}
