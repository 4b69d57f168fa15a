//! `tollgate apply`: what the files say is what there will be. Safe to repeat: a second run changes nothing, and says so. The server checks
//! all of it before it writes any; what it refuses is named by file, line and field.

mod files;
mod report;
mod yaml;

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    Connection, Waiting,
    session::{CliError, LONG_TIMEOUT, Session},
};
use files::Gathered;

/// What to apply, and how.
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    connection: Connection,
    /// A YAML or JSON file, a directory of them, or `-` for standard input; may be repeated.
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Says what would change, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Removes what earlier runs with the same --set made and the files do not name any more.
    #[arg(long)]
    prune: bool,
    /// Removes everything that the files do not name, of the kinds that they have a list of; whoever made it.
    #[arg(long, conflicts_with = "prune")]
    prune_all: bool,
    /// Name of these files among others that are applied to the same gateway, for --prune.
    #[arg(long, default_value = "default", value_name = "NAME")]
    set: String,
    #[command(flatten)]
    waiting: Waiting,
}

pub(super) async fn run(command: Apply, out: &mut Vec<u8>) -> Result<(), CliError> {
    let gathered = Gathered::read(&command.files)?;
    let session = Session::open(&command.connection).await?;
    let mut body: Map<String, Value> = gathered.lists().map(|(name, list)| (name.to_owned(), list)).collect();
    let prune = match (command.prune, command.prune_all) {
        (_, true) => "all",
        (true, _) => "set",
        _ => "none",
    };
    body.extend([
        ("prune".to_owned(), json!(prune)),
        ("set".to_owned(), json!(command.set)),
        ("dryRun".to_owned(), json!(command.dry_run)),
    ]);
    // Many agents are many clusters: they take longer than one.
    let query = if command.waiting.wait { "?wait=applied&timeoutSeconds=60" } else { "" };
    let path = format!("/admin/apply{query}");
    let sent = session.send_for(LONG_TIMEOUT, Method::POST, &path, Some(&Value::Object(body))).await;
    let answer = sent.map_err(|refusal| placed(refusal, &gathered))?;
    report::print(session.format, &answer, out);
    if answer["applied"] == Value::Bool(false) {
        return Err(CliError::Pending);
    }
    Ok(())
}

/// The server's faults, each with its file and line.
fn placed(refusal: CliError, gathered: &Gathered) -> CliError {
    let CliError::Faults { message, faults } = refusal else { return refusal };
    let line = |(field, problem): &(String, String)| match gathered.place(field) {
        Some((place, field)) => format!("{place}: {field} {problem}").replace(":  ", ": "),
        None => format!("{field} {problem}"),
    };
    let lines: Vec<String> = faults.iter().map(line).collect();
    CliError::Refused(if lines.is_empty() { message } else { format!("nothing is changed:\n  {}", lines.join("\n  ")) })
}

/// What a text of one document says, for the tests of those who write it.
#[cfg(test)]
pub(super) fn read_yaml(text: &str) -> Result<Value, String> {
    Ok(yaml::read(text)?.first().map(yaml::Node::to_json).unwrap_or_default())
}
