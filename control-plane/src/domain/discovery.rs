//! How an agent is found: who may know of it, and where it was found itself.

use url::Url;

/// What a record says about finding its agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentDiscovery {
    /// Who may know of it.
    pub listed: Listed,
    /// The source that proposed it; `None`: an operator registered it.
    pub proposed_by: Option<Url>,
}

/// Who may know of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listed {
    /// Callers who may do something with it.
    #[default]
    Private,
    /// Everyone: it stands in the open catalogue, and its card is served without a token. Calls need one as ever.
    Public,
}

impl Listed {
    /// Every word.
    pub const ALL: [Self; 2] = [Self::Private, Self::Public];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}
