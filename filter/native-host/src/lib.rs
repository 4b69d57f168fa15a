//! Envoy as the filter's native form calls it: the functions of the `tollgate-host` crate, over Envoy's dynamic module ABI.
//!
//! Calls are about the stream whose hook is running on the calling thread ([`in_stream`]), or about the configuration ([`in_config`]).
//! Outside of them, nothing is read and nothing is done. Text from Envoy is lent to a closure, and nothing can be written meanwhile.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

pub mod abi;
mod calls;
mod headers;
mod metrics;
mod node;
mod scheduler;
mod shared;
mod signature;

use std::{
    cell::Cell,
    ffi::c_void,
    ptr,
    time::{SystemTime, UNIX_EPOCH},
};

use tollgate_policy::{HostAlgorithm, quota::UnixMicros};

use abi::{ConfigPtr, EnvoyBuffer, FilterPtr, ModuleBuffer, ModuleHeader, abi};
pub use abi::{Missing, VERSION};
pub use calls::{CallId, CallsOf, answered, call, post, send_calls};
pub use headers::{
    HeaderMap, add_request_header, add_response_header, remove_request_header, remove_response_header, reroute,
    set_request_header, with_request_headers, with_response_headers,
};
pub use metrics::{Counter, Gauge};
pub use node::node_id;
pub use scheduler::{ConfigScheduler, StreamScheduler};
pub use shared::Shared;

thread_local! {
    static STREAM: Cell<FilterPtr> = const { Cell::new(ptr::null_mut()) };
    static CONFIG: Cell<ConfigPtr> = const { Cell::new(ptr::null_mut()) };
}

/// A stream, as its worker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// Its place on the worker's list, which others had before.
    pub place: usize,
    /// Its number, which no other stream of the worker has.
    pub number: u64,
}

/// Whether this process has every function that the filter calls.
///
/// # Errors
/// The first that is missing.
pub fn check() -> Result<(), Missing> {
    abi().map(drop)
}

/// Runs a hook of the stream that `filter` is Envoy's filter of.
///
/// # Safety
/// `filter` is valid, and the calling thread is its worker's.
#[allow(unsafe_code, reason = "what is called meanwhile relies on the pointer")]
pub unsafe fn in_stream<R>(filter: FilterPtr, hook: impl FnOnce() -> R) -> R {
    let _outer = Restored { cell: &STREAM, before: STREAM.replace(filter) };
    hook()
}

/// Runs a hook of the configuration `config`.
///
/// # Safety
/// `config` is valid as long as this takes.
#[allow(unsafe_code, reason = "what is called meanwhile relies on the pointer")]
pub unsafe fn in_config<R>(config: ConfigPtr, hook: impl FnOnce() -> R) -> R {
    let _outer = Restored { cell: &CONFIG, before: CONFIG.replace(config) };
    hook()
}

/// Puts back what stood there: hooks run within hooks.
struct Restored {
    cell: &'static std::thread::LocalKey<Cell<*mut c_void>>,
    before: *mut c_void,
}

impl Drop for Restored {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}

/// The stream whose hook is running.
fn stream() -> Option<FilterPtr> {
    let filter = STREAM.get();
    (!filter.is_null()).then_some(filter)
}

fn config() -> Option<ConfigPtr> {
    let config = CONFIG.get();
    (!config.is_null()).then_some(config)
}

/// Up to `max` bytes of what has come of the request's body. Only in a body or trailers hook.
#[allow(unsafe_code, reason = "it reads Envoy's memory")]
pub fn request_body(max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return body };
    for kind in body_parts(filter, abi) {
        // SAFETY: the filter is valid (`in_stream`).
        let count = unsafe { (abi.http_get_body_chunks_size)(filter, kind) };
        let mut chunks = vec![EnvoyBuffer::NONE; count];
        // SAFETY: as above; there is room for as many chunks as there are.
        if count == 0 || !unsafe { (abi.http_get_body_chunks)(filter, kind, chunks.as_mut_ptr()) } {
            continue;
        }
        for chunk in chunks {
            // SAFETY: Envoy filled it in just now, and the body is not written here.
            let bytes = unsafe { chunk.bytes() };
            let left = max.saturating_sub(body.len());
            body.extend_from_slice(bytes.get(..left).unwrap_or(bytes));
        }
    }
    body
}

/// How much has come of the request's body, bytes. Only in a body or trailers hook.
#[allow(unsafe_code, reason = "a host's function")]
pub fn request_body_size() -> usize {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return 0 };
    // SAFETY: the filter is valid (`in_stream`).
    body_parts(filter, abi).fold(0, |size, kind| size.saturating_add(unsafe { (abi.http_get_body_size)(filter, kind) }))
}

/// What was held back before, and what came just now: one and the same where a filter before this one held it back.
#[allow(unsafe_code, reason = "a host's function")]
fn body_parts(filter: FilterPtr, abi: &abi::Abi) -> impl Iterator<Item = u32> + use<> {
    // SAFETY: the filter is valid (`in_stream`).
    let is_one = unsafe { (abi.http_received_buffered_request_body)(filter) };
    let received = (!is_one).then_some(abi::RECEIVED_REQUEST_BODY);
    std::iter::once(abi::BUFFERED_REQUEST_BODY).chain(received)
}

