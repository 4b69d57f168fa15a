//! `cargo xtask search-eval`: how well the search finds, with the real ranking and the real model, which is fetched once and kept under
//! `target/tools`.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    dist::{self, Profile},
    tools,
};

/// Measures, and prints the figures; an error when they are worse than they were.
pub(crate) fn run() -> Result<()> {
    let model = model(&dist::tollgate(Profile::Dev)?)?;
    let mut test = tools::cargo();
    // The whole workspace, as the tests build it: another set of features would build every dependency anew.
    test.args(["test", "--workspace", "--lib", "search::evaluation", "--"]);
    test.args(["--ignored", "--nocapture"]).env("TOLLGATE_SEARCH_MODEL_DIR", model);
    tools::run(&mut test)
}

/// The model's directory under `target/tools`, installed when it is not.
pub(crate) fn model(tollgate: &std::path::Path) -> Result<PathBuf> {
    let directory = tools::tools_directory()?.join("search-model");
    let mut install = std::process::Command::new(tollgate);
    tools::run(install.args(["model", "install", "--model-dir"]).arg(&directory))?;
    Ok(directory)
}
