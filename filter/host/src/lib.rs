//! Every call to the host, and the only place that makes them: both modules share it. Values are bytes: the SDK's string getters unwrap UTF-8, and one
//! header byte above 0x7f would trap the VM. The SDK also panics on each status it does not expect, so each function here says when
//! it may be called: once headers went upstream, even reading one traps.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod raw;
mod signature;

use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::{
    hostcalls,
    types::{BufferType, GrpcStatusCode, LogLevel, MapType, MetricType},
};
use tollgate_policy::{
    HostAlgorithm, header_pairs,
    quota::{SharedMemory, Stale, UnixMicros},
};

/// The host's number for a stream.
pub type StreamId = u32;

/// The host's number for a request of ours.
pub type CallId = u32;

/// Headers, as the host serialised them.
pub struct HeaderMap(Vec<u8>);

impl HeaderMap {
    /// Names, in lower case, and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        header_pairs(&self.0)
    }
}

/// All headers of the request. Only while the request's headers are held.
pub fn request_headers() -> HeaderMap {
    HeaderMap(raw::headers(raw::REQUEST_HEADERS))
}

/// All headers of the response. Only while the response's headers are held.
pub fn response_headers() -> HeaderMap {
    HeaderMap(raw::headers(raw::RESPONSE_HEADERS))
}

/// Shows all headers of the request. Only while the request's headers are held.
pub fn with_request_headers<R>(read: impl FnOnce(&HeaderMap) -> R) -> R {
    read(&request_headers())
}

/// Shows all headers of the response. Only while the response's headers are held.
pub fn with_response_headers<R>(read: impl FnOnce(&HeaderMap) -> R) -> R {
    read(&response_headers())
}

/// Adds a header to a request that has none of that name, which is cheaper than setting it. Only while the request's headers are held.
pub fn add_request_header(name: &str, value: &[u8]) {
    report(hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value));
}

/// Sets a header of the request, replacing every value it had. Only while the request's headers are held.
pub fn set_request_header(name: &str, value: &[u8]) {
    report(hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value)));
}

/// Removes a header of the request. Only while the request's headers are held.
pub fn remove_request_header(name: &str) {
    report(hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, None));
}

/// Up to `max` bytes of what is buffered of the request's body. Only in a body or trailers callback.
pub fn request_body(max: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, max).ok().flatten().unwrap_or_default()
}

/// Replaces the first `size` bytes of what is buffered of the request's body. Only in a body or trailers callback.
pub fn replace_request_body(size: usize, body: &[u8]) {
    report(hostcalls::set_buffer(BufferType::HttpRequestBody, 0, size, body));
}

/// The first `size` bytes of what is buffered of the response's body. Only in a response body callback.
pub fn response_body(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpResponseBody, 0, size).ok().flatten().unwrap_or_default()
}

/// Replaces the first `size` bytes of what is buffered of the response's body. Only in a response body callback.
pub fn replace_response_body(size: usize, body: &[u8]) {
    report(hostcalls::set_buffer(BufferType::HttpResponseBody, 0, size, body));
}

/// The plugin's configuration. Only in `on_configure`.
pub fn plugin_configuration(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default()
}

/// Sends a request without a body to `cluster`. The answer is nobody's: `on_http_call_response` does nothing with it.
pub fn call(cluster: &str, headers: &[(&str, &str)], timeout: Duration) {
    report(hostcalls::dispatch_http_call(cluster, headers.to_vec(), None, Vec::new(), timeout));
}

