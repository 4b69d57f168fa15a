//! Every promise of `fleet.rs` once more, with the filter in native code: what its threads spend and lend is another way of telling.

#[path = "fleet.rs"]
mod fleet;
