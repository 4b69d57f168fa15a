//! The names that cross module borders: agent ids and scopes. Each has one fallible constructor; past it, a value is well formed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest agent id, in bytes. With its prefix it is a cluster name and a DNS label.
pub const MAX_AGENT_ID: usize = 63;
/// Longest scope name, in bytes.
pub const MAX_SCOPE: usize = 256;

/// An agent's id: `[a-z0-9][a-z0-9-]{0,62}`, one whole path segment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId(Box<str>);

/// A scope as it stands in a token: RFC 6749 section 3.3 `scope-token`, compared whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Box<str>);

/// Why a string is not the name it was offered as. The message names the rule, never the value's secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an agent id.
    #[error("must match [a-z0-9][a-z0-9-]{{0,62}}: lower-case letters, digits and hyphens, not starting with a hyphen")]
    AgentId,
    /// Not a scope.
    #[error("must be 1 to 256 printable ASCII characters without space, '\"' or '\\' (RFC 6749 section 3.3)")]
    Scope,
}

impl AgentId {
    /// Whether `text` is a well-formed agent id.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let bytes = text.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        bytes.len() <= MAX_AGENT_ID && bytes.first().is_some_and(|b| *b != b'-') && bytes.iter().all(inner)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for AgentId {
    type Error = NameError;
    fn try_from(text: &str) -> Result<Self, NameError> {
        if Self::is_valid(text) { Ok(Self(text.into())) } else { Err(NameError::AgentId) }
    }
}

impl TryFrom<String> for AgentId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::try_from(text.as_str())
    }
}

impl Scope {
    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Scope {
    type Error = NameError;
    fn try_from(text: &str) -> Result<Self, NameError> {
        let token = |b: &u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !text.is_empty() && text.len() <= MAX_SCOPE && text.as_bytes().iter().all(token) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Scope)
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::try_from(text.as_str())
    }
}

macro_rules! text_like {
    ($($name:ident),*) => {$(
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}
text_like!(AgentId, Scope);