/// Sends a gRPC request, already framed, to `cluster`; answers with what `on_http_call_response` will call it. `None`: it cannot be sent.
pub fn post(cluster: &str, path: &str, frame: &[u8], timeout: Duration) -> Option<u32> {
    let headers = vec![
        (":method", "POST"),
        (":path", path),
        (":authority", cluster),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    hostcalls::dispatch_http_call(cluster, headers, Some(frame), Vec::new(), timeout).ok()
}

/// The body of a call's response. Only in `on_http_call_response`.
pub fn call_response_body(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten().unwrap_or_default()
}

/// `node.id` of this Envoy; empty if it has none.
pub fn node_id() -> String {
    let id = hostcalls::get_property(vec!["xds", "node", "id"]).ok().flatten().unwrap_or_default();
    String::from_utf8(id).unwrap_or_default()
}

/// Asks for `on_tick` in this plugin, every `period`.
pub fn tick_every(period: Duration) {
    report(hostcalls::set_tick_period(period));
}

/// Resets a stream that is under way, one whose context was not deleted yet, for the context `own`. Only in `on_tick`.
pub fn reset_stream(context: u32, own: u32) {
    if hostcalls::set_effective_context(context).is_ok() {
        report(hostcalls::reset_http_request());
        report(hostcalls::set_effective_context(own));
    }
}

/// Answers the request instead of a backend.
pub fn respond(status: u16, headers: &[(&'static str, String)], body: &[u8]) {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    report(hostcalls::send_http_response(u32::from(status), headers, Some(body)));
}

/// Answers a gRPC request instead of a backend: HTTP 200 and trailers only.
pub fn respond_grpc(status: u32, headers: &[(&'static str, String)], message: &str) {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    report(hostcalls::send_grpc_response(grpc_status(status), Some(message), headers));
}

/// Writes filter state `wasm.{name}`: for access logs, and for the routes' header formatters.
pub fn set_filter_state(name: &str, value: &str) {
    report(hostcalls::set_property(vec![name], Some(value.as_bytes())));
}

/// Microseconds since the epoch.
pub fn now() -> UnixMicros {
    let elapsed = hostcalls::get_current_time().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    // A clock that cannot be read is the end of time: every token has expired.
    elapsed.map_or(u64::MAX, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Adds a header to the response. Only while the response's headers are held.
pub fn add_response_header(name: &str, value: &str) {
    report(hostcalls::add_map_value_bytes(MapType::HttpResponseHeaders, name, value.as_bytes()));
}

/// Sets a header of the response, replacing every value it had. Only while the response's headers are held.
pub fn set_response_header(name: &str, value: &[u8]) {
    report(hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, Some(value)));
}

/// Removes a header of the response. Only while the response's headers are held.
pub fn remove_response_header(name: &str) {
    report(hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, None));
}

/// The status of the response, 0 if there is none yet.
pub fn response_status() -> u64 {
    let code = hostcalls::get_property(vec!["response", "code"]).ok().flatten();
    code.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map_or(0, u64::from_le_bytes)
}

/// Why the response is what it is, in Envoy's words (`ResponseCodeDetails`); empty if nobody said.
pub fn response_code_details() -> Vec<u8> {
    hostcalls::get_property(vec!["response", "code_details"]).ok().flatten().unwrap_or_default()
}

/// Memory that the workers of this Envoy share. Its keys are never freed.
pub struct Shared;

impl SharedMemory for Shared {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let (value, version) = hostcalls::get_shared_data(key).ok()?;
        Some((value.unwrap_or_default(), version?))
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<(), Stale> {
        hostcalls::set_shared_data(key, Some(value), version).map_err(|_| Stale)
    }
}

/// Whether `signature` of `message` is the key's, by the host's `verify_signature`: [`tollgate_policy::SignatureHost`] has what the
/// parameters are.
///
/// # Errors
/// It cannot be told here.
pub fn verify_signature(
    algorithm: HostAlgorithm,
    spki_der: &[u8],
    signature: &[u8],
    message: &[u8],
) -> Result<bool, SignatureError> {
    let arguments = signature::arguments(algorithm.hash_name(), spki_der, signature, message);
    match hostcalls::call_foreign_function("verify_signature", Some(&arguments)) {
        Ok(answer) => Ok(signature::is_verified(&answer.unwrap_or_default())),
        Err(proxy_wasm::types::Status::NotFound) => Err(SignatureError::Missing),
        Err(_) => Err(SignatureError::Refused),
    }
}

/// Why a signature was not verified here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// The host has no such function.
    Missing,
    /// The host did not accept these arguments.
    Refused,
}

/// A counter the host keeps, shared by all workers.
#[derive(Clone, Copy)]
pub struct Counter(Option<u32>);

impl Counter {
    /// Defines the counter, or finds it. Takes microseconds and is never freed: at configuration time only.
    pub fn define(name: &str) -> Self {
        Self(hostcalls::define_metric(MetricType::Counter, name).ok())
    }

    /// Adds `count`.
    pub fn add(self, count: u64) {
        if let (Some(id), Ok(count @ 1..)) = (self.0, i64::try_from(count)) {
            report(hostcalls::increment_metric(id, count));
        }
    }
}

/// A gauge the host keeps, shared by all workers.
#[derive(Clone, Copy)]
pub struct Gauge(Option<u32>);

impl Gauge {
    /// Defines the gauge, or finds it: at configuration time only.
    pub fn define(name: &str) -> Self {
        Self(hostcalls::define_metric(MetricType::Gauge, name).ok())
    }

    /// Sets it.
    pub fn set(self, value: u64) {
        if let Some(id) = self.0 {
            report(hostcalls::record_metric(id, value));
        }
    }
}

/// Writes to the host's log, as an error.
pub fn log_error(message: &str) {
    report(hostcalls::log(LogLevel::Error, message));
}

/// Writes to the host's log, as information.
pub fn log_info(message: &str) {
    report(hostcalls::log(LogLevel::Info, message));
}

/// The SDK panics on what it does not expect and returns what can happen; neither a metric nor a log line is worth a request.
fn report<T, E>(_outcome: Result<T, E>) {}

fn grpc_status(code: u32) -> GrpcStatusCode {
    match code {
        3 => GrpcStatusCode::InvalidArgument,
        5 => GrpcStatusCode::NotFound,
        7 => GrpcStatusCode::PermissionDenied,
        8 => GrpcStatusCode::ResourceExhausted,
        9 => GrpcStatusCode::FailedPrecondition,
        12 => GrpcStatusCode::Unimplemented,
        14 => GrpcStatusCode::Unavailable,
        16 => GrpcStatusCode::Unauthenticated,
        _ => GrpcStatusCode::Unknown,
    }
}
