//! `tollgate revoke` and `tollgate revocations`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    Connection, Waiting,
    session::{CliError, Session},
};

/// Whom to cut off: whoever has every property named.
#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    connection: Connection,
    /// The client.
    #[arg(long, value_name = "ID", required_unless_present_any = ["issuer", "subject", "jti"])]
    client: Option<String>,
    /// `iss` of its tokens. Alone: everyone of that issuer.
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    /// `sub` of its tokens.
    #[arg(long, value_name = "SUB")]
    subject: Option<String>,
    /// One token, by its `jti`.
    #[arg(long, value_name = "JTI")]
    jti: Option<String>,
    /// Only tokens issued before this: RFC 3339, such as 2026-01-02T03:04:05Z.
    #[arg(long, value_name = "TIME")]
    issued_before: Option<String>,
    /// When it ends by itself: RFC 3339. Default: when it is deleted.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why, for whoever reads the list.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Even if it cuts off the client that asks.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    waiting: Waiting,
}

/// What to do with revocations.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them.
    List,
    /// Lets in again whoever it cut off.
    Delete {
        /// Its id.
        id: String,
        #[command(flatten)]
        waiting: Waiting,
    },
}

const COLUMNS: [(&str, &str); 7] = [
    ("ID", "/revocationId"),
    ("ISSUER", "/issuer"),
    ("CLIENT", "/client"),
    ("SUBJECT", "/subject"),
    ("TOKEN", "/tokenId"),
    ("UNTIL", "/until"),
    ("REASON", "/reason"),
];

pub(super) async fn revoke(command: Revoke, out: &mut Vec<u8>) -> Result<(), CliError> {
    let session = Session::open(&command.connection).await?;
    let body = json!({
        "issuer": command.issuer,
        "client": command.client,
        "subject": command.subject,
        "tokenId": command.jti,
        "issuedBefore": command.issued_before,
        "until": command.until,
        "reason": command.reason,
        "force": command.force,
    });
    let path = format!("/admin/revocations{}", command.waiting.query());
    let answer = session.send(Method::POST, &path, Some(&body)).await?;
    let id = answer["revocationId"].as_str().unwrap_or_default();
    session.format.done(out, &answer, &format!("revoked ({id})"));
    Ok(())
}

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    match action {
        Action::List => session.format.list(out, &session.get("/admin/revocations").await?, "revocations", &COLUMNS),
        Action::Delete { id, waiting } => {
            let path = format!("/admin/revocations/{}{}", super::segment(&id), waiting.query());
            let answer = session.send(Method::DELETE, &path, None).await?;
            session.format.done(out, &answer, &format!("{id} cuts off nobody any more"));
        }
    }
    Ok(())
}
