//! `tollgate agents versions` and `diff`: what became of an agent's card.

use serde_json::Value;

use super::path;
use crate::cli::{
    output::{Format, print},
    session::{CliError, Session},
};

const COLUMNS: [(&str, &str); 5] = [
    ("VERSION", "/version"),
    ("FETCHED", "/fetchedAt"),
    ("SIGNATURE", "/signature/status"),
    ("KEY", "/signature/keyId"),
    ("SHA-256", "/sha256"),
];

pub(super) async fn versions(session: &Session, id: &str, out: &mut Vec<u8>) -> Result<(), CliError> {
    session.format.list(out, &session.get(&path(id, "/card/versions")).await?, "versions", &COLUMNS);
    Ok(())
}

pub(super) async fn diff(
    session: &Session,
    id: &str,
    from: Option<u64>,
    to: Option<u64>,
    out: &mut Vec<u8>,
) -> Result<(), CliError> {
    let given = [("from", from), ("to", to)].into_iter().filter_map(|(name, number)| Some((name, number?)));
    let query: Vec<String> = given.map(|(name, number)| format!("{name}={number}")).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let answer = session.get(&path(id, &format!("/card/diff{mark}{}", query.join("&")))).await?;
    if session.format == Format::Json {
        session.format.record(out, &answer);
        return Ok(());
    }
    let changes = answer["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let says = if changes.is_empty() { "the same" } else { "changed" };
    print(out, &format!("card of {id}, version {} to {}: {says}", answer["from"], answer["to"]));
    changes.iter().flat_map(lines).for_each(|line| print(out, &line));
    Ok(())
}

/// A change as lines: `-` what was, `+` what is, each with its place.
fn lines(change: &Value) -> Vec<String> {
    let pointer = change["pointer"].as_str().filter(|pointer| !pointer.is_empty()).unwrap_or("/");
    let line = |mark: &str, name: &str| change.get(name).map(|value| format!("{mark} {pointer}: {value}"));
    line("-", "before").into_iter().chain(line("+", "after")).collect()
}
