//! How long an agent's answer is waited for. The host's routes wait; a request tells them by the name of the header that names its
//! cluster, which has to be written anyway: a second header would cost as much as the rest of the admission.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::operation::Operation;

/// Deadlines, milliseconds, that the host's routes have by themselves. Any other costs a request one more header.
pub const ROUTE_DEADLINES_MS: [u64; 2] = [30_000, 300_000];

/// Names the cluster where the route rewrites the path.
const CLUSTER: &str = "x-tollgate-cluster";
/// Names the cluster where the path is the backend's already.
const BACKEND: &str = "x-tollgate-backend";

/// How long a route waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// As long as something is heard now and then: the host's own idle timeout.
    Default,
    /// Until the whole answer is there: milliseconds.
    Deadline(u64),
    /// As long as something is heard within these milliseconds.
    Idle(u64),
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Once, and within the agent's deadline.
    Call,
    /// With a stream, which has no deadline.
    Stream,
}

/// The headers that lead to a route that waits so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    cluster_header: Box<str>,
    backend_header: Box<str>,
    timeout_ms: Option<u64>,
}

/// All agents' lanes: those that wait as long have the same.
#[derive(Debug, Default)]
pub(crate) struct Shared(BTreeMap<(Option<u64>, Option<u64>), Lanes>);

/// An agent's lanes.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    call: Arc<Lane>,
    stream: Arc<Lane>,
}

impl Wait {
    /// The header that leads to the route of this wait which rewrites the path.
    #[must_use]
    pub fn cluster_header(self) -> String {
        format!("{CLUSTER}{}", self.suffix())
    }

    /// The header that leads to the route of this wait which leaves the path as it is.
    #[must_use]
    pub fn backend_header(self) -> String {
        format!("{BACKEND}{}", self.suffix())
    }

    fn suffix(self) -> String {
        match self {
            Self::Default => String::new(),
            Self::Deadline(milliseconds) => format!("-within-{milliseconds}"),
            Self::Idle(milliseconds) => format!("-idle-{milliseconds}"),
        }
    }
}

impl Pace {
    /// How `operation` is answered.
    pub(crate) fn of(operation: Operation) -> Self {
        if operation.is_streaming() { Self::Stream } else { Self::Call }
    }
}

impl Lane {
    fn new(wait: Wait, timeout_ms: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            cluster_header: wait.cluster_header().into(),
            backend_header: wait.backend_header().into(),
            timeout_ms,
        })
    }

    /// Names the cluster where the route rewrites the path.
    #[must_use]
    pub fn cluster_header(&self) -> &str {
        &self.cluster_header
    }

    /// Names the cluster where the path is the backend's already.
    #[must_use]
    pub fn backend_header(&self) -> &str {
        &self.backend_header
    }

    /// A deadline the route does not have by itself, milliseconds (`x-envoy-upstream-rq-timeout-ms`).
    #[must_use]
    pub fn timeout_ms(&self) -> Option<u64> {
        self.timeout_ms
    }
}

impl Shared {
    /// [`Lanes::new`], or what it made before.
    pub(crate) fn lanes(&mut self, deadline_ms: Option<u64>, idle_ms: Option<u64>) -> Lanes {
        self.0.entry((deadline_ms, idle_ms)).or_insert_with(|| Lanes::new(deadline_ms, idle_ms)).clone()
    }
}

impl Lanes {
    /// The lanes of an agent that answers calls within `deadline_ms` and is never silent for `idle_ms` in a stream.
    fn new(deadline_ms: Option<u64>, idle_ms: Option<u64>) -> Self {
        let call = match deadline_ms {
            Some(milliseconds) if ROUTE_DEADLINES_MS.contains(&milliseconds) => {
                Lane::new(Wait::Deadline(milliseconds), None)
            }
            other => Lane::new(Wait::Default, other),
        };
        Self { call, stream: Lane::new(idle_ms.map_or(Wait::Default, Wait::Idle), None) }
    }

    /// The lane of a request that is answered so.
    pub(crate) fn of(&self, pace: Pace) -> &Arc<Lane> {
        match pace {
            Pace::Call => &self.call,
            Pace::Stream => &self.stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_a_route_has_costs_no_header() {
        let lanes = Lanes::new(Some(30_000), None);
        let (call, stream) = (lanes.of(Pace::Call), lanes.of(Pace::Stream));
        assert_eq!((call.cluster_header(), call.timeout_ms()), ("x-tollgate-cluster-within-30000", None));
        assert_eq!((stream.backend_header(), stream.timeout_ms()), ("x-tollgate-backend", None));
    }

    #[test]
    fn any_other_deadline_is_told_and_streams_have_none() {
        let lanes = Lanes::new(Some(1_000), Some(90_000));
        let (call, stream) = (lanes.of(Pace::Call), lanes.of(Pace::Stream));
        assert_eq!((call.cluster_header(), call.timeout_ms()), ("x-tollgate-cluster", Some(1_000)));
        assert_eq!((stream.cluster_header(), stream.timeout_ms()), ("x-tollgate-cluster-idle-90000", None));
    }
}