/// Resets a stream that is under way. Not within a hook of that stream.
///
/// # Safety
/// `filter` is valid, and the calling thread is its worker's.
#[allow(unsafe_code, reason = "a host's function")]
pub unsafe fn reset_stream(filter: FilterPtr) {
    let Ok(abi) = abi() else { return };
    let details = ModuleBuffer::of(b"tollgate_revoked");
    // SAFETY: the caller's.
    unsafe { (abi.http_filter_reset_stream)(filter, abi::LOCAL_RESET, details) };
}

/// Answers the request instead of a backend.
#[allow(unsafe_code, reason = "a host's function")]
pub fn respond(status: u16, headers: &[(&'static str, String)], body: &[u8]) {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return };
    let headers: Vec<_> = headers.iter().map(|(name, value)| header(name, value)).collect();
    let (body, details) = (ModuleBuffer::of(body), ModuleBuffer::of(b"tollgate"));
    // SAFETY: the filter is valid (`in_stream`); Envoy copies all texts.
    unsafe { (abi.http_send_response)(filter, u32::from(status), headers.as_ptr(), headers.len(), body, details) };
}

/// Answers a gRPC request instead of a backend: HTTP 200 and trailers only. (Envoy's own form of it chooses the gRPC status by the
/// HTTP status.)
#[allow(unsafe_code, reason = "a host's function")]
pub fn respond_grpc(status: u32, headers: &[(&'static str, String)], message: &str) {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return };
    let (status, message) = (status.to_string(), grpc_message(message));
    let own = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", &status),
        ("grpc-message", &message),
    ];
    let own = own.iter().map(|(name, value)| header(name, value));
    let headers: Vec<_> = own.chain(headers.iter().map(|(name, value)| header(name, value))).collect();
    // SAFETY: the filter is valid (`in_stream`); Envoy copies all texts.
    unsafe { (abi.http_send_response_headers)(filter, headers.as_ptr(), headers.len(), true) };
}

fn header(name: &str, value: &str) -> ModuleHeader {
    ModuleHeader::of(name.as_bytes(), value.as_bytes())
}

/// `message` percent-encoded (gRPC over HTTP/2, `Status-Message`).
fn grpc_message(message: &str) -> String {
    message.bytes().fold(String::with_capacity(message.len()), |mut text, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}

/// Writes filter state `wasm.{name}`, where the proxy-wasm form leaves it as well: for access logs, and for the routes' header formatters.
#[allow(unsafe_code, reason = "a host's function")]
pub fn set_filter_state(name: &str, value: &str) {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return };
    let key = format!("wasm.{name}");
    // SAFETY: the filter is valid (`in_stream`); Envoy copies both texts.
    unsafe {
        (abi.http_set_filter_state_bytes)(filter, ModuleBuffer::of(key.as_bytes()), ModuleBuffer::of(value.as_bytes()))
    };
}

/// Microseconds since the epoch.
pub fn now() -> UnixMicros {
    // A clock that cannot be read is the end of time: every token has expired.
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    elapsed.map_or(u64::MAX, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// The status of the response, 0 if there is none yet.
#[allow(unsafe_code, reason = "a host's function")]
pub fn response_status() -> u64 {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return 0 };
    let mut status = 0;
    // SAFETY: the filter is valid (`in_stream`), and so is the place for the answer.
    let is_known = unsafe { (abi.http_filter_get_attribute_int)(filter, abi::RESPONSE_CODE, &raw mut status) };
    if is_known { status } else { 0 }
}

/// Why the response is what it is, in Envoy's words (`ResponseCodeDetails`); empty if nobody said.
#[allow(unsafe_code, reason = "it reads Envoy's memory")]
pub fn response_code_details() -> Vec<u8> {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return Vec::new() };
    let mut details = EnvoyBuffer::NONE;
    // SAFETY: the filter is valid (`in_stream`), and so is the place for the answer.
    let is_known =
        unsafe { (abi.http_filter_get_attribute_string)(filter, abi::RESPONSE_CODE_DETAILS, &raw mut details) };
    // SAFETY: Envoy filled it in just now.
    if is_known { unsafe { details.bytes() }.to_vec() } else { Vec::new() }
}

/// Whether `signature` of `message` is the key's: [`tollgate_policy::SignatureHost`] has what the parameters are.
///
/// # Errors
/// It cannot be told here.
pub fn verify_signature(
    algorithm: HostAlgorithm,
    spki_der: &[u8],
    signature: &[u8],
    message: &[u8],
) -> Result<bool, SignatureError> {
    signature::verify(algorithm, spki_der, signature, message).ok_or(SignatureError::Refused)
}

/// Why a signature was not verified here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// There is no such function. (Not here: proxy-wasm hosts may have none.)
    Missing,
    /// The key cannot be read.
    Refused,
}

/// Writes to Envoy's log, as an error.
pub fn log_error(message: &str) {
    log(abi::LOG_ERROR, message);
}

/// Writes to Envoy's log, as information.
pub fn log_info(message: &str) {
    log(abi::LOG_INFO, message);
}

#[allow(unsafe_code, reason = "a host's function")]
fn log(level: u32, message: &str) {
    match abi() {
        // SAFETY: Envoy reads the message during the call only.
        Ok(abi) => unsafe { (abi.log)(level, ModuleBuffer::of(message.as_bytes())) },
        Err(_) => eprintln!("{message}"),
    }
}

#[cfg(test)]
mod tests;
