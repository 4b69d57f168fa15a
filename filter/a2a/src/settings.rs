//! The translation's settings: what the control plane publishes, and what the module reads. One strict form, JSON, versioned. It holds
//! keys, so it travels as a secret: hosts do not show it in their configuration dumps. Of agents it knows nothing, so that none that comes or
//! goes changes it: each request says what matters of the one it is for (`tollgate_policy::translated`).

use serde::{Deserialize, Serialize};

use crate::ownership::Keyring;

/// The only version of the document there is.
pub const VERSION: u32 = 1;

/// Settings as they are written.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsDocument {
    /// [`VERSION`].
    pub version: u32,
    /// Largest body translated, bytes: of a request, of an answer that is no stream, and of one event of a stream.
    pub max_body_bytes: u32,
    /// What seals ids; the first key seals, the others only open. None: agents that keep their callers' tasks apart answer 503.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyDocument>,
}

/// A key that seals ids.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyDocument {
    /// Letters and digits; part of every id it seals.
    pub id: String,
    /// At least 32 bytes, URL-safe base64 without padding.
    pub secret: String,
}

/// Settings in force.
#[derive(Debug)]
pub struct Settings {
    max_body: usize,
    keyring: Keyring,
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not the JSON it should be.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("version must be {VERSION}")]
    Version,
    /// Zero.
    #[error("maxBodyBytes must be at least 1")]
    Body,
    /// A key.
    #[error(transparent)]
    Keys(#[from] crate::ownership::KeyringError),
}

impl Settings {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SettingsError> {
        Self::compile(serde_json::from_slice(bytes)?)
    }

    /// Compiles a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(document: SettingsDocument) -> Result<Self, SettingsError> {
        if document.version != VERSION {
            return Err(SettingsError::Version);
        }
        let keyring = Keyring::new(document.keys.iter().map(|key| (key.id.as_str(), key.secret.as_str())))?;
        let max_body = usize::try_from(document.max_body_bytes).ok().filter(|bytes| *bytes > 0);
        Ok(Self { max_body: max_body.ok_or(SettingsError::Body)?, keyring })
    }

    /// Largest body translated, bytes.
    #[must_use]
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    /// What seals ids.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

impl std::fmt::Debug for SettingsDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettingsDocument").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for KeyDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDocument").field("id", &self.id).field("secret", &"[redacted]").finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"id":"1","secret":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_settings() {
        assert_eq!(parse(&format!(r#"{{"version":1,"maxBodyBytes":1024,"keys":[{KEY}]}}"#)).unwrap().max_body(), 1024);
    }

    #[test]
    fn says_what_is_wrong() {
        let fault = |text| parse(text).unwrap_err();
        assert_eq!(fault(r#"{"version":2,"maxBodyBytes":1}"#), "version must be 1");
        assert_eq!(fault(r#"{"version":1,"maxBodyBytes":0}"#), "maxBodyBytes must be at least 1");
        assert!(fault(r#"{"version":1,"maxBodyBytes":1,"agents":[]}"#).contains("unknown field `agents`"));
    }

    #[test]
    fn secrets_do_not_show() {
        let document: SettingsDocument =
            serde_json::from_str(&format!(r#"{{"version":1,"maxBodyBytes":1,"keys":[{KEY}]}}"#)).unwrap();
        assert!(
            !format!("{document:?} {:?} {:?}", document.keys, Settings::compile(document.clone())).contains("AAEC")
        );
    }
}
