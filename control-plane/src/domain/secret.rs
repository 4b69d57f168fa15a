//! A secret as an operator gives it: the text itself, or where it stands. Neither prints, and neither serialises: `store` seals
//! the text, and no wire form has a field for it.

use std::{fmt, path::PathBuf};

use zeroize::Zeroizing;

/// Secret text. `Debug` prints `[redacted]`; memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Secret {
    /// Given with the record, and sealed at rest.
    Inline(SecretText),
    /// `env:NAME`: the server's environment, read at start.
    Env(String),
    /// `file:PATH`: re-read when the file changes.
    File(PathBuf),
}

impl SecretText {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Secret {
    /// Reads the written form: `env:NAME`, `file:PATH`, anything else is the text itself.
    #[must_use]
    pub fn from_written(text: String) -> Self {
        if let Some(name) = text.strip_prefix("env:") {
            Self::Env(name.to_owned())
        } else if let Some(path) = text.strip_prefix("file:") {
            Self::File(PathBuf::from(path))
        } else {
            Self::Inline(SecretText::new(text))
        }
    }
}
