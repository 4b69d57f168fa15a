//! `tollgate usage`.

use std::{io::Write, time::Duration};

use clap::Args;

use super::{
    Connection,
    session::{CliError, Session},
};

/// Takes the cursor to the top left, and clears what is below it (ECMA-48 CUP and ED).
const REDRAW: &str = "\x1b[H\x1b[J";

/// Shows who calls what: requests of the last minute, the busiest first, and how many were refused.
#[derive(Debug, Args)]
pub struct Usage {
    #[command(flatten)]
    connection: Connection,
    /// Only this caller.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Only calls of this agent.
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Only callers of this issuer.
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    /// Most rows.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Shows it again every so many seconds, until Ctrl-C.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

const COLUMNS: [(&str, &str); 9] = [
    ("CLIENT", "/clientId"),
    ("AGENT", "/agentId"),
    ("OPERATIONS", "/operations"),
    ("PER MINUTE", "/lastMinute/requests"),
    ("LIMIT", "/limit/requestsPerMinute"),
    ("REFUSED", "/lastMinute/refused"),
    ("SHED", "/lastMinute/shed"),
    ("TOTAL", "/total/requests"),
    ("LAST SEEN", "/lastSeen"),
];

pub(super) async fn run(command: Usage, out: &mut Vec<u8>) -> Result<(), CliError> {
    let session = Session::open(&command.connection).await?;
    let path = command.path();
    let Some(seconds) = command.watch else { return show(&session, &path, out).await };
    loop {
        let mut screen = REDRAW.as_bytes().to_vec();
        show(&session, &path, &mut screen).await?;
        let mut terminal = std::io::stdout();
        if terminal.write_all(&screen).and_then(|()| terminal.flush()).is_err() {
            // A reader that has gone away wants no more.
            return Ok(());
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        }
    }
}

async fn show(session: &Session, path: &str, out: &mut Vec<u8>) -> Result<(), CliError> {
    session.format.list(out, &session.get(path).await?, "usage", &COLUMNS);
    Ok(())
}

impl Usage {
    fn path(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("sort", "requests").append_pair("limit", &self.limit.to_string());
        for (name, value) in [("client", &self.client), ("agent", &self.agent), ("issuer", &self.issuer)] {
            query.extend_pairs(value.iter().map(|value| (name, value)));
        }
        format!("/admin/usage?{}", query.finish())
    }
}
