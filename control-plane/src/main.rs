//! `tollgate`: the server, the bootstrap of its Envoys, and the client commands. Parses arguments and turns outcomes into exit codes;
//! everything else is the library's.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tollgate::{
    app::{self, RestoreOptions},
    bootstrap::{self, BootstrapOptions},
    cli::{self, ClientCommand},
    config::{Config, EXIT_CODE},
    log,
    model_command::{self, ModelCommand},
};

/// A gateway for A2A agents on Envoy: control plane and client.
#[derive(Parser)]
#[command(name = "tollgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the control plane.
    Serve {
        /// Settings file (TOML); docs/configuration.md lists what it may hold.
        #[arg(long, env = "TOLLGATE_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Prints the bootstrap that an Envoy starts with.
    Bootstrap(BootstrapOptions),
    /// The model that searches by meaning.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Makes a backup the registry of a data directory, while no server runs on it.
    Restore(RestoreOptions),
    #[command(flatten)]
    Client(ClientCommand),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve { config } => serve(config),
        Command::Bootstrap(options) => print_bootstrap(&options),
        Command::Model(command) => model_command::run(command, &environment()),
        Command::Restore(options) => restore(&options),
        Command::Client(command) => cli::run(command),
    }
}

fn serve(file: Option<PathBuf>) -> ExitCode {
    let env = environment();
    let config = match Config::load(file.as_deref(), &env) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("tollgate: {faults}");
            return ExitCode::from(EXIT_CODE);
        }
    };
    log::start(&config.log);
    let runtime = tokio::runtime::Runtime::new().expect("the system has threads");
    match runtime.block_on(run(config, env)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Variables that are not UTF-8 cannot be settings or secrets.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, text): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, text.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

async fn run(config: Config, env: BTreeMap<String, String>) -> anyhow::Result<()> {
    let told_to_stop = told_to_stop()?;
    let bound = app::bind(config, &env).await?;
    let addresses = bound.addresses();
    tracing::info!(admin = %addresses.admin, discovery = %addresses.discovery, xds = %addresses.xds, "serving");
    bound.run(told_to_stop).await?;
    tracing::info!("stopped");
    Ok(())
}

fn restore(options: &RestoreOptions) -> ExitCode {
    let env = environment();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    match app::restore(options, &env, now) {
        Ok(restored) => {
            let (agents, permissions) = (restored.agents, restored.permissions);
            println!("generation {} is restored: {agents} agents, {permissions} permissions", restored.generation);
            if let Some(path) = restored.replaced {
                println!("what was there before is in {}", path.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tollgate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ends on SIGTERM (what supervisors send) and SIGINT (Ctrl-C).
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn print_bootstrap(options: &BootstrapOptions) -> ExitCode {
    match bootstrap::render(options) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tollgate: --xds: {error}");
            ExitCode::from(EXIT_CODE)
        }
    }
}
