//! Every promise of `standalone.rs` once more, with the filter in native code, as `docs/native-filter.md` says to write it.

#[path = "standalone.rs"]
mod standalone;
