//! A cell of the matrix: one operation of one client, in one binding, with one agent, and what came of it.

use serde_json::Value;

/// The operations, in the order in which each client does them.
pub(super) const OPERATIONS: [&str; 11] = [
    "send",
    "stream",
    "get",
    "list",
    "cancel",
    "subscribe",
    "push_create",
    "push_get",
    "push_list",
    "push_delete",
    "extended_card",
];

/// What came of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It did what it is for.
    Passed,
    /// A stated error: an A2A or JSON-RPC code, or the status of HTTP or gRPC where the client shows no more.
    Refused(i64),
    /// The client cannot say it; why.
    Inexpressible(String),
    /// Neither; what the client made of it.
    Failed(String),
}

/// One cell.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) client: &'static str,
    pub(super) binding: String,
    pub(super) agent: String,
    pub(super) outcome: Outcome,
}

impl Cell {
    /// A cell from a client's JSON line (`tests/peers/cells.py`).
    pub(super) fn read(client: &'static str, line: &str) -> Self {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{client}: {error}: {line}"));
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let outcome = match line["outcome"].as_str() {
            Some("passed") => Outcome::Passed,
            Some("refused") => Outcome::Refused(line["code"].as_i64().expect("a code")),
            Some("inexpressible") => Outcome::Inexpressible(text("why")),
            _ => Outcome::Failed(text("why")),
        };
        Self { client, binding: text("binding"), agent: text("agent"), outcome }
    }
}
