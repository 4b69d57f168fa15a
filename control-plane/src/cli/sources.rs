//! `tollgate sources`.

use clap::Subcommand;
use reqwest::Method;

use super::session::{CliError, Session};

/// What to do with the places where new agents are looked for.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them, with what the last look at each came to.
    List,
    /// Looks at each of them now, and lists them.
    Scan,
}

const COLUMNS: [(&str, &str); 6] = [
    ("SOURCE", "/url"),
    ("LOOKED AT", "/scannedAt"),
    ("PROPOSED", "/proposed"),
    ("KNOWN", "/known"),
    ("LEFT OUT", "/leftOut"),
    ("ERROR", "/error"),
];

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    let answer = match action {
        Action::List => session.get("/admin/sources").await?,
        Action::Scan => session.send(Method::POST, "/admin/sources/scan", None).await?,
    };
    session.format.list(out, &answer, "sources", &COLUMNS);
    Ok(())
}
