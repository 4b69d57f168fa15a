//! `tollgate permissions`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    Waiting,
    session::{CliError, Session},
};

/// What to do with permission rows.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Lists them.
    List,
    /// Shows one.
    Get {
        /// Its scope.
        scope: String,
    },
    /// Sets what a scope grants.
    Set {
        /// The scope.
        scope: String,
        /// Agent id or glob, such as `team-a-*`; may be repeated.
        #[arg(long = "agent", required = true, value_name = "GLOB")]
        agents: Vec<String>,
        /// `read`, `write` or `push`; may be repeated. Default: read and write.
        #[arg(long = "operation", value_name = "CLASS")]
        operations: Vec<String>,
        /// How often, for each caller and agent.
        #[arg(long, value_name = "N")]
        requests_per_minute: Option<u32>,
        /// How many at once.
        #[arg(long, value_name = "N", requires = "requests_per_minute")]
        burst: Option<u32>,
        /// No limit.
        #[arg(long, conflicts_with = "requests_per_minute")]
        unlimited: bool,
        /// A limit of one class alone: `write=60`, `write=60/10` with a burst, or `read=unlimited`; may be repeated.
        #[arg(long = "operation-limit", value_name = "CLASS=N[/BURST]", value_parser = operation_limit)]
        operation_limits: Vec<(String, Value)>,
        /// How many requests of each caller an agent gets at once.
        #[arg(long, value_name = "N")]
        max_concurrent: Option<u32>,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Removes one.
    Delete {
        /// Its scope.
        scope: String,
        #[command(flatten)]
        waiting: Waiting,
    },
}

const COLUMNS: [(&str, &str); 4] =
    [("SCOPE", "/scope"), ("AGENTS", "/agents"), ("OPERATIONS", "/operations"), ("LIMIT", "/limit")];

pub(super) async fn run(session: &Session, action: Action, out: &mut Vec<u8>) -> Result<(), CliError> {
    match action {
        Action::List => session.format.list(out, &session.get("/admin/permissions").await?, "permissions", &COLUMNS),
        Action::Get { scope } => session.format.record(out, &session.get(&path(&scope, "")).await?),
        Action::Set {
            scope,
            agents,
            operations,
            requests_per_minute,
            burst,
            unlimited,
            operation_limits,
            max_concurrent,
            waiting,
        } => {
            let limit = match (unlimited, requests_per_minute) {
                (true, _) => json!({"unlimited": true}),
                (false, None) => Value::Null,
                (false, Some(_)) => json!({"requestsPerMinute": requests_per_minute, "burst": burst}),
            };
            let own: Map<String, Value> = operation_limits.into_iter().collect();
            let row = json!({
                "agents": agents,
                "operations": operations,
                "limit": limit,
                "operationLimits": own,
                "maxConcurrent": max_concurrent,
            });
            let answer = session.send(Method::PUT, &path(&scope, waiting.query()), Some(&row)).await?;
            session.format.done(out, &answer, &format!("{scope} grants {}", agents.join(", ")));
        }
        Action::Delete { scope, waiting } => {
            let answer = session.send(Method::DELETE, &path(&scope, waiting.query()), None).await?;
            session.format.done(out, &answer, &format!("{scope} grants nothing any more"));
        }
    }
    Ok(())
}

/// Reads `write=60/10`.
fn operation_limit(text: &str) -> Result<(String, Value), String> {
    let wrong = || format!("{text:?} is not CLASS=N, CLASS=N/BURST or CLASS=unlimited");
    let (class, limit) = text.split_once('=').ok_or_else(wrong)?;
    let limit = match limit.split_once('/') {
        None if limit == "unlimited" => json!({"unlimited": true}),
        None => json!({"requestsPerMinute": limit.parse::<u32>().map_err(|_| wrong())?}),
        Some((rate, burst)) => json!({
            "requestsPerMinute": rate.parse::<u32>().map_err(|_| wrong())?,
            "burst": burst.parse::<u32>().map_err(|_| wrong())?,
        }),
    };
    Ok((class.to_owned(), limit))
}

fn path(scope: &str, rest: &str) -> String {
    format!("/admin/permissions/{}{rest}", super::segment(scope))
}
