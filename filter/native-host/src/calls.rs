//! Requests of the module's own. Envoy sends them for a configuration, on its main thread: what a worker wants to send waits for that.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    abi::{self, EnvoyBuffer, ModuleBuffer, ModuleHeader, abi},
    config,
};

/// The host's number for a request of ours.
pub type CallId = u64;

/// Requests that may wait: past it, further ones are dropped. Nobody waits for their answers.
const MOST: usize = 64;

static WAITING: Mutex<Vec<Call>> = Mutex::new(Vec::new());

struct Call {
    cluster: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
}

/// Has a request without a body sent to `cluster`, by the main thread, soon. The answer is nobody's.
pub fn call(cluster: &str, headers: &[(&str, &str)], timeout: Duration) {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < MOST {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        waiting.push(Call { cluster: cluster.to_owned(), headers, timeout });
    }
}

/// Sends what waits. On the main thread, for a configuration.
pub fn send_calls() {
    let waiting = mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner));
    for call in waiting {
        let headers: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let _ = send(&call.cluster, &headers, None, call.timeout);
    }
}

/// Sends a gRPC request, already framed, to `cluster`; answers with what [`answered`] is told of it. `None`: it cannot be sent. On the
/// main thread, for a configuration.
pub fn post(cluster: &str, path: &str, frame: &[u8], timeout: Duration) -> Option<CallId> {
    let headers = [
        (":method", "POST"),
        (":path", path),
        (":authority", cluster),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    send(cluster, &headers, Some(frame), timeout)
}

#[allow(unsafe_code, reason = "a host's function")]
fn send(cluster: &str, headers: &[(&str, &str)], body: Option<&[u8]>, timeout: Duration) -> Option<CallId> {
    let (config, abi) = (config()?, abi().ok()?);
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ModuleHeader::of(name.as_bytes(), value.as_bytes())).collect();
    let (cluster, body) = (ModuleBuffer::of(cluster.as_bytes()), body.map_or(ModuleBuffer::NONE, ModuleBuffer::of));
    let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let mut id = 0;
    // SAFETY: the configuration is valid (`in_config`), so is the place for the answer, and Envoy copies all texts.
    let result = unsafe {
        (abi.http_filter_config_http_callout)(
            config,
            &raw mut id,
            cluster,
            headers.as_ptr(),
            headers.len(),
            body,
            timeout,
        )
    };
    (result == abi::SUCCESS).then_some(id)
}

/// The body of an answer, as the hook for it is given it.
///
/// # Safety
/// `chunks` are `count` buffers that Envoy filled in, in a hook that has not returned; or null, and `count` 0.
#[must_use]
#[allow(unsafe_code, reason = "it reads Envoy's memory")]
pub unsafe fn answered(chunks: *const EnvoyBuffer, count: usize) -> Vec<u8> {
    if chunks.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's.
    let chunks = unsafe { std::slice::from_raw_parts(chunks, count) };
    // SAFETY: the caller's.
    chunks.iter().flat_map(|chunk| unsafe { chunk.bytes() }).copied().collect()
}
