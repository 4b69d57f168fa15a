//! Envoy's dynamic module ABI (Envoy 1.40: `source/extensions/dynamic_modules/abi/abi.h`, ABI v0.2.0), as far as the filter calls it. There
//! is no crate of it, and Envoy's own SDK is not published: declared here by hand.
//!
//! The functions are looked up in the process that loaded the module, by name. What is missing is named, and the module refuses every
//! configuration: linked as usual, it would end Envoy at the first call.
#![allow(unsafe_code, reason = "a host's functions are foreign")]

use std::{
    ffi::{CStr, c_char, c_void},
    ptr,
    sync::OnceLock,
};

/// What `on_program_init` answers: the version that these declarations are of.
pub const VERSION: &CStr = c"v0.2.0";

/// Bytes that are the module's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ModuleBuffer {
    ptr: *const c_char,
    length: usize,
}

/// Bytes that are Envoy's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EnvoyBuffer {
    ptr: *const c_char,
    length: usize,
}

/// A header that is the module's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ModuleHeader {
    name: ModuleBuffer,
    value: ModuleBuffer,
}

/// A header that is Envoy's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EnvoyHeader {
    name: EnvoyBuffer,
    value: EnvoyBuffer,
}

/// Envoy's filter of one stream. Valid until its `destroy` hook, on the thread of its worker.
pub type FilterPtr = *mut c_void;
/// Envoy's filter configuration. Valid until its `destroy` hook.
pub type ConfigPtr = *mut c_void;
/// What carries an event to a stream's worker. The module's, to be deleted.
pub type SchedulerPtr = *mut c_void;
/// What carries an event to the main thread. The module's, to be deleted.
pub type ConfigSchedulerPtr = *mut c_void;

/// `envoy_dynamic_module_type_http_header_type`.
pub(crate) const REQUEST_HEADERS: u32 = 0;
pub(crate) const RESPONSE_HEADERS: u32 = 2;
/// `envoy_dynamic_module_type_http_body_type`.
pub(crate) const RECEIVED_REQUEST_BODY: u32 = 0;
pub(crate) const BUFFERED_REQUEST_BODY: u32 = 1;
/// `envoy_dynamic_module_type_attribute_id`.
pub(crate) const RESPONSE_CODE: u32 = 15;
pub(crate) const RESPONSE_CODE_DETAILS: u32 = 16;
/// `envoy_dynamic_module_type_log_level`.
pub(crate) const LOG_INFO: u32 = 2;
pub(crate) const LOG_ERROR: u32 = 4;
/// `…_metrics_result_Success`, `…_http_callout_init_result_Success`.
pub(crate) const SUCCESS: u32 = 0;
/// `envoy_dynamic_module_type_http_filter_stream_reset_reason_LocalReset`.
pub(crate) const LOCAL_RESET: u32 = 0;

impl ModuleBuffer {
    pub(crate) const NONE: Self = Self { ptr: ptr::null(), length: 0 };

    /// Nothing keeps `bytes` alive: for arguments of a call.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), length: bytes.len() }
    }
}

impl ModuleHeader {
    /// Nothing keeps the texts alive: for arguments of a call.
    pub(crate) fn of(name: &[u8], value: &[u8]) -> Self {
        Self { name: ModuleBuffer::of(name), value: ModuleBuffer::of(value) }
    }
}

impl EnvoyBuffer {
    pub(crate) const NONE: Self = Self { ptr: ptr::null(), length: 0 };

    /// The bytes.
    ///
    /// # Safety
    /// Envoy filled this in, and what it points to is still as it was: as long as the hook it was given in, or asked for in, has not
    /// returned, and nothing of its kind was written.
    #[must_use]
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() {
            return &[];
        }
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts(self.ptr.cast(), self.length) }
    }
}

impl EnvoyHeader {
    pub(crate) const NONE: Self = Self { name: EnvoyBuffer::NONE, value: EnvoyBuffer::NONE };

    /// Name and value.
    ///
    /// # Safety
    /// That of [`EnvoyBuffer::bytes`].
    pub(crate) unsafe fn pair<'a>(self) -> (&'a [u8], &'a [u8]) {
        // SAFETY: the caller's.
        unsafe { (self.name.bytes(), self.value.bytes()) }
    }
}

