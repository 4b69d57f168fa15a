//! Just enough HTTP/1.1 to load a proxy and to talk to an admin API: framing of messages, and one blocking keep-alive connection.
//! No TLS, no redirects, no `Expect`: both ends of every connection are ours or Envoy's.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// Longest wait for any single read of a blocking connection.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a complete message ends in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of start line and headers, with the empty line.
    pub(crate) head: usize,
    /// Bytes of the whole message.
    pub(crate) total: usize,
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Status code.
    pub(crate) status: u16,
    /// Body with the transfer coding taken off.
    pub(crate) body: Vec<u8>,
}

/// A keep-alive connection that waits for each answer.
pub(crate) struct Connection {
    stream: TcpStream,
    target: SocketAddr,
    buffer: Vec<u8>,
}

/// Finds the end of the first message in `bytes`; `None` while more must come (RFC 9112 section 6).
pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let fields = &bytes[..head];
    if let Some(length) = header(fields, b"content-length") {
        let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
        return (bytes.len() >= head + length).then_some(Frame { head, total: head + length });
    }
    if header(fields, b"transfer-encoding").is_some() {
        return chunks(&bytes[head..], |_| ()).map(|length| Frame { head, total: head + length });
    }
    Some(Frame { head, total: head })
}

/// The status code of a response's first line; 0 when it is not a response.
pub(crate) fn status(bytes: &[u8]) -> u16 {
    bytes
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// A request with `body`, ready to be sent.
pub(crate) fn request(method: &str, path: &str, host: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    if method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

impl Connection {
    /// Connects; the first request goes out on the first [`call`](Self::call).
    pub(crate) fn open(target: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(target).with_context(|| format!("connecting to {target}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, target, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a rendered request and reads its answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.write_all(request).with_context(|| format!("writing to {}", self.target))?;
        self.buffer.clear();
        let mut chunk = [0; 16 << 10];
        loop {
            let count = self.stream.read(&mut chunk).with_context(|| format!("reading from {}", self.target))?;
            if count == 0 {
                bail!("{} closed the connection", self.target);
            }
            self.buffer.extend_from_slice(&chunk[..count]);
            if let Some(frame) = frame(&self.buffer) {
                return Ok(Reply { status: status(&self.buffer), body: body(&self.buffer, frame) });
            }
        }
    }

    /// One request on a connection of its own.
    pub(crate) fn once(target: SocketAddr, method: &str, path: &str) -> Result<Reply> {
        Self::open(target)?.call(&request(method, path, &target.to_string(), &[], b""))
    }
}

fn body(bytes: &[u8], frame: Frame) -> Vec<u8> {
    let raw = &bytes[frame.head..frame.total];
    if header(&bytes[..frame.head], b"transfer-encoding").is_none() {
        return raw.to_vec();
    }
    let mut plain = Vec::with_capacity(raw.len());
    chunks(raw, |chunk| plain.extend_from_slice(chunk));
    plain
}

/// Walks a chunked body; the bytes it takes, or `None` while more must come.
fn chunks(bytes: &[u8], mut each: impl FnMut(&[u8])) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?.trim(), 16).ok()?;
        let begin = at + line + 2;
        let end = begin + size + 2;
        if bytes.len() < end {
            return None;
        }
        if size == 0 {
            return Some(end);
        }
        each(&bytes[begin..begin + size]);
        at = end;
    }
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let colon = line.get(name.len())?;
        (*colon == b':' && line[..name.len()].eq_ignore_ascii_case(name)).then(|| line[name.len() + 1..].trim_ascii())
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{Frame, body, frame, status};

    #[track_caller]
    fn check(bytes: &str, expected: Option<Frame>) {
        assert_eq!(frame(bytes.as_bytes()), expected);
    }

    #[test]
    fn waits_for_the_whole_body() {
        check("HTTP/1.1 200 OK\r\ncontent-len", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Some(Frame { head: 38, total: 41 }));
    }

    #[test]
    fn takes_the_chunks_apart() {
        let text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let frame = frame(text).expect("complete");
        assert_eq!(body(text, frame), b"abcde");
        assert_eq!(status(text), 200);
    }
}
