//! Where an agent is in its life, who put it there, and which way it may go on.

use super::{Agent, UnixSeconds};

/// Where an agent is in its life. Only an active one is called, listed, or known to callers at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AgentStatus {
    /// Being written: nobody has asked for it to be let in.
    Draft,
    /// Waits for somebody to approve of it.
    Pending,
    /// Called and listed.
    #[default]
    Active,
    /// Neither, until made active again.
    Inactive,
    /// Neither, for good: the record is kept for those who ask what it was.
    Retired,
}

/// How the status came about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusChange {
    /// Who changed it.
    pub by: ChangedBy,
    /// When. 0: before that was kept.
    pub at: UnixSeconds,
    /// What they said about it.
    pub reason: Option<String>,
}

/// Who changed something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ChangedBy {
    /// The gateway itself, or nobody knows any more.
    #[default]
    System,
    /// A caller of the admin API, as its verified token says.
    Caller {
        /// The client.
        client: String,
        /// On whose behalf, if the token says so.
        subject: Option<String>,
    },
}

/// A change of status that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// Nothing comes after retirement.
    #[error("is retired, which is for good: delete it, and its id can be registered anew")]
    Retired,
    /// There is no way from here to there.
    #[error("cannot go from {} to {}: from {} it goes to {}", .from.as_str(), .to.as_str(), .from.as_str(), names(.from.next()))]
    NoWay {
        /// Where it is.
        from: AgentStatus,
        /// Where it was to go.
        to: AgentStatus,
    },
}

impl AgentStatus {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Pending, Self::Active, Self::Inactive, Self::Retired];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Retired => "retired",
        }
    }

    /// Where it may go from here. What was let in once does not become a draft again, and what is retired stays so.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Pending, Self::Active, Self::Retired],
            Self::Pending => &[Self::Draft, Self::Active, Self::Inactive, Self::Retired],
            Self::Active => &[Self::Inactive, Self::Retired],
            Self::Inactive => &[Self::Active, Self::Retired],
            Self::Retired => &[],
        }
    }

    /// Whether it may go there; staying is always allowed.
    ///
    /// # Errors
    /// Why not.
    pub fn check(self, to: Self) -> Result<(), TransitionError> {
        match self {
            _ if self == to || self.next().contains(&to) => Ok(()),
            Self::Retired => Err(TransitionError::Retired),
            from => Err(TransitionError::NoWay { from, to }),
        }
    }
}

impl TryFrom<&str> for AgentStatus {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let named = Self::ALL.into_iter().find(|status| status.as_str() == text);
        named.ok_or("must be one of draft, pending, active, inactive, retired")
    }
}

impl Agent {
    /// Whether it is called and listed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == AgentStatus::Active
    }

    /// The same in another status; the same in all where it is in that status already.
    ///
    /// # Errors
    /// It may not go there from where it is.
    pub fn moved_to(self, status: AgentStatus, change: StatusChange) -> Result<Self, TransitionError> {
        self.status.check(status)?;
        if self.status == status {
            return Ok(self);
        }
        Ok(Self { status, updated_at: change.at, status_change: change, ..self })
    }
}

fn names(of: &[AgentStatus]) -> String {
    of.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::BackendAuth, xds::fixtures};

    fn change(at: UnixSeconds) -> StatusChange {
        StatusChange { at, ..StatusChange::default() }
    }

    #[test]
    fn the_ways_through_a_life_are_these() {
        let way = |from: AgentStatus| format!("{} -> {}", from.as_str(), names(from.next()));
        let ways: Vec<String> = AgentStatus::ALL.into_iter().map(way).collect();
        assert_eq!(
            ways,
            [
                "draft -> pending, active, retired",
                "pending -> draft, active, inactive, retired",
                "active -> inactive, retired",
                "inactive -> active, retired",
                "retired -> ",
            ]
        );
        for status in AgentStatus::ALL {
            assert_eq!(status.check(status), Ok(()));
            assert_eq!(AgentStatus::try_from(status.as_str()), Ok(status));
        }
    }

    #[test]
    fn a_refusal_says_where_one_could_go() {
        let refusal = AgentStatus::Active.check(AgentStatus::Draft).unwrap_err();
        assert_eq!(refusal.to_string(), "cannot go from active to draft: from active it goes to inactive, retired");
        let refusal = AgentStatus::Retired.check(AgentStatus::Active).unwrap_err();
        assert_eq!(refusal.to_string(), "is retired, which is for good: delete it, and its id can be registered anew");
    }

    #[test]
    fn staying_keeps_who_and_when() {
        let agent = fixtures::agent("a", &["http://a.example"], BackendAuth::None);
        let gone = agent.moved_to(AgentStatus::Inactive, change(5)).unwrap();
        let still = gone.clone().moved_to(AgentStatus::Inactive, change(9)).unwrap();
        assert_eq!((&still, still.status_change.at, still.is_active()), (&gone, 5, false));
    }
}
