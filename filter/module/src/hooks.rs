//! What Envoy calls (`abi.h`, `envoy_dynamic_module_on_…`): each hook finds what its pointers are, and hands on.
#![allow(unsafe_code, reason = "Envoy calls by name, with pointers")]

use std::{
    cell::RefCell,
    ffi::{c_char, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use tollgate_filter::{Configured, Flow, Request};
use tollgate_native_host::{
    self as host, CallsOf, ConfigScheduler, StreamId,
    abi::{ConfigPtr, EnvoyBuffer, FilterPtr},
};

use crate::{configs, configs::Config, ticker, worker};

/// `…_on_http_filter_{request,response}_{headers,trailers}_status`; of bodies, 1 is `StopIterationAndBuffer`.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;

/// A stream, from `http_filter_new` to `destroy`. Hooks run within hooks: an answer of ours passes the response's.
struct Stream {
    request: RefCell<Request>,
    id: StreamId,
}

/// Runs a hook of a stream; a panic is answered 503, and ends nothing but the request.
///
/// # Safety
/// `filter` and `stream` are what Envoy called the hook with.
unsafe fn hook(filter: FilterPtr, stream: *const Stream, run: impl FnOnce(&mut Request) -> Flow) -> u32 {
    let guarded = AssertUnwindSafe(|| {
        // SAFETY: Envoy has it from `http_filter_new`, and `destroy` was not called.
        let Ok(mut request) = (unsafe { &*stream }).request.try_borrow_mut() else { return Flow::Continue };
        let flow = run(&mut request);
        host::reroute();
        flow
    });
    // SAFETY: Envoy called with it, on its worker.
    let flow = unsafe { host::in_stream(filter, || catch_unwind(guarded).unwrap_or_else(|_| panicked())) };
    match flow {
        Flow::Continue => CONTINUE,
        Flow::Pause => STOP,
    }
}

#[cold]
fn panicked() -> Flow {
    host::log_error("tollgate: a request's decision panicked; it is answered 503");
    host::respond(503, &[], b"");
    Flow::Pause
}

/// For hooks that have no request to answer.
fn guarded<R>(otherwise: R, run: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        host::log_error("tollgate: a hook panicked");
        otherwise
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    match host::check() {
        Ok(()) => host::VERSION.as_ptr(),
        Err(missing) => {
            host::log_error(&format!("tollgate: {missing}"));
            ptr::null()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    config: ConfigPtr,
    name: EnvoyBuffer,
    document: EnvoyBuffer,
) -> *const Config {
    // SAFETY: Envoy's, for the time of this call.
    let (name, document) = unsafe { (name.bytes(), document.bytes()) };
    guarded(ptr::null(), || {
        // SAFETY: Envoy called with it, on its main thread.
        let Ok(configured) = (unsafe { host::in_config(config, || Configured::read(document)) }) else {
            return ptr::null();
        };
        // SAFETY: as above.
        let Some(main_thread) = (unsafe { ConfigScheduler::new(config) }) else { return ptr::null() };
        if let Err(error) = ticker::start() {
            host::log_error(&format!("tollgate: no thread for what is due from time to time: {error}"));
            return ptr::null();
        }
        Box::into_raw(Box::new(configs::begin(name, configured, main_thread, CallsOf::new(config))))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *mut Config) {
    guarded((), || {
        // SAFETY: it is from `config_new`, and given back below. The main thread may read it meanwhile.
        let Config { number, calls, .. } = unsafe { &*config };
        configs::end(*number);
        calls.settle();
    });
    // SAFETY: Envoy gives it back once.
    drop(unsafe { Box::from_raw(config) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    envoy: ConfigPtr,
    config: *const Config,
    _event: u64,
) {
    let run = || {
        // SAFETY: it is from `config_new`, and `config_destroy` was not called.
        worker::tick(unsafe { &*config });
        host::send_calls();
    };
    // SAFETY: Envoy called with it, on its main thread.
    unsafe { host::in_config(envoy, || guarded((), run)) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_callout_done(
    envoy: ConfigPtr,
    config: *const Config,
    call: u64,
    _result: u32,
    _headers: *const c_void,
    _headers_size: usize,
    body: *const EnvoyBuffer,
    body_size: usize,
) {
    let run = || {
        // SAFETY: Envoy's, for the time of this call. What failed has no body.
        let body = unsafe { host::answered(body, body_size) };
        // SAFETY: it is from `config_new`, and `config_destroy` was not called.
        worker::service(unsafe { &*config }).answered(call, &body);
    };
    // SAFETY: as above.
    let calls = unsafe { &*config }.calls;
    // SAFETY: Envoy called with it, on its main thread.
    unsafe { host::in_config(envoy, || guarded((), run)) };
    calls.answered();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const Config,
    filter: FilterPtr,
) -> *const Stream {
    guarded(ptr::null(), || {
        // SAFETY: it is from `config_new`, and `config_destroy` was not called.
        let service = worker::service(unsafe { &*config });
        let id = worker::begin(filter);
        Box::into_raw(Box::new(Stream { request: RefCell::new(Request::new(Some(service), id)), id }))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    filter: FilterPtr,
    stream: *const Stream,
    end_of_stream: bool,
) -> u32 {
    // SAFETY: Envoy's arguments.
    unsafe { hook(filter, stream, |request| request.head(end_of_stream)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    filter: FilterPtr,
    stream: *const Stream,
    end_of_stream: bool,
) -> u32 {
    // SAFETY: Envoy's arguments.
    unsafe { hook(filter, stream, |request| request.body(host::request_body_size(), end_of_stream)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    filter: FilterPtr,
    stream: *const Stream,
) -> u32 {
    // SAFETY: Envoy's arguments.
    unsafe { hook(filter, stream, Request::trailers) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    filter: FilterPtr,
    stream: *const Stream,
    _end_of_stream: bool,
) -> u32 {
    // SAFETY: Envoy's arguments.
    unsafe { hook(filter, stream, Request::response) }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_response_body(_: FilterPtr, _: *const Stream, _: bool) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(_: FilterPtr, _: *const Stream) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(_: FilterPtr, _: *const Stream) {}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(_: FilterPtr, _: *const Stream, _event: u64) {
    guarded((), worker::cut_off);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(stream: *mut Stream) {
    // SAFETY: it is from `http_filter_new`, and Envoy gives it back once.
    let Stream { request, id } = *unsafe { Box::from_raw(stream) };
    guarded((), || {
        drop(request);
        worker::end(id);
    });
}

// What Envoy must find, and the filter has no use for: it sends nothing from its streams, and buffers no response.

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_callout_done(
    _: FilterPtr,
    _: *const Stream,
    _callout: u64,
    _result: u32,
    _headers: *const c_void,
    _headers_size: usize,
    _chunks: *const EnvoyBuffer,
    _chunks_size: usize,
) {
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_headers(
    _: FilterPtr,
    _: *const Stream,
    _callout: u64,
    _headers: *const c_void,
    _headers_size: usize,
    _end_of_stream: bool,
) {
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_data(
    _: FilterPtr,
    _: *const Stream,
    _callout: u64,
    _chunks: *const EnvoyBuffer,
    _chunks_size: usize,
    _end_of_stream: bool,
) {
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_trailers(
    _: FilterPtr,
    _: *const Stream,
    _callout: u64,
    _trailers: *const c_void,
    _trailers_size: usize,
) {
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_complete(_: FilterPtr, _: *const Stream, _callout: u64) {}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_reset(
    _: FilterPtr,
    _: *const Stream,
    _callout: u64,
    _reason: u32,
) {
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(
    _: FilterPtr,
    _: *const Stream,
) {
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(
    _: FilterPtr,
    _: *const Stream,
) {
}
