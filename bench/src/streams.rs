//! What open streams cost Envoy: a thousand at once, each silent after its first event, through bare Envoy, through Tollgate as they
//! are, and through the translation.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::json;

use crate::{
    Depth, backend,
    envoy::Envoy,
    gateway::{Gateway, LimitRow},
    http, process,
    stage::Stage,
    tokens::SCOPE,
};

/// The agent that streams, at a path that the bare route leads to as well.
const AGENT: &str = "bench-streams";
/// Streams that come and go before anything is measured: what Envoy allocates but once is there then.
const FIRST: usize = 16;
/// After this, what was opened or closed a moment ago is allocated or given up.
const SETTLING: Duration = Duration::from_secs(2);

/// Envoy's heap for each stream, KiB.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Streams at once.
    pub(crate) streams: usize,
    /// Through bare Envoy.
    pub(crate) bare_kib: f64,
    /// Through Tollgate, to an agent that speaks as the client does.
    pub(crate) passed_kib: f64,
    /// Through Tollgate and its translation, in protocol 0.3 to an agent that speaks 1.0.
    pub(crate) translated_kib: f64,
}

/// Measures each with an Envoy of its own: what one kind of stream leaves behind, another would use again.
pub(crate) fn measure(stage: &Stage, depth: Depth) -> Result<Figures> {
    let streams = match depth {
        Depth::Quick => 100,
        Depth::Full => 1_000,
    };
    let agent = backend::start_streaming()?;
    let bearer = format!("Bearer {}", stage.issuer.token(0, SCOPE)?);
    let ask = |host: SocketAddr, version: &str, method: &str, message: &serde_json::Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("accept", "text/event-stream"),
            ("authorization", bearer.as_str()),
            ("a2a-version", version),
        ];
        http::request("POST", &format!("/agents/{AGENT}"), &host.to_string(), &headers, body.as_bytes())
    };
    let new = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hello"}]});
    let old =
        json!({"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hello"}]});

    let bare = stage.bare_before(agent)?;
    let request = ask(bare.listener, "1.0", "SendStreamingMessage", &new);
    let bare_kib = grown(&bare.envoy, bare.listener, &request, streams).context("bare")?;
    let through = |name, version, method, message| -> Result<f64> {
        let gateway = Gateway::start(stage, name, LimitRow::Unlimited)?;
        let mut writer = gateway.writer()?;
        writer.register_with(AGENT, &json!({"backendUrl": format!("http://{agent}")}))?;
        writer.grant(SCOPE, &[AGENT])?;
        writer.settle()?;
        let request = ask(gateway.listener, version, method, message);
        let kib = grown(&gateway.envoy, gateway.listener, &request, streams).context(name)?;
        gateway.envoy.expect_no_traps()?;
        Ok(kib)
    };
    Ok(Figures {
        streams,
        bare_kib,
        passed_kib: through("streams-passed", "1.0", "SendStreamingMessage", &new)?,
        translated_kib: through("streams-translated", "0.3", "message/stream", &old)?,
    })
}

/// By how much more of Envoy's heap is in use while `streams` are open, KiB for each. (Resident memory says less than that: streams use
/// what the heap had free, which is more where virtual machines have been compiled.)
fn grown(envoy: &Envoy, listener: SocketAddr, request: &[u8], streams: usize) -> Result<f64> {
    let few: Vec<TcpStream> = (0..FIRST).map(|_| open(listener, request)).collect::<Result<_>>()?;
    drop(few);
    process::pause(SETTLING);
    let before = envoy.allocated_mib()?;
    let all: Vec<TcpStream> = (0..streams).map(|_| open(listener, request)).collect::<Result<_>>()?;
    process::pause(SETTLING);
    let after = envoy.allocated_mib()?;
    eprintln!("  {before:.1} MiB before, {after:.1} MiB with {} streams", all.len());
    Ok((after - before) * 1024.0 / streams as f64)
}

/// A stream whose first event is there.
fn open(listener: SocketAddr, request: &[u8]) -> Result<TcpStream> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let mut stream = TcpStream::connect(listener)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4 << 10];
    while !answer.windows(6).any(|bytes| bytes == b"data: ") {
        let count = stream.read(&mut chunk).context("the stream's first event")?;
        ensure!(count > 0, "the stream ended: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..count]);
    }
    ensure!(http::status(&answer) == 200, "{}", String::from_utf8_lossy(&answer));
    Ok(stream)
}
