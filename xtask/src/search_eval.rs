//! `cargo xtask search-eval`: how well the search finds, with the real ranking and the real model.

use anyhow::Result;

use crate::{
    dist::{self, Profile},
    search_model, tools,
};

/// Measures, and prints the figures; an error when they are worse than they were.
pub(crate) fn run() -> Result<()> {
    let model = search_model::locate(&dist::tollgate(Profile::Dev)?)?;
    let mut test = tools::cargo();
    // The whole workspace, as the tests build it: another set of features would build every dependency anew.
    test.args(["test", "--workspace", "--lib", "search::evaluation", "--"]);
    test.arg("--nocapture").env("TOLLGATE_MODEL", model);
    tools::run(&mut test)
}
