//! Which applied file made a record.

use std::fmt;

use serde::Serialize;

/// A name that several applied files share: what one of them made and none names any more can be pruned, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ApplySet(String);

impl ApplySet {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ApplySet {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl TryFrom<&str> for ApplySet {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=63).contains(&text.len()) && text.bytes().all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 63 of a-z, 0-9 and -")
        }
    }
}

impl fmt::Display for ApplySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
