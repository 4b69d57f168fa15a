//! The fleet's limits with the filter in native code.

#[path = "fleet.rs"]
mod fleet;
