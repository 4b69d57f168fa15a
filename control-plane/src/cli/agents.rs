//! `tollgate agents`.

mod cards;
mod status;

use std::{io::Read, path::PathBuf};

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Waiting,
    session::{CliError, Session},
};
use status::StatusChange;

/// What to do with agents.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them.
    List,
    /// Shows one, with its card.
    Get {
        /// Its id.
        id: String,
    },
    /// Registers one, or registers it anew: by options, or by a record.
    Register {
        /// Its id.
        #[arg(required_unless_present = "file")]
        id: Option<String>,
        /// Where it runs.
        #[arg(long, required_unless_present = "file", value_name = "URL")]
        backend_url: Option<String>,
        /// Where its card is, if not at the well-known place under the backend.
        #[arg(long, value_name = "URL")]
        card_url: Option<String>,
        /// Name for people; the card's own otherwise.
        #[arg(long)]
        name: Option<String>,
        /// Label; may be repeated.
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// The backend's credential, a JSON object as in the API; secrets best as env:NAME or file:PATH of the server.
        #[arg(long, value_name = "JSON")]
        auth: Option<String>,
        /// Whether its card must be signed, and by whom, a JSON object as in the API.
        #[arg(long, value_name = "JSON")]
        card_signatures: Option<String>,
        /// Where its life begins: draft, pending, active (unless told otherwise) or inactive.
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// The whole record as JSON, instead of the options; `-` reads it from standard input.
        #[arg(
            long,
            conflicts_with_all = ["id", "backend_url", "card_url", "name", "tags", "auth", "card_signatures", "status"],
            value_name = "FILE"
        )]
        file: Option<PathBuf>,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Removes one.
    Delete {
        /// Its id.
        id: String,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Fetches its card again.
    Sync {
        /// Its id.
        id: String,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Lists the versions of its card that are kept.
    Versions {
        /// Its id.
        id: String,
    },
    /// Says what changed in its card: since the version before, unless told otherwise.
    Diff {
        /// Its id.
        id: String,
        /// The version to compare with.
        #[arg(long, value_name = "VERSION")]
        from: Option<u64>,
        /// The version to compare; the current one otherwise.
        #[arg(long, value_name = "VERSION")]
        to: Option<u64>,
    },
    /// Moves it on in its life: draft, pending, active, inactive, retired.
    Status {
        /// Where to.
        #[arg(long = "to", value_name = "STATUS")]
        status: String,
        #[command(flatten)]
        change: StatusChange,
    },
    /// Lets calls through: approves of it, or lets them through again.
    Enable(StatusChange),
    /// Lets no calls through, until it is enabled.
    Disable(StatusChange),
}

const COLUMNS: [(&str, &str); 6] = [
    ("ID", "/agentId"),
    ("STATUS", "/status"),
    ("NAME", "/name"),
    ("BACKEND", "/backends/0/url"),
    ("CREDENTIAL", "/credential/state"),
    ("LAST SYNCED", "/lastSynced"),
];

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    match action {
        Action::List => session.format.list(out, &session.get("/admin/agents").await?, "agents", &COLUMNS),
        Action::Get { id } => session.format.record(out, &session.get(&path(&id, "")).await?),
        Action::Register { id, backend_url, card_url, name, tags, auth, card_signatures, status, file, waiting } => {
            let record = match file {
                Some(file) => read_record(&file)?,
                None => {
                    let auth = auth.map(|text| parse(&text, "--auth")).transpose()?;
                    let signatures = card_signatures.map(|text| parse(&text, "--card-signatures")).transpose()?;
                    json!({"agentId": id, "backendUrl": backend_url, "agentCardUrl": card_url,
                        "name": name, "tags": tags, "authConfig": auth, "cardSignatures": signatures, "status": status})
                }
            };
            let path = format!("/admin/agents/register{}", waiting.query());
            let answer = session.send(Method::POST, &path, Some(&record)).await?;
            let url = answer["gatewayUrl"].as_str().unwrap_or_default();
            session.format.done(out, &answer, &format!("registered at {url}"));
        }
        Action::Delete { id, waiting } => {
            let answer = session.send(Method::DELETE, &path(&id, waiting.query()), None).await?;
            session.format.done(out, &answer, &format!("{id} is deleted"));
        }
        Action::Sync { id, waiting } => {
            let path = path(&id, &format!("/sync{}", waiting.query()));
            let answer = session.send(Method::POST, &path, None).await?;
            session.format.done(out, &answer, &format!("the card of {id} is up to date"));
        }
        Action::Versions { id } => cards::versions(session, &id, out).await?,
        Action::Diff { id, from, to } => cards::diff(session, &id, from, to, out).await?,
        Action::Status { status, change } => status::set(session, change, &status, out).await?,
        Action::Enable(change) => status::set(session, change, "active", out).await?,
        Action::Disable(change) => status::set(session, change, "inactive", out).await?,
    }
    Ok(())
}

fn path(id: &str, rest: &str) -> String {
    format!("/admin/agents/{}{rest}", super::segment(id))
}

/// A JSON document of a file, or of standard input.
pub(super) fn read_record(file: &std::path::Path) -> Result<Value, CliError> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", file.display())))?;
    parse(&text, &file.display().to_string())
}

fn parse(text: &str, what: &str) -> Result<Value, CliError> {
    serde_json::from_str(text).map_err(|error| CliError::Usage(format!("{what} is not JSON: {error}")))
}
