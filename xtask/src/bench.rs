//! `cargo xtask bench`: builds what is measured and what measures, both optimised, and runs `tollgate-bench` (`bench/`), whose
//! options it passes on.

use std::process::Command;

use anyhow::Result;

use crate::{
    dist::{self, Profile},
    envoy, native, search_model, tools, wasm,
};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `tollgate-bench`: `throughput`, `propagation`, `flood`, `--quick`, `--peer name=url`; `-- --help` lists all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    bench: Vec<String>,
}

/// Builds and measures.
pub(crate) fn run(args: Args) -> Result<()> {
    let envoy = envoy::locate()?;
    let (filter, module) = (wasm::build()?, native::build(Profile::Release)?);
    let tollgate = dist::tollgate(Profile::Release)?;
    let mut build = tools::cargo();
    build.args(["build", "--release", "--package", "tollgate-bench"]);
    let bench = tools::cargo_artifact(&mut build, "tollgate-bench")?;
    let mut command = Command::new(bench);
    match search_model::locate(&tollgate) {
        Ok(model) => drop(command.arg("--search-model").arg(model)),
        Err(error) => eprintln!("searches are measured without a model: {error:#}"),
    }
    command.current_dir(tools::workspace_root());
    command
        .arg("--envoy")
        .arg(envoy)
        .arg("--tollgate")
        .arg(&tollgate)
        .arg("--filter")
        .arg(filter)
        .arg("--module")
        .arg(module);
    tools::run(command.args(args.bench))
}
