//! The one host function called past the SDK, and the only unsafe code of the filter. The SDK's form of it makes two allocations a
//! header; a request's head is read for every request, and only five headers of it matter.
#![allow(unsafe_code, reason = "a host function is foreign; docs/adr/0006 has what it saves")]

use std::ptr;

/// The request's headers, in the ABI's numbering of maps.
pub(crate) const REQUEST_HEADERS: u32 = 0;
/// The response's headers.
pub(crate) const RESPONSE_HEADERS: u32 = 2;
/// Every other status is a failure.
const OK: u32 = 0;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

/// All headers of `map` as the host serialises them; empty if it does not hand them out.
pub(crate) fn headers(map: u32) -> Vec<u8> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: both pointers are valid for one write of their type, and the host writes nothing else.
    let status = unsafe { proxy_get_header_map_pairs(map, &raw mut data, &raw mut size) };
    if status != OK || data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host asked this module for exactly these bytes, by `proxy_on_memory_allocate`, which leaks a boxed slice of `size`
    // bytes from the global allocator, and has filled them. Nobody else knows them.
    unsafe { Vec::from_raw_parts(data, size, size) }
}
