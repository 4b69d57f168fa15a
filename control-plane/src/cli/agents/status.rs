//! `tollgate agents status`, `enable` and `disable`: an agent's way through its life.

use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::cli::{
    Waiting,
    session::{CliError, Session},
};

/// Which agent, why, and whether to wait.
#[derive(Debug, Args)]
pub struct StatusChange {
    /// Its id.
    id: String,
    /// Kept in its record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(super) async fn set(
    session: &Session,
    change: StatusChange,
    status: &str,
    out: &mut Vec<u8>,
) -> Result<(), CliError> {
    let StatusChange { id, reason, waiting } = change;
    let path = super::path(&id, &format!("/status{}", waiting.query()));
    let answer = session.send(Method::PATCH, &path, Some(&json!({"status": status, "reason": reason}))).await?;
    session.format.done(out, &answer, &format!("{id} is {status}"));
    Ok(())
}
