//! Requests of the module's own. Envoy sends them for a configuration, on its main thread: what a worker wants to send waits for that.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::Duration,
};

use crate::{
    abi::{self, ConfigPtr, EnvoyBuffer, ModuleBuffer, ModuleHeader, abi},
    config,
};

/// The host's number for a request of ours.
pub type CallId = u64;

/// Requests that may wait: past it, further ones are dropped. Nobody waits for their answers.
const MOST: usize = 64;

/// How long a configuration that goes waits for its calls. The longest of them takes half of it.
const PATIENCE: Duration = Duration::from_secs(1);

static WAITING: Mutex<Vec<Call>> = Mutex::new(Vec::new());
/// How many calls of each configuration are under way.
static UNDER_WAY: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());
static ANSWERED: Condvar = Condvar::new();

struct Call {
    cluster: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
}

/// A configuration's calls that are under way. Envoy destroys a configuration on the thread that lets go of it last, mostly a worker's, and
/// cancels its calls there, while the main thread may be handing one of them its answer: that ends Envoy (1.40, seen). So none may be under
/// way by then.
#[derive(Debug, Clone, Copy)]
pub struct CallsOf {
    config: usize,
    main_thread: ThreadId,
}

impl CallsOf {
    /// Those of `config`. On the main thread.
    #[must_use]
    pub fn new(config: ConfigPtr) -> Self {
        Self { config: config.addr(), main_thread: thread::current().id() }
    }

    fn begin(config: ConfigPtr) {
        let mut under_way = under_way();
        let count = under_way.entry(config.addr()).or_default();
        *count = count.saturating_add(1);
    }

    /// One has its answer, and nothing of the configuration is used for it any more.
    pub fn answered(self) {
        let mut under_way = under_way();
        if let Some(count) = under_way.get_mut(&self.config) {
            *count = count.saturating_sub(1);
        }
        under_way.retain(|_, count| *count > 0);
        ANSWERED.notify_all();
    }

    /// Returns when none is under way, or when the main thread does nothing about them for too long: before Envoy destroys the
    /// configuration. On the main thread at once, for there Envoy may cancel them.
    pub fn settle(self) {
        let mut under_way = under_way();
        if thread::current().id() != self.main_thread {
            let is_busy = |counts: &mut BTreeMap<usize, usize>| counts.contains_key(&self.config);
            let waited = ANSWERED.wait_timeout_while(under_way, PATIENCE, is_busy);
            under_way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        under_way.remove(&self.config);
    }
}

fn under_way() -> MutexGuard<'static, BTreeMap<usize, usize>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
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
    (result == abi::SUCCESS).then(|| {
        CallsOf::begin(config);
        id
    })
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Instant};

    use super::*;

    fn config(number: usize) -> ConfigPtr {
        std::ptr::without_provenance_mut(number)
    }

    #[test]
    fn a_configuration_that_goes_on_another_thread_waits_for_its_own_calls() {
        let (mine, other) = (CallsOf::new(config(0x10)), config(0x20));
        CallsOf::begin(config(0x10));
        CallsOf::begin(config(0x10));
        CallsOf::begin(other);
        let (gone, is_gone) = mpsc::channel();
        let worker = thread::spawn(move || {
            mine.settle();
            gone.send(()).unwrap();
        });
        mine.answered();
        assert!(is_gone.recv_timeout(Duration::from_millis(50)).is_err(), "one is under way");
        mine.answered();
        is_gone.recv_timeout(PATIENCE / 2).unwrap();
        worker.join().unwrap();
        CallsOf::new(other).settle();
    }

    #[test]
    fn where_envoy_may_cancel_calls_nobody_waits_and_nobody_waits_for_ever() {
        let begin = Instant::now();
        CallsOf::begin(config(0x30));
        CallsOf::new(config(0x30)).settle();
        assert!(begin.elapsed() < PATIENCE / 2);
        let calls = CallsOf::new(config(0x40));
        CallsOf::begin(config(0x40));
        thread::spawn(move || calls.settle()).join().unwrap();
        assert!(!under_way().contains_key(&0x40));
    }
}
