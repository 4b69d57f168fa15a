//! A2A in two versions and two bindings, pure: what a caller says in one is said to the agent in another, and the ids it is shown are
//! its own. No clock, no I/O, no host: the shell hands bodies in and sends out what it is given.
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

pub mod convert;
pub mod nearest;
pub mod ownership;
pub mod settings;
pub mod wire;
