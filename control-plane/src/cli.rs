//! The client commands: `tollgate agents`, `permissions`, `clients`, `issuers`, `nodes`, `usage` against the admin API, and `token`. Tables for
//! people, `--json` for scripts. Everything goes over HTTP: nothing here knows the server's types.

mod agents;
mod apply;
mod backup;
mod clients;
mod export;
mod issuers;
mod nodes;
mod output;
mod permissions;
mod revocations;
mod session;
mod task_keys;
#[cfg(test)]
mod tests;
mod token;
mod usage;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use crate::domain::SecretText;
pub use session::CliError;
use session::Session;

/// A client command.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Agents: who is behind the gateway.
    Agents(Command<agents::Action>),
    /// Makes what is there what files say, in one step; safe to repeat.
    Apply(apply::Apply),
    /// Writes agents and permissions as a file that `apply` takes.
    Export(export::Export),
    /// Writes the whole registry to a file, its secrets sealed. `tollgate restore` reads it.
    Backup(backup::Backup),
    /// Permission rows: what a scope grants.
    Permissions(Command<permissions::Action>),
    /// Clients of the embedded issuer.
    Clients(Command<clients::Action>),
    /// External issuers whose tokens are believed.
    Issuers(Command<issuers::Action>),
    /// Cuts off a client, a subject, a token or an issuer, now, on every Envoy.
    Revoke(revocations::Revoke),
    /// Who is cut off.
    Revocations(Command<revocations::Action>),
    /// The keys that seal tasks' ids, where callers' tasks are kept apart.
    TaskKeys(Command<task_keys::Action>),
    /// Each Envoy: what it has, and what it refused.
    Nodes(nodes::Nodes),
    /// Who calls what, how often, and what is refused.
    Usage(usage::Usage),
    /// Gets an access token by client credentials, and prints it.
    Token(token::Token),
}

/// One kind of thing and what to do with it.
#[derive(Debug, Args)]
pub struct Command<A: Subcommand> {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    action: A,
}

/// Where the admin API is and who asks.
#[derive(Debug, Args)]
pub struct Connection {
    /// The admin API.
    #[arg(
        long,
        global = true,
        env = "TOLLGATE_ADMIN_URL",
        default_value = "http://127.0.0.1:8081",
        value_name = "URL"
    )]
    admin_url: String,
    /// An access token with the admin scope.
    #[arg(long, global = true, env = "TOLLGATE_TOKEN", hide_env_values = true, value_name = "JWT", value_parser = secret)]
    token: Option<SecretText>,
    /// Client to log in as, if there is no token.
    #[arg(long, global = true, env = "TOLLGATE_CLIENT_ID", value_name = "ID")]
    client_id: Option<String>,
    /// Its secret. Better given by the environment, where other users do not see it.
    #[arg(long, global = true, env = "TOLLGATE_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = secret)]
    client_secret: Option<SecretText>,
    /// File with clientId and clientSecret, such as admin-credentials.json in the server's data directory.
    #[arg(long, global = true, env = "TOLLGATE_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Prints the API's answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// Whether a write waits for Envoy.
#[derive(Debug, Clone, Copy, Args)]
pub struct Waiting {
    /// Waits until every connected Envoy has the change.
    #[arg(long)]
    wait: bool,
}

impl Waiting {
    fn query(self) -> &'static str {
        if self.wait { "?wait=applied" } else { "" }
    }
}

/// A name as one segment of a path.
fn segment(name: &str) -> String {
    let mut url = url::Url::parse("http://any/").expect("it is a URL");
    url.path_segments_mut().expect("it has a path").push(name);
    url.path().trim_start_matches('/').to_owned()
}

fn secret(text: &str) -> Result<SecretText, std::convert::Infallible> {
    Ok(SecretText::new(text.to_owned()))
}

/// Runs a command and says by its exit code how it went: 0 done, 1 refused, 2 not usable, 69 (`EX_UNAVAILABLE`) nobody there, 75
/// (`EX_TEMPFAIL`) written and not in force in time.
#[must_use]
pub fn run(command: ClientCommand) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
    let mut out = Vec::new();
    let outcome = runtime.block_on(execute(command, &mut out));
    // A reader that has gone away wants no more.
    let _ = std::io::stdout().write_all(&out);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs a command; what it prints goes to `out`.
///
/// # Errors
/// Nothing was done, or it was refused.
pub async fn execute(command: ClientCommand, out: &mut Vec<u8>) -> Result<(), CliError> {
    match command {
        ClientCommand::Agents(command) => {
            agents::run(&Session::open(&command.connection).await?, command.action, out).await
        }
        ClientCommand::Apply(command) => apply::run(command, out).await,
        ClientCommand::Backup(command) => backup::run(command, out).await,
        ClientCommand::Export(command) => export::run(command, out).await,
        ClientCommand::Permissions(command) => {
            permissions::run(&Session::open(&command.connection).await?, command.action, out).await
        }
        ClientCommand::Clients(command) => {
            clients::run(&Session::open(&command.connection).await?, command.action, out).await
        }
        ClientCommand::Issuers(command) => {
            issuers::run(&Session::open(&command.connection).await?, command.action, out).await
        }
        ClientCommand::Revoke(command) => revocations::revoke(command, out).await,
        ClientCommand::Revocations(command) => {
            revocations::run(&Session::open(&command.connection).await?, command.action, out).await
        }
        ClientCommand::TaskKeys(command) => {
            task_keys::run(&Session::open(&command.connection).await?, command.action, out).await
        }
        ClientCommand::Nodes(command) => nodes::run(command, out).await,
        ClientCommand::Usage(command) => usage::run(command, out).await,
        ClientCommand::Token(command) => token::run(command, out).await,
    }
}
