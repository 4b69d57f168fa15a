//! `tollgate issuers`.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{
    Waiting,
    session::{CliError, Session},
};

/// What to do with external issuers.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them.
    List,
    /// Shows one.
    Get {
        /// Its name, `iss` in its tokens.
        issuer: String,
    },
    /// Believes an issuer's tokens, by exactly one source of its keys.
    Set {
        /// Its name, `iss` in its tokens, byte for byte.
        issuer: String,
        /// Accepted `aud`; may be repeated.
        #[arg(long = "audience", required = true, value_name = "AUD")]
        audiences: Vec<String>,
        /// Where its keys are fetched, and refreshed.
        #[arg(long, value_name = "URL", required_unless_present_any = ["jwks_file", "jwks"])]
        jwks_url: Option<String>,
        /// A file of the server with its keys.
        #[arg(long, value_name = "PATH", conflicts_with = "jwks_url")]
        jwks_file: Option<String>,
        /// A file here with its keys, sent along.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks_url", "jwks_file"])]
        jwks: Option<PathBuf>,
        /// Accepted algorithm; may be repeated. Default: those the keys allow.
        #[arg(long = "algorithm", value_name = "ALG")]
        algorithms: Vec<String>,
        /// Prefix taken off its scopes; scopes without it are ignored.
        #[arg(long, value_name = "PREFIX")]
        scope_prefix: Option<String>,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Believes its tokens no more.
    Delete {
        /// Its name.
        issuer: String,
        #[command(flatten)]
        waiting: Waiting,
    },
}

const COLUMNS: [(&str, &str); 4] =
    [("ISSUER", "/issuer"), ("AUDIENCES", "/audiences"), ("KEYS", "/keyIds"), ("LAST ERROR", "/lastRefreshError")];

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    match action {
        Action::List => session.format.list(out, &session.get("/admin/issuers").await?, "issuers", &COLUMNS),
        Action::Get { issuer } => session.format.record(out, &session.get(&path(&issuer, "")).await?),
        Action::Set { issuer, audiences, jwks_url, jwks_file, jwks, algorithms, scope_prefix, waiting } => {
            let jwks = jwks.map(|file| super::agents::read_record(&file)).transpose()?;
            let body = json!({"issuer": issuer, "audiences": audiences, "jwksUrl": jwks_url, "jwksFile": jwks_file,
                "jwks": jwks, "algorithms": algorithms, "scopePrefix": scope_prefix});
            let path = format!("/admin/issuers{}", waiting.query());
            let answer = session.send(Method::POST, &path, Some(&body)).await?;
            session.format.done(out, &answer, &format!("tokens of {issuer} are believed"));
        }
        Action::Delete { issuer, waiting } => {
            let answer = session.send(Method::DELETE, &path(&issuer, waiting.query()), None).await?;
            session.format.done(out, &answer, &format!("tokens of {issuer} are believed no more"));
        }
    }
    Ok(())
}

fn path(issuer: &str, rest: &str) -> String {
    format!("/admin/issuers/{}{rest}", super::segment(issuer))
}
