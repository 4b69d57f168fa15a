//! `tollgate revoke` and `tollgate revocations`.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Connection, Waiting,
    session::{CliError, Session},
};
use crate::domain::UnixSeconds;

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
    #[arg(long, value_name = "TIME", conflicts_with = "for_")]
    until: Option<String>,
    /// How long it holds, by this machine's clock: a number and s, m, h or d, such as 30m.
    #[arg(long = "for", value_name = "DURATION", value_parser = seconds)]
    for_: Option<u64>,
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

/// Longest `--for`, seconds: a hundred years. Whoever means longer leaves it out.
const LONGEST: u64 = 36_525 * 86_400;

/// Reads a duration as seconds: a whole number above zero and its unit.
fn seconds(text: &str) -> Result<u64, String> {
    const FAULT: &str = "must be a number above zero and s, m, h or d, such as 30m";
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, unit) = found.ok_or(FAULT)?;
    // `parse` alone would read a sign.
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FAULT.to_owned());
    }
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).unwrap_or(LONGEST + 1);
    match seconds {
        0 => Err(FAULT.to_owned()),
        1..=LONGEST => Ok(seconds),
        _ => Err("is longer than a hundred years: leave it out".to_owned()),
    }
}

impl Revoke {
    /// When it ends, in either of the forms that the API reads; `now` is this machine's time.
    fn until(&self, now: UnixSeconds) -> Value {
        match self.for_ {
            Some(seconds) => json!(now.saturating_add(seconds)),
            None => json!(self.until),
        }
    }
}

/// The edge of the client commands where time is read.
fn system_clock() -> UnixSeconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) async fn revoke(command: Revoke, out: &mut Vec<u8>) -> Result<(), CliError> {
    let session = Session::open(&command.connection).await?;
    let body = json!({
        "issuer": command.issuer,
        "client": command.client,
        "subject": command.subject,
        "tokenId": command.jti,
        "issuedBefore": command.issued_before,
        "until": command.until(system_clock()),
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, error::ErrorKind};
    use serde_json::json;

    use super::{LONGEST, Revoke, seconds};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        revoke: Revoke,
    }

    fn line(arguments: &str) -> Result<Revoke, clap::Error> {
        let words = ["tollgate", "--client", "ci"].into_iter().chain(arguments.split_whitespace());
        Line::try_parse_from(words).map(|line| line.revoke)
    }

    #[test]
    fn a_duration_ends_so_long_after_now() {
        for (text, expected) in [("1s", 1), ("30m", 1_800), ("012h", 43_200), ("7d", 604_800), ("36525d", LONGEST)] {
            assert_eq!(line(&format!("--for {text}")).unwrap().until(1_000), json!(1_000 + expected), "{text}");
        }
        assert_eq!(line("--until 2999-01-01T00:00:00Z").unwrap().until(1_000), json!("2999-01-01T00:00:00Z"));
        assert_eq!(line("").unwrap().until(1_000), json!(null));
    }

    #[test]
    fn what_is_no_duration_is_refused_before_anything_is_sent() {
        for text in ["", "m", "30", "0m", "-1m", "+1m", "1.5h", "1 h", "30M", "1w", "1h30m", "٣m", "30m "] {
            assert!(seconds(text).unwrap_err().starts_with("must be a number"), "{text:?}");
        }
        for text in ["36526d", "99999999999999999999s", "18446744073709551615d"] {
            assert!(seconds(text).unwrap_err().starts_with("is longer"), "{text}");
        }
        let both = line("--for 30m --until 2999-01-01T00:00:00Z").unwrap_err();
        assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
        assert!(Line::command().render_long_help().to_string().contains("--for <DURATION>"));
    }
}
