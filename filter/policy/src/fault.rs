//! Faults of a policy document, each with the JSON path it stands at, so that whoever wrote the document can find it.
//! Collected, not returned one by one: an operator sees every fault of a document at once.

use std::fmt;

/// One fault of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// Where in the document, e.g. `issuers[0].jwks.keys[2].n`. Empty for the document as a whole.
    pub path: String,
    /// What is wrong there, in plain words. Never holds a secret.
    pub message: String,
}

/// Everything that is wrong with a document; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// In the document's order.
    pub faults: Vec<ConfigFault>,
}

impl ConfigFault {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigFault> for ConfigError {
    fn from(fault: ConfigFault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl From<Vec<ConfigFault>> for ConfigError {
    fn from(faults: Vec<ConfigFault>) -> Self {
        Self { faults }
    }
}
