//! `cargo xtask setup`: Envoy and the filter module, fetched or built, each named with where it came from.

use anyhow::Result;

use crate::{envoy, wasm};

/// Makes both tools available.
pub(crate) fn run() -> Result<()> {
    println!("envoy: {}", envoy::locate()?.display());
    println!("filter module: {}", wasm::build()?.display());
    Ok(())
}
