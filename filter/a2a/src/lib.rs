//! Taking A2A traffic apart and putting it together again, pure: no host, no clock, no I/O.
//!
//! [`ownership`] keeps callers' tasks apart by their ids alone. [`settings`] is what the control plane publishes for it.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod ownership;
pub mod settings;