macro_rules! callbacks {
    ($($name:ident($($type:ty),*) $(-> $result:ty)?;)*) => {
        /// The callbacks, by the ends of their names: all begin with `envoy_dynamic_module_callback_`.
        pub(crate) struct Abi {
            $(pub(crate) $name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Abi {
            /// Looks all of them up.
            ///
            /// # Errors
            /// The first that is missing.
            fn find() -> Result<Self, Missing> {
                Ok(Self {
                    $($name: {
                        const NAME: &CStr =
                            match CStr::from_bytes_with_nul(concat!("envoy_dynamic_module_callback_", stringify!($name), "\0").as_bytes()) {
                                Ok(name) => name,
                                Err(_) => c"",
                            };
                        // SAFETY: the name ends with a zero byte.
                        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, NAME.as_ptr()) };
                        if found.is_null() {
                            return Err(Missing(NAME));
                        }
                        // SAFETY: a function of this name has this type (`abi.h`: what was released is never changed in place).
                        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) $(-> $result)?>(found) }
                    },)*
                })
            }
        }
    };
}

callbacks! {
    log(u32, ModuleBuffer);
    http_filter_config_define_counter(ConfigPtr, ModuleBuffer, *const ModuleBuffer, usize, *mut usize) -> u32;
    http_filter_config_define_gauge(ConfigPtr, ModuleBuffer, *const ModuleBuffer, usize, *mut usize) -> u32;
    http_filter_config_increment_counter(ConfigPtr, usize, *const ModuleBuffer, usize, u64) -> u32;
    http_filter_config_set_gauge(ConfigPtr, usize, *const ModuleBuffer, usize, u64) -> u32;
    http_get_headers_size(FilterPtr, u32) -> usize;
    http_get_headers(FilterPtr, u32, *mut EnvoyHeader) -> bool;
    http_add_header(FilterPtr, u32, ModuleBuffer, ModuleBuffer) -> bool;
    http_set_header(FilterPtr, u32, ModuleBuffer, ModuleBuffer) -> bool;
    http_clear_route_cache(FilterPtr);
    http_send_response(FilterPtr, u32, *const ModuleHeader, usize, ModuleBuffer, ModuleBuffer);
    http_send_response_headers(FilterPtr, *const ModuleHeader, usize, bool);
    http_get_body_size(FilterPtr, u32) -> usize;
    http_get_body_chunks_size(FilterPtr, u32) -> usize;
    http_get_body_chunks(FilterPtr, u32, *mut EnvoyBuffer) -> bool;
    http_received_buffered_request_body(FilterPtr) -> bool;
    http_set_filter_state_bytes(FilterPtr, ModuleBuffer, ModuleBuffer) -> bool;
    http_filter_get_attribute_int(FilterPtr, u32, *mut u64) -> bool;
    http_filter_get_attribute_string(FilterPtr, u32, *mut EnvoyBuffer) -> bool;
    http_filter_reset_stream(FilterPtr, u32, ModuleBuffer);
    http_filter_scheduler_new(FilterPtr) -> SchedulerPtr;
    http_filter_scheduler_commit(SchedulerPtr, u64);
    http_filter_scheduler_delete(SchedulerPtr);
    http_filter_config_scheduler_new(ConfigPtr) -> ConfigSchedulerPtr;
    http_filter_config_scheduler_commit(ConfigSchedulerPtr, u64);
    http_filter_config_scheduler_delete(ConfigSchedulerPtr);
    http_filter_config_http_callout(
        ConfigPtr, *mut u64, ModuleBuffer, *const ModuleHeader, usize, ModuleBuffer, u64
    ) -> u32;
}

/// A function that this process does not have.
#[derive(Debug, Clone, Copy)]
pub struct Missing(&'static CStr);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this process has no {}: the module is for Envoy 1.40", self.0.to_string_lossy())
    }
}

static FOUND: OnceLock<Result<Abi, Missing>> = OnceLock::new();

/// The callbacks of the process that loaded the module.
pub(crate) fn abi() -> Result<&'static Abi, Missing> {
    FOUND.get_or_init(Abi::find).as_ref().map_err(|missing| *missing)
}
