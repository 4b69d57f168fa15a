//! Tollgate's filter as an Envoy dynamic module (`envoy.filters.http.dynamic_modules`, Envoy 1.40): native code in Envoy's own process,
//! where the wasm form is a sandbox in it. What is decided, and when, is `tollgate-filter`'s, the same in both.
//!
//! [`hooks`] is what Envoy calls; [`configs`] are the configurations that are there; [`worker`] is what each of Envoy's threads remembers
//! and has under way. Envoy gives a module no timer, and no way to a worker but through a stream of it. So [`ticker`] is a thread of the
//! module's own, which sends the main thread an event ten times a second; the main thread does what is due for all workers; and what only
//! a worker may do, to end a stream, is left for it, with an event through any stream that it has under way.
//!
//! A panic would end Envoy: it is caught at each hook, and its request answered 503.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod configs;
mod hooks;
mod ticker;
mod worker;
