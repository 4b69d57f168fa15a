//! A stream's headers: lent as Envoy holds them, and written.
#![allow(unsafe_code, reason = "it reads Envoy's memory")]

use std::cell::Cell;

use crate::{
    abi::{self, EnvoyHeader, FilterPtr, ModuleBuffer, abi},
    stream,
};

/// More headers than nearly every request has; their places are on the stack.
const FEW: usize = 32;

thread_local! {
    /// Whether headers are lent. Written to, they would move.
    static LENT: Cell<bool> = const { Cell::new(false) };
    /// Whether a header of a request was written since the last [`reroute`].
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
}

/// Headers, lent.
#[derive(Clone, Copy)]
pub struct HeaderMap<'a>(&'a [EnvoyHeader]);

impl HeaderMap<'_> {
    /// Names, in lower case, and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        // SAFETY: Envoy filled it in, and its headers stay as they are while they are lent.
        self.0.iter().map(|header| unsafe { header.pair() })
    }
}

/// Lends all headers of the request. Only while the request's headers are held.
pub fn with_request_headers<R>(read: impl FnOnce(&HeaderMap<'_>) -> R) -> R {
    lend(abi::REQUEST_HEADERS, read)
}

/// Lends all headers of the response. Only while the response's headers are held.
pub fn with_response_headers<R>(read: impl FnOnce(&HeaderMap<'_>) -> R) -> R {
    lend(abi::RESPONSE_HEADERS, read)
}

fn lend<R>(map: u32, read: impl FnOnce(&HeaderMap<'_>) -> R) -> R {
    let (Some(filter), Ok(abi)) = (stream(), abi()) else { return read(&HeaderMap(&[])) };
    // SAFETY: the filter is valid (`in_stream`).
    let count = unsafe { (abi.http_get_headers_size)(filter, map) };
    let fill = |headers: &mut [EnvoyHeader]| {
        // SAFETY: as above; there is room for as many headers as there are.
        unsafe { (abi.http_get_headers)(filter, map, headers.as_mut_ptr()) }
    };
    let (mut few, mut many);
    let headers: &mut [EnvoyHeader] = if count <= FEW {
        few = [EnvoyHeader::NONE; FEW];
        few.get_mut(..count).unwrap_or_default()
    } else {
        many = vec![EnvoyHeader::NONE; count];
        &mut many
    };
    if count == 0 || !fill(headers) {
        return read(&HeaderMap(&[]));
    }
    let _lent = Lent(LENT.replace(true));
    read(&HeaderMap(headers))
}

struct Lent(bool);

impl Drop for Lent {
    fn drop(&mut self) {
        LENT.set(self.0);
    }
}

/// Adds a header to a request that has none of that name. Only while the request's headers are held.
pub fn add_request_header(name: &str, value: &[u8]) {
    write(|abi| abi.http_add_header, abi::REQUEST_HEADERS, name, ModuleBuffer::of(value));
}

/// Sets a header of the request, replacing every value it had. Only while the request's headers are held.
pub fn set_request_header(name: &str, value: &[u8]) {
    write(|abi| abi.http_set_header, abi::REQUEST_HEADERS, name, ModuleBuffer::of(value));
}

/// Removes a header of the request. Only while the request's headers are held.
pub fn remove_request_header(name: &str) {
    write(|abi| abi.http_set_header, abi::REQUEST_HEADERS, name, ModuleBuffer::NONE);
}

/// Adds a header to the response. Only while the response's headers are held.
pub fn add_response_header(name: &str, value: &str) {
    write(|abi| abi.http_add_header, abi::RESPONSE_HEADERS, name, ModuleBuffer::of(value.as_bytes()));
}

/// Removes a header of the response. Only while the response's headers are held.
pub fn remove_response_header(name: &str) {
    write(|abi| abi.http_set_header, abi::RESPONSE_HEADERS, name, ModuleBuffer::NONE);
}

/// Has Envoy choose the route anew, if a header of the request was written since the last time. At the end of a hook; the proxy-wasm host
/// does that by itself.
pub fn reroute() {
    let (true, Some(filter), Ok(abi)) = (WRITTEN.replace(false), stream(), abi()) else { return };
    // SAFETY: the filter is valid (`in_stream`).
    unsafe { (abi.http_clear_route_cache)(filter) };
}

type Write = unsafe extern "C" fn(FilterPtr, u32, ModuleBuffer, ModuleBuffer) -> bool;

fn write(how: impl FnOnce(&abi::Abi) -> Write, map: u32, name: &str, value: ModuleBuffer) {
    let (Some(filter), Ok(abi), false) = (stream(), abi(), LENT.get()) else { return };
    if map == abi::REQUEST_HEADERS {
        WRITTEN.set(true);
    }
    // SAFETY: the filter is valid (`in_stream`), Envoy copies both texts, and nobody holds what is written over.
    unsafe { how(abi)(filter, map, ModuleBuffer::of(name.as_bytes()), value) };
}
