//! Why something cannot be said in the other version: an A2A error, for the binding to tell the client.

/// An A2A error (v1.0 section 5.4, JSON-RPC 2.0 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// Its JSON-RPC code, one of the constants here.
    pub code: i32,
    /// What is wrong, for the client to read. It names members, never quotes values.
    pub message: String,
}

impl Refusal {
    /// Parameters of the wrong shape, or that the agent's version has no place for.
    pub const INVALID_PARAMS: i32 = -32602;
    /// The operation does not exist in the other version.
    pub const UNSUPPORTED_OPERATION: i32 = -32004;
    /// Content that the agent's version has no part for.
    pub const CONTENT_TYPE: i32 = -32005;
    /// An answer of the wrong shape, or that the client's version has no place for.
    pub const INVALID_AGENT_RESPONSE: i32 = -32006;

    /// A refusal with `code`.
    #[must_use]
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
