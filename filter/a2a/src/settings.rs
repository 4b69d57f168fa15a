//! The translation's settings: what the control plane publishes, and what the module reads. One strict form, JSON, versioned. It holds
//! keys, so it travels as a secret: hosts do not show it in their configuration dumps.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tollgate_policy::document::{Dialect, Interface, TaskIsolation};

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
    /// Every agent whose requests may need translation.
    #[serde(default)]
    pub agents: Vec<TranslatedAgent>,
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

/// An agent as the translation knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TranslatedAgent {
    /// Its id.
    pub id: String,
    /// What it speaks, the one it prefers first. At least one.
    pub speaks: Vec<Dialect>,
    /// Backend path of its JSON-RPC interface. Absent: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<String>,
    /// Backend path that HTTP+JSON operations are appended to, without a trailing slash. Absent: the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
    /// Whether it is always spoken to as the client speaks: only ids are replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_it_is: bool,
    /// Whose tasks a caller sees.
    #[serde(default, skip_serializing_if = "is_default")]
    pub task_isolation: TaskIsolation,
}

/// Settings in force.
#[derive(Debug)]
pub struct Settings {
    max_body: usize,
    keyring: Keyring,
    agents: HashMap<String, TranslatedAgent>,
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
    /// An agent that is there twice, or speaks nothing. Its index.
    #[error("agents[{0}] is there twice, or speaks nothing")]
    Agent(usize),
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
        let mut agents = HashMap::with_capacity(document.agents.len());
        for (index, agent) in document.agents.into_iter().enumerate() {
            if agent.speaks.is_empty() || agents.insert(agent.id.clone(), agent).is_some() {
                return Err(SettingsError::Agent(index));
            }
        }
        let max_body = usize::try_from(document.max_body_bytes).ok().filter(|bytes| *bytes > 0);
        Ok(Self { max_body: max_body.ok_or(SettingsError::Body)?, keyring, agents })
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

    /// The agent `id`.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<&TranslatedAgent> {
        self.agents.get(id)
    }
}

impl TranslatedAgent {
    /// What to speak with it for a client that speaks `client`: the same if it can, else the same version in the other binding, which
    /// loses nothing, else JSON-RPC, where 0.3 has every operation, else what there is.
    #[must_use]
    pub fn dialect_for(&self, client: Dialect) -> Dialect {
        if self.as_it_is {
            return client;
        }
        let same = |test: &dyn Fn(&Dialect) -> bool| self.speaks.iter().copied().find(|dialect| test(dialect));
        same(&|dialect| *dialect == client)
            .or_else(|| same(&|dialect| dialect.version() == client.version()))
            .or_else(|| same(&|dialect| dialect.interface() == Interface::Rpc))
            .or_else(|| self.speaks.first().copied())
            .unwrap_or(client)
    }

    /// Where an interface is at the backend, without a trailing slash for HTTP+JSON.
    #[must_use]
    pub fn mount(&self, interface: Interface) -> &str {
        match interface {
            Interface::Rpc => self.rpc.as_deref().unwrap_or("/"),
            Interface::Rest => self.rest.as_deref().unwrap_or(""),
        }
    }
}

impl std::fmt::Debug for SettingsDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys.len();
        f.debug_struct("SettingsDocument").field("keys", &keys).field("agents", &self.agents).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for KeyDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDocument").field("id", &self.id).field("secret", &"[redacted]").finish()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{HttpJson1, HttpJson03, JsonRpc1, JsonRpc03};

    const KEY: &str = r#"{"id":"1","secret":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;

    fn parse(agents: &str) -> Result<Settings, String> {
        let text = format!(r#"{{"version":1,"maxBodyBytes":1024,"keys":[{KEY}],"agents":[{agents}]}}"#);
        Settings::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_an_agent() {
        let settings = parse(r#"{"id":"a","speaks":["jsonrpc/1.0"],"rpc":"/x","taskIsolation":"caller"}"#).unwrap();
        let agent = settings.agent("a").unwrap();
        assert_eq!((agent.mount(Interface::Rpc), agent.mount(Interface::Rest)), ("/x", ""));
        assert_eq!((agent.task_isolation, settings.max_body()), (TaskIsolation::Caller, 1024));
    }

    #[test]
    fn speaks_the_clients_dialect_or_the_nearest() {
        let nearest = |speaks: &[Dialect], client| {
            let agent = TranslatedAgent {
                id: "a".into(),
                speaks: speaks.to_vec(),
                rpc: None,
                rest: None,
                as_it_is: false,
                task_isolation: TaskIsolation::None,
            };
            agent.dialect_for(client)
        };
        assert_eq!(nearest(&[JsonRpc1, HttpJson1], HttpJson1), HttpJson1);
        assert_eq!(nearest(&[HttpJson1, JsonRpc1], JsonRpc03), JsonRpc1);
        assert_eq!(nearest(&[HttpJson03, JsonRpc03], HttpJson1), JsonRpc03);
        assert_eq!(nearest(&[JsonRpc03, JsonRpc1], HttpJson1), JsonRpc1);
        assert_eq!(nearest(&[HttpJson03], JsonRpc1), HttpJson03);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse(r#"{"id":"a","speaks":[]}"#).unwrap_err(), "agents[0] is there twice, or speaks nothing");
        assert!(parse(r#"{"id":"a","speaks":["soap/1.2"]}"#).unwrap_err().contains("unknown variant `soap/1.2`"));
        let text = r#"{"version":2,"maxBodyBytes":1,"agents":[]}"#;
        assert_eq!(Settings::parse(text.as_bytes()).unwrap_err().to_string(), "version must be 1");
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
