//! An agent's status as stored in its record: the word, who, when and why; and which applied file made a record.

use serde::{Deserialize, Serialize};

use crate::domain::{AgentStatus, ApplySet, ChangedBy, StatusChange, UnixSeconds};

/// Part of an agent's record. Records from before it have `active` instead.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredStatus {
    word: String,
    by: Option<StoredCaller>,
    at: UnixSeconds,
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCaller {
    client: String,
    subject: Option<String>,
}

impl StoredStatus {
    pub(super) fn new(status: AgentStatus, change: &StatusChange) -> Self {
        let by = match &change.by {
            ChangedBy::System => None,
            ChangedBy::Caller { client, subject } => {
                Some(StoredCaller { client: client.clone(), subject: subject.clone() })
            }
        };
        Self { word: status.as_str().to_owned(), by, at: change.at, reason: change.reason.clone() }
    }

    pub(super) fn into_domain(self) -> Result<(AgentStatus, StatusChange), String> {
        let status = AgentStatus::try_from(self.word.as_str()).map_err(|error| format!("status {error}"))?;
        let caller = |StoredCaller { client, subject }| ChangedBy::Caller { client, subject };
        let by = self.by.map_or(ChangedBy::System, caller);
        Ok((status, StatusChange { by, at: self.at, reason: self.reason }))
    }
}

/// The status of a record, which has one or, from before there were more than two, says whether it is active.
pub(super) fn read(stored: Option<StoredStatus>, active: Option<bool>) -> Result<(AgentStatus, StatusChange), String> {
    match (stored, active) {
        (Some(stored), _) => stored.into_domain(),
        (None, Some(true)) => Ok((AgentStatus::Active, StatusChange::default())),
        (None, Some(false)) => Ok((AgentStatus::Inactive, StatusChange::default())),
        (None, None) => Err("has no status".to_owned()),
    }
}

/// The set of applied files that made a record; records from before there were any have none.
pub(super) fn managed_by(stored: Option<String>) -> Result<Option<ApplySet>, String> {
    let set = stored.map(|text| ApplySet::try_from(text.as_str())).transpose();
    set.map_err(|error| format!("managed_by {error}"))
}
