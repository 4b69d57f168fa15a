//! Tollgate's second proxy-wasm module. The filter decides every call; this one stands behind it, for those alone that it has marked: in a
//! dialect that the agent does not speak, or to an agent that keeps its callers' tasks apart. What becomes of them is
//! `tollgate-a2a`'s; this crate is what a host needs around it. It has a VM of its own, so that a trap here ends no other streams.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![allow(missing_docs, reason = "nothing is public but the initialiser that the SDK's macro writes")]

mod owner;
mod plugin;
mod request;

use tollgate_host as host;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(plugin::Plugin::default()));
}}
