//! The search model: fetched once by the product's own command, which knows its digests, and kept under `target/tools`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::tools;

/// The model's directory under `target/tools`, installed when it is not.
pub(crate) fn locate(tollgate: &Path) -> Result<PathBuf> {
    let directory = tools::tools_directory()?.join("search-model");
    install(tollgate, &directory)?;
    Ok(directory)
}

/// Installs the model in `directory`, if it is not there.
pub(crate) fn install(tollgate: &Path, directory: &Path) -> Result<()> {
    tools::run(Command::new(tollgate).args(["model", "install", "--model-dir"]).arg(directory))
}
