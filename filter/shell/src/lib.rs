//! Tollgate's proxy-wasm filter: gather, decide, act. The decision is `tollgate-policy`'s; this crate is what a host needs around it.
//!
//! [`plugin`] holds one configuration, [`request`] one request; the `tollgate-host` crate is the only one that calls the proxy-wasm SDK.
//! A trap ends every stream of the VM (envoy 1.40), so nothing a client sends may panic: the lints below, and byte forms of every getter.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![allow(missing_docs, reason = "nothing is public but the initialiser that the SDK's macro writes")]

mod header_value;
mod ledger;
mod metrics;
mod plugin;
mod request;
mod signature;
mod streams;
mod unknown_keys;

use tollgate_host as host;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|context| Box::new(plugin::Plugin::new(context)));
}}
