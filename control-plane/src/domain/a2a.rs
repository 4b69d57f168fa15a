//! How an agent's A2A traffic is treated on its way, beyond being let through; and the keys that make this possible.

use std::fmt;

use tollgate_policy::document::{TaskIsolation, WebhooksDocument};

use super::{BackendUrl, SecretText, UnixSeconds};

/// How an agent's traffic is treated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct A2aSettings {
    /// Whether requests in a binding or version that the agent does not speak are translated.
    pub translation: Translation,
    /// Whose tasks a caller sees.
    pub task_isolation: TaskIsolation,
    /// What webhooks callers may register.
    pub webhooks: WebhooksDocument,
    /// Where its gRPC interface is: scheme, host and port. Absent: it has none that callers reach.
    pub grpc: Option<BackendUrl>,
}

/// Whether requests are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Translation {
    /// Where the card does not offer what the client speaks.
    #[default]
    Auto,
    /// Never: what the card does not offer is not found.
    Off,
}

impl Translation {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }
}

/// A key that seals the ids of tasks towards callers. It opens what it sealed for as long as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskKey {
    /// Its number: counted up, never used again.
    pub id: u32,
    /// 32 random bytes, URL-safe base64.
    pub secret: SecretText,
    /// When it was made.
    pub created_at: UnixSeconds,
}

impl fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskKey").field("id", &self.id).field("created_at", &self.created_at).finish_non_exhaustive()
    }
}
