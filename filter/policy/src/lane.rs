//! How long an agent's answer is waited for. The host's routes wait, and a request names its route. The most common route is named by
//! naming no other: then one header is enough, and a second one would cost as much as the rest of the admission.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::operation::Operation;

/// Where a request goes: the name of a route, or, by the most common route, of a cluster. Without it the host has no route at all, so that
/// it looks for none before the filter has decided.
pub const ROUTE_HEADER: &str = "x-tollgate-route";
/// The name of the cluster, where [`ROUTE_HEADER`] has the route's.
pub const CLUSTER_HEADER: &str = "x-tollgate-cluster";
/// The route to the control plane.
pub const TO_CONTROL_PLANE: &str = "control-plane";

/// Deadlines, milliseconds, that the host's routes have by themselves. Any other costs a request one more header.
pub const ROUTE_DEADLINES_MS: [u64; 2] = [MOST_COMMON_MS, 300_000];
/// The deadline of the most common route.
const MOST_COMMON_MS: u64 = 30_000;

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

/// Who makes the backend's path of the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackendPath {
    /// The route, which takes `/agents/{id}` off.
    Rewritten,
    /// The filter did: the route leaves it as it is.
    Kept,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Once, and within the agent's deadline.
    Call,
    /// With a stream, which has no deadline.
    Stream,
}

/// The routes that wait so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    rewritten: Option<Box<str>>,
    kept: Option<Box<str>>,
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
    /// The name of the route that waits so; `None`: it is the most common one, which needs none. No cluster has such a name: they begin
    /// with `agent-`.
    #[must_use]
    pub fn route(self, path: BackendPath) -> Option<String> {
        let kind = match path {
            BackendPath::Rewritten => "rewritten",
            BackendPath::Kept => "kept",
        };
        match self {
            Self::Deadline(MOST_COMMON_MS) if path == BackendPath::Rewritten => None,
            Self::Default => Some(kind.to_owned()),
            Self::Deadline(milliseconds) => Some(format!("{kind}-within-{milliseconds}")),
            Self::Idle(milliseconds) => Some(format!("{kind}-idle-{milliseconds}")),
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
        let route = |path| wait.route(path).map(Into::into);
        Arc::new(Self { rewritten: route(BackendPath::Rewritten), kept: route(BackendPath::Kept), timeout_ms })
    }

    /// [`Wait::route`].
    #[must_use]
    pub fn route(&self, path: BackendPath) -> Option<&str> {
        match path {
            BackendPath::Rewritten => self.rewritten.as_deref(),
            BackendPath::Kept => self.kept.as_deref(),
        }
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
        assert_eq!((call.route(BackendPath::Rewritten), call.timeout_ms()), (None, None));
        assert_eq!(call.route(BackendPath::Kept), Some("kept-within-30000"));
        assert_eq!((stream.route(BackendPath::Rewritten), stream.timeout_ms()), (Some("rewritten"), None));
    }

    #[test]
    fn any_other_deadline_is_told_and_streams_have_none() {
        let lanes = Lanes::new(Some(1_000), Some(90_000));
        let (call, stream) = (lanes.of(Pace::Call), lanes.of(Pace::Stream));
        assert_eq!((call.route(BackendPath::Rewritten), call.timeout_ms()), (Some("rewritten"), Some(1_000)));
        assert_eq!((stream.route(BackendPath::Kept), stream.timeout_ms()), (Some("kept-idle-90000"), None));
    }
}
