//! `tollgate task-keys`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{
    Waiting,
    session::{CliError, Session},
};

/// What to do with the keys that seal tasks' ids.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them, the one that seals first.
    List,
    /// Makes a new one, which seals from now on. What the others sealed still opens.
    Rotate {
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Removes one: the ids it sealed do not open any more, and their tasks are not found.
    Delete {
        /// Its id.
        id: String,
        #[command(flatten)]
        waiting: Waiting,
    },
}

const COLUMNS: [(&str, &str); 3] = [("ID", "/taskKeyId"), ("SEALS", "/seals"), ("CREATED", "/createdAt")];

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    match action {
        Action::List => session.format.list(out, &session.get("/admin/task-keys").await?, "taskKeys", &COLUMNS),
        Action::Rotate { waiting } => {
            let path = format!("/admin/task-keys{}", waiting.query());
            let answer = session.send(Method::POST, &path, Some(&json!({}))).await?;
            let id = answer["taskKeyId"].as_str().unwrap_or_default();
            session.format.done(out, &answer, &format!("{id} seals from now on"));
        }
        Action::Delete { id, waiting } => {
            let path = format!("/admin/task-keys/{}{}", super::segment(&id), waiting.query());
            let answer = session.send(Method::DELETE, &path, None).await?;
            session.format.done(out, &answer, &format!("what {id} sealed does not open any more"));
        }
    }
    Ok(())
}
