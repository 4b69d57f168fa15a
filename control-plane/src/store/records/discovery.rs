//! How an agent is found, as stored in its record.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::{AgentDiscovery, Listed};

/// Part of an agent's record; records from before it have none.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoredDiscovery {
    public: bool,
    proposed_by: Option<Url>,
}

impl From<&AgentDiscovery> for StoredDiscovery {
    fn from(discovery: &AgentDiscovery) -> Self {
        Self { public: discovery.listed == Listed::Public, proposed_by: discovery.proposed_by.clone() }
    }
}

impl From<StoredDiscovery> for AgentDiscovery {
    fn from(stored: StoredDiscovery) -> Self {
        let listed = if stored.public { Listed::Public } else { Listed::Private };
        Self { listed, proposed_by: stored.proposed_by }
    }
}
