//! `cargo xtask demo`: the main job, watched. Sets up, starts the control plane, Envoy and two agents, acts as operator and as
//! client, then stays up until Ctrl-C. This file holds the order of things; the modules below do them.

mod call;
mod http;
mod leash;
mod ports;
mod processes;
mod screen;
mod settings;
mod stage;
mod steps;

use std::path::PathBuf;

use anyhow::{Result, bail};

use self::{
    ports::Ports,
    processes::{Event, Processes},
    screen::Screen,
    settings::{Site, Variables},
};
use crate::{
    dist::{self, Profile},
    envoy, python, search_model, tools, wasm,
};

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run every step, then exit with the result instead of staying up.
    #[arg(long)]
    pub(crate) check: bool,
    /// Keep the registry and the secrets of the last run instead of starting afresh.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    ports: Ports,
}

/// What has to exist before anything is started.
struct Programs {
    tollgate: PathBuf,
    filter: PathBuf,
    envoy: PathBuf,
    python: PathBuf,
    /// The search model; `None`: it could not be had, and searches go by words.
    model: Option<PathBuf>,
}

/// Runs the demo; an error is a step that failed, or a program that ended by itself.
pub(crate) fn run(args: Args) -> Result<()> {
    args.ports.require_free()?;
    let programs = prepare()?;
    let site = Site::prepare(args.keep)?;
    let mut variables = Variables::new(&args.ports, &site)?;
    let mut processes = Processes::new()?;
    let screen = Screen::new();
    let result = play(&programs, &site, &args, &mut variables, &mut processes, &screen);
    let stopped = processes.stop();
    result?;
    stopped
}

fn play(
    programs: &Programs,
    site: &Site,
    args: &Args,
    variables: &mut Variables,
    processes: &mut Processes,
    screen: &Screen,
) -> Result<()> {
    stage::start(programs, site, &args.ports, variables, processes, screen)?;
    steps::run(variables, processes, screen)?;
    variables.save(&site.env_file())?;
    if args.check {
        screen.note("every step did what it should");
        return Ok(());
    }
    screen.up(&site.env_file());
    match processes.wait()? {
        Event::Interrupted => Ok(()),
        Event::Ended(ended) => bail!("{ended}"),
    }
}

fn prepare() -> Result<Programs> {
    let tollgate = dist::tollgate(Profile::Dev)?;
    let model = search_model::locate(&tollgate);
    if let Err(error) = &model {
        println!("search model: not to be had ({error:#}); searches go by words");
    }
    Ok(Programs {
        model: model.ok(),
        envoy: envoy::locate()?,
        filter: wasm::build()?,
        python: python::venv("agents", &tools::workspace_root().join("examples/agents/requirements.txt"))?,
        tollgate,
    })
}
