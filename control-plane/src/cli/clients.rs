//! `tollgate clients`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Waiting,
    output::{Format, print},
    session::{CliError, Session},
};

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them.
    List,
    /// Shows one.
    Get {
        /// Its id.
        id: String,
    },
    /// Makes one, and shows its secret, once.
    Create {
        /// Its id; a random one otherwise.
        id: Option<String>,
        /// Name for people.
        #[arg(long)]
        name: Option<String>,
        /// Scope it may ask for; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// Gives it a new secret, and shows it, once.
    Rotate {
        /// Its id.
        id: String,
        /// How long the old secret is accepted. Default: an hour.
        #[arg(long, value_name = "N")]
        overlap_seconds: Option<u32>,
    },
    /// Removes one, and its tokens with it.
    Delete {
        /// Its id.
        id: String,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Lets it get tokens again.
    Enable {
        /// Its id.
        id: String,
    },
    /// Lets it get no tokens, and refuses those that are out, until it is enabled.
    Disable {
        /// Its id.
        id: String,
    },
}

const COLUMNS: [(&str, &str); 5] =
    [("ID", "/clientId"), ("STATUS", "/status"), ("NAME", "/name"), ("SCOPES", "/scopes"), ("CREATED", "/createdAt")];

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    match action {
        Action::List => session.format.list(out, &session.get("/admin/clients").await?, "clients", &COLUMNS),
        Action::Get { id } => session.format.record(out, &session.get(&path(&id, "")).await?),
        Action::Create { id, name, scopes } => {
            let body = json!({"clientId": id, "name": name, "scopes": scopes});
            let answer = session.send(Method::POST, "/admin/clients", Some(&body)).await?;
            show_secret(session.format, out, &answer);
        }
        Action::Rotate { id, overlap_seconds } => {
            let body = json!({"overlapSeconds": overlap_seconds});
            let answer = session.send(Method::POST, &path(&id, "/rotate"), Some(&body)).await?;
            show_secret(session.format, out, &answer);
        }
        Action::Delete { id, waiting } => {
            let answer = session.send(Method::DELETE, &path(&id, waiting.query()), None).await?;
            session.format.done(out, &answer, &format!("{id} is deleted"));
        }
        Action::Enable { id } => set_status(session, &id, "active", out).await?,
        Action::Disable { id } => set_status(session, &id, "inactive", out).await?,
    }
    Ok(())
}

/// For people, the two lines that a client needs; they can be sourced by a shell.
fn show_secret(format: Format, out: &mut Vec<u8>, answer: &Value) {
    if format == Format::Json {
        return format.record(out, answer);
    }
    for (name, field) in [("CLIENT_ID", "clientId"), ("CLIENT_SECRET", "clientSecret")] {
        print(out, &format!("{name}={}", answer[field].as_str().unwrap_or_default()));
    }
}

async fn set_status(session: &Session, id: &str, status: &str, out: &mut Vec<u8>) -> Result<(), CliError> {
    let answer = session.send(Method::PATCH, &path(id, "/status"), Some(&json!({"status": status}))).await?;
    session.format.done(out, &answer, &format!("{id} is {status}"));
    Ok(())
}

fn path(id: &str, rest: &str) -> String {
    format!("/admin/clients/{}{rest}", super::segment(id))
}
