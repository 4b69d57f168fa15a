//! Builds the filter module: compile for `wasm32-wasip1`, take off what is not used, check the size.
//! Two ways to compile, in [`toolchain`]; both produce the same kind of module.

mod exports;
mod toolchain;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::tools;

/// File name of the finished module.
pub(crate) const FILE_NAME: &str = "tollgate_filter.wasm";
/// Largest finished module, in bytes: what it had when this was set, and 15 %. It travels in every ECDS push and is compiled by every Envoy.
const SIZE_BUDGET: usize = 1_100_000;

/// Builds the module and returns the finished file, `target/tools/wasm/tollgate_filter.wasm`. Quick when nothing changed.
pub(crate) fn build() -> Result<PathBuf> {
    let toolchain = toolchain::choose()?;
    println!("filter module: compiling with {}", toolchain.name());
    let compiled = tools::cargo_artifact(&mut toolchain.command(), "tollgate_filter")?;
    let linked = fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    let finished = exports::finish(&linked).context("the linker's module cannot be finished")?;
    println!("filter module: {} bytes ({} before unused callbacks went)", finished.len(), linked.len());
    ensure!(
        finished.len() <= SIZE_BUDGET,
        "the filter module has {} bytes, over its budget of {SIZE_BUDGET}: find what grew, or raise the budget with a reason",
        finished.len()
    );
    let path = tools::directory(tools::tools_directory()?.join("wasm"))?.join(FILE_NAME);
    tools::write_if_changed(&path, &finished)?;
    Ok(path)
}
