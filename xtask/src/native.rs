//! Builds the filter's native form: a dynamic module for Envoy on this kind of machine.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::tools;

/// The file's name, as Envoy's search path wants it (`lib…so`).
pub(crate) const FILE_NAME: &str = "libtollgate_module.so";

/// Builds it and returns its file, `target/tools/native/libtollgate_module.so`. Quick when nothing changed.
pub(crate) fn build() -> Result<PathBuf> {
    let mut cargo = tools::cargo();
    cargo.args(["build", "--profile", "native", "--package", "tollgate-module"]);
    let compiled = tools::cargo_artifact(&mut cargo, "tollgate_module")?;
    let code = fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    let path = tools::directory(tools::tools_directory()?.join("native"))?.join(FILE_NAME);
    println!("{FILE_NAME}: {} bytes", code.len());
    tools::write_if_changed(&path, &code)?;
    Ok(path)
}
