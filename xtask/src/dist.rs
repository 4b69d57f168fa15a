//! `cargo xtask dist`: what the container images copy, in `target/dist/`.
//!
//! The search model is a part of it that may be missing: the images then search by words.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::{native, search_model, tools, wasm};

/// Builds `tollgate` in release and the modules, and copies them to `target/dist/`.
pub(crate) fn run() -> Result<()> {
    let module = wasm::build()?;
    let binary = tollgate(Profile::Release)?;
    let directory = tools::directory(tools::workspace_root().join("target/dist"))?;
    let modules = wasm::FILE_NAMES.map(|name| (module.with_file_name(name), name));
    let native = (native::build(Profile::Release)?, native::FILE_NAME);
    for (from, name) in [(binary, "tollgate"), native].into_iter().chain(modules) {
        let to = directory.join(name);
        fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        println!("dist: {}", to.display());
    }
    // There even if it is empty: the image copies it.
    let model = tools::directory(directory.join("search-model"))?;
    match search_model::install(&directory.join("tollgate"), &model) {
        Ok(()) => println!("dist: {}", model.display()),
        Err(error) => println!("dist: no search model, the image will search by words ({error:#})"),
    }
    Ok(())
}

/// How the control plane is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// Optimised.
    Release,
}

/// Builds the control plane's binary; returns its path.
pub(crate) fn tollgate(profile: Profile) -> Result<PathBuf> {
    let mut cargo = tools::cargo();
    cargo.args(["build", "--package", "tollgate-control-plane", "--bin", "tollgate"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    tools::cargo_artifact(&mut cargo, "tollgate")
}
