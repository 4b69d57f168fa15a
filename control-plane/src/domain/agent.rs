//! An agent's record.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::Value;
use url::Url;

use tollgate_policy::document::{Dialect, TaskIsolation};

use super::{
    A2aSettings, AgentId, AgentStatus, ApplySet, BackendAuth, Card, CardSignatures, CardVersion, CircuitBreaker,
    StatusChange, Timeouts, Translation, UnixSeconds,
};

/// An agent as registered. The card is what was fetched last; the rest is what the operator said.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its id, never changed.
    pub id: AgentId,
    /// Name for people.
    pub name: String,
    /// Description for people and search.
    pub description: String,
    /// What it can do, free words.
    pub capabilities: Vec<String>,
    /// Labels for filters.
    pub tags: Vec<String>,
    /// Skills beyond those of its card.
    pub skills: Vec<Skill>,
    /// Where it runs: at least one.
    pub backends: Vec<Backend>,
    /// Where its card is. Absent: the well-known path under the first backend.
    pub card_url: Option<Url>,
    /// The credential it wants.
    pub auth: BackendAuth,
    /// Path (or URL) that answers while it is well.
    pub health_endpoint: Option<String>,
    /// Heartbeats it promises.
    pub heartbeat: Option<Heartbeat>,
    /// Its own deadlines.
    pub timeouts: Timeouts,
    /// What it is given at once, at most.
    pub circuit_breaker: CircuitBreaker,
    /// How its traffic is treated.
    pub a2a: A2aSettings,
    /// Whether the backend is told who calls.
    pub identity_headers: IdentityHeaders,
    /// How many requests it gets at once from each Envoy; `None`: any number.
    pub max_concurrent: Option<NonZeroU32>,
    /// Where it is in its life.
    pub status: AgentStatus,
    /// How it came there.
    pub status_change: StatusChange,
    /// What is asked of its card.
    pub card_signatures: CardSignatures,
    /// The card fetched last; a bad or vanished card keeps it.
    pub card: Arc<Card>,
    /// The cards before it, oldest first.
    pub earlier_cards: Vec<Arc<CardVersion>>,
    /// Why the last sync failed, if it did.
    pub sync_error: Option<String>,
    /// The set of applied files that made it; `None`: it was registered by itself.
    pub managed_by: Option<ApplySet>,
    /// First registration.
    pub created_at: UnixSeconds,
    /// Last change.
    pub updated_at: UnixSeconds,
}

/// One place an agent runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Scheme, host, port and base path.
    pub url: BackendUrl,
    /// 0 is used first; a higher number only when the lower ones are down.
    pub priority: u32,
    /// Share among backends of the same priority.
    pub weight: NonZeroU32,
}

/// An absolute http or https URL without credentials, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendUrl(Url);

/// Why a URL is no backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackendUrlError {
    /// Does not parse.
    #[error("is not an absolute URL")]
    NotAbsolute,
    /// Neither http nor https.
    #[error("must be http or https")]
    Scheme,
    /// Has user information.
    #[error("must not carry credentials: use authConfig")]
    Credentials,
    /// Has a query or a fragment.
    #[error("must not have a query or a fragment")]
    Extra,
}

/// Backend paths of the interfaces the gateway carries; `None`: the card offers no such interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardPaths {
    /// JSON-RPC: the exact path, `/` at least.
    pub rpc: Option<String>,
    /// HTTP+JSON: what operations are appended to, without a trailing slash, `""` for the root.
    pub rest: Option<String>,
    /// What is spoken at these paths, the card's order of preference.
    pub dialects: Vec<Dialect>,
}

/// A skill in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How to use it.
    pub instructions: String,
    /// Tools it needs.
    pub tools: Vec<String>,
}

/// Heartbeats an agent promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Between beats.
    pub interval: Duration,
    /// How many may be missed.
    pub misses_allowed: u32,
}

/// Whether a backend is told who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityHeaders {
    /// No.
    #[default]
    Withheld,
    /// `x-tollgate-subject` and `x-tollgate-client`.
    Sent,
}

impl Agent {
    /// Whether any of its requests may have to be taken apart on their way: it lacks a binding or version that clients speak, or keeps
    /// their tasks apart. An agent whose card offers nothing over HTTP has nothing to translate.
    #[must_use]
    pub fn needs_translation(&self) -> bool {
        let dialects = &self.card.paths.dialects;
        let is_lacking =
            self.a2a.translation == Translation::Auto && Dialect::ALL.iter().any(|it| !dialects.contains(it));
        !dialects.is_empty() && (is_lacking || self.a2a.task_isolation == TaskIsolation::Caller)
    }
}

impl Agent {
    /// Whether its card speaks of an extended one, and there is a way to ask for it.
    #[must_use]
    pub fn offers_extended_card(&self) -> bool {
        let card = &self.card.document;
        let is_offered = card["capabilities"]["extendedAgentCard"] == Value::Bool(true)
            || card["supportsAuthenticatedExtendedCard"] == Value::Bool(true);
        is_offered && !self.card.paths.dialects.is_empty()
    }
}

impl BackendUrl {
    /// Checks and takes a URL.
    ///
    /// # Errors
    /// Names what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BackendUrlError> {
        let url = Url::parse(text).map_err(|_| BackendUrlError::NotAbsolute)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BackendUrlError::Scheme);
        }
        if !url.has_host() {
            return Err(BackendUrlError::NotAbsolute);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BackendUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BackendUrlError::Extra);
        }
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Its host, without brackets for IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Its port, or the scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Its path without trailing slashes: `""` at the root.
    #[must_use]
    pub fn base_path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }
}
