//! Builds the filter's native form: a dynamic module for Envoy on this kind of machine.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::{dist::Profile, tools};

/// The file's name, as Envoy's search path wants it (`lib…so`).
pub(crate) const FILE_NAME: &str = "libtollgate_module.so";

/// Builds it and returns its file, below `target/tools/native/`. Quick when nothing changed. The tests' is not optimised: it
/// shares what the control plane is made of, and is checked for overflows.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    let (profile, directory) = match profile {
        Profile::Dev => ("dev", "native/dev"),
        Profile::Release => ("native", "native"),
    };
    let mut cargo = tools::cargo();
    cargo.args(["build", "--profile", profile, "--package", "tollgate-module"]);
    let compiled = tools::cargo_artifact(&mut cargo, "tollgate_module")?;
    let code = fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    let path = tools::directory(tools::tools_directory()?.join(directory))?.join(FILE_NAME);
    println!("{FILE_NAME}: {} bytes", code.len());
    tools::write_if_changed(&path, &code)?;
    Ok(path)
}
