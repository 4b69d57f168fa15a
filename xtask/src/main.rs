//! Every task of the project: what CI runs is `cargo xtask ci`, and it runs the same at home.
//! This file only names the tasks; each has a module of its own.

mod a2acli;
mod bench;
mod ci;
mod demo;
mod dist;
mod envoy;
mod native;
mod python;
mod search_eval;
mod search_model;
mod setup;
mod test;
mod tidy;
mod tools;
mod wasm;

use clap::{Parser, Subcommand};

/// Tasks of the Tollgate project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch Envoy and build the filter module: whatever `demo` and `test` need first.
    Setup,
    /// Run the main job: control plane, Envoy, two agents, a client; stays up until Ctrl-C.
    Demo(demo::Args),
    /// Set up, build, and run every test of the workspace, those with a real Envoy included.
    Test(test::Args),
    /// Compare Tollgate with bare Envoy and with Envoy's own filter chain.
    Bench(bench::Args),
    /// Measure how well the search finds, with the real model.
    SearchEval,
    /// Check format, lints, dependency arrows, file sizes, links and licences.
    Tidy,
    /// What CI runs: `tidy`, `test`, `demo --check`.
    Ci,
    /// Build the release binary and the filter module into `target/dist/`, for images.
    Dist,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Setup => setup::run(),
        Task::Demo(args) => demo::run(args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(args),
        Task::SearchEval => search_eval::run(),
        Task::Tidy => tidy::run(),
        Task::Ci => ci::run(),
        Task::Dist => dist::run(),
    }
}
