//! Builds the two modules: compile for `wasm32-wasip1`, take off what is not used, check the size.
//! Two ways to compile, in [`toolchain`]; both produce the same kind of module.

mod exports;
mod toolchain;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::tools;
use toolchain::Toolchain;

/// A module that ships.
struct Module {
    package: &'static str,
    /// The name of its library, and of its file.
    name: &'static str,
    /// The callbacks it implements.
    callbacks: &'static [&'static str],
    /// Largest finished module, in bytes: what it had when this was set, and 15 %. It travels in every ECDS push and is compiled by
    /// every Envoy.
    budget: usize,
}

const FILTER: Module =
    Module { package: "tollgate-filter", name: "tollgate_filter", callbacks: &exports::FILTER, budget: 1_100_000 };

const TRANSLATOR: Module = Module {
    package: "tollgate-translator",
    name: "tollgate_translator",
    callbacks: &exports::TRANSLATOR,
    budget: 1_100_000,
};

/// File names of the finished modules, the filter's first.
pub(crate) const FILE_NAMES: [&str; 2] = ["tollgate_filter.wasm", "tollgate_translator.wasm"];

/// Builds both and returns the filter's file, `target/tools/wasm/tollgate_filter.wasm`; the other's is beside it. Quick when nothing
/// changed.
pub(crate) fn build() -> Result<PathBuf> {
    let toolchain = toolchain::choose()?;
    println!("wasm modules: compiling with {}", toolchain.name());
    let filter = FILTER.build(&toolchain)?;
    TRANSLATOR.build(&toolchain)?;
    Ok(filter)
}

impl Module {
    fn build(&self, toolchain: &Toolchain) -> Result<PathBuf> {
        let Self { package, name, callbacks, budget } = self;
        let compiled = tools::cargo_artifact(&mut toolchain.command(package), name)?;
        let linked = fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
        let finished = exports::finish(&linked, callbacks).with_context(|| format!("{name} cannot be finished"))?;
        println!("{name}: {} bytes ({} before unused callbacks went)", finished.len(), linked.len());
        ensure!(
            finished.len() <= *budget,
            "{name} has {} bytes, over its budget of {budget}: find what grew, or raise the budget with a reason",
            finished.len()
        );
        let path = tools::directory(tools::tools_directory()?.join("wasm"))?.join(format!("{name}.wasm"));
        tools::write_if_changed(&path, &finished)?;
        Ok(path)
    }
}
