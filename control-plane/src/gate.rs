//! Who may use the control plane's own endpoints: the same tokens, judged by the same policy as in Envoy. Here is what the
//! endpoints need to know of a caller; how tokens are verified is the policy crate's.

use std::sync::Arc;

use tollgate_policy::document::RevocationDocument;

use crate::domain::{AgentId, UnixSeconds};

/// A caller with a verified token.
pub trait Visitor: Send + Sync {
    /// Its client id.
    fn client(&self) -> &str;
    /// On whose behalf it calls, if its token says so.
    fn subject(&self) -> Option<&str>;
    /// Whether it holds the admin scope.
    fn is_admin(&self) -> bool;
    /// Whether `revocation` would cut it off.
    fn is_cut_off_by(&self, revocation: &RevocationDocument, now: UnixSeconds) -> bool;
    /// What it may see is decided by this, and by the policy in force.
    fn sight(&self) -> Sight;
    /// The same caller, judged by the policy that is in force now.
    fn renewed(&self) -> Arc<dyn Visitor>;
    /// Whether it may do anything at all with the agent.
    fn may_see(&self, agent: &AgentId) -> bool;
    /// Whether it may say how the agent is.
    fn may_beat(&self, agent: &AgentId) -> bool;
}

/// What decides which agents a caller may see: by one policy, callers with the same sight see the same agents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sight {
    /// The scopes it holds, each once, in order.
    pub scopes: Vec<String>,
}

/// Verifies callers.
pub trait Gate: Send + Sync {
    /// The caller of a request with this `Authorization` header.
    ///
    /// # Errors
    /// Why there is none.
    fn admit(&self, authorization: Option<&[u8]>) -> Result<Arc<dyn Visitor>, Unverified>;
}

/// Why a request has no verified caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unverified {
    /// It carries no credentials at all.
    NoToken,
    /// Its token is not believed.
    BadToken {
        /// For `error_description` (RFC 6750 section 3): ASCII, nothing of the token.
        description: &'static str,
    },
    /// Nothing is published yet, so nobody can be judged.
    NotReady,
}
