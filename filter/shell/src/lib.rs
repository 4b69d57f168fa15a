//! Tollgate's filter: gather, decide, act. The decision is `tollgate-policy`'s; this crate is what a host needs around it.
//!
//! [`Configured`] is one configuration, [`Service`] what a thread has of it, [`Request`] one request. They call the host through one
//! module of plain functions, `host`: in wasm that is the `tollgate-host` crate, which calls the proxy-wasm SDK, and `wasm` is the glue;
//! natively it is `tollgate-native-host`, which calls Envoy's dynamic module ABI, and `tollgate-module` is the glue.
//! A trap ends every stream of a VM (envoy 1.40), so nothing a client sends may panic: the lints below, and byte forms of every getter.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod header_value;
mod ledger;
mod metrics;
mod request;
mod service;
mod signature;
mod streams;
mod unknown_keys;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(target_family = "wasm")]
use tollgate_host as host;
#[cfg(not(target_family = "wasm"))]
use tollgate_native_host as host;

pub use ledger::Part;
pub use request::{Flow, Request};
pub use service::{Configured, Service, TICK, Worker};
