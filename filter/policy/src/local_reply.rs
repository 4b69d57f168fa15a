//! Why the host answers in an agent's place: it reached no backend, or heard nothing of it in time. The host has words of its own for that
//! (Envoy's response code details), in plain text that no A2A client reads; callers are told in their binding.

/// Why the host answers in an agent's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalReply {
    /// None of the agent's backends is well.
    NoHealthyBackend,
    /// No connection to a backend came about, and no other was to be had: the request was not sent.
    Unreachable,
    /// The agent's circuit breaker is open: the request was not sent.
    Overflow,
    /// There is no credential for the backend: the request was not sent.
    NoCredential,
    /// The connection broke before there was an answer. Whether the agent had begun is unknown.
    Broken,
    /// The agent did not answer in time.
    Timeout,
}

impl LocalReply {
    /// Statuses that are worth a look at the details.
    #[must_use]
    pub fn is_possible(status: u64) -> bool {
        matches!(status, 502..=504)
    }

    /// What `details` (Envoy's response code details) say of an answer with `status`; `None`: it is the agent's own.
    #[must_use]
    pub fn read(status: u64, details: &[u8]) -> Option<Self> {
        if !Self::is_possible(status) {
            return None;
        }
        let has = |part: &[u8]| details.windows(part.len()).any(|window| window == part);
        Some(match details {
            // The agent's answer; without details, nobody knows whose it is.
            b"via_upstream" | b"" | b"-" => return None,
            b"no_healthy_upstream" | b"cluster_not_found" => Self::NoHealthyBackend,
            b"failed_to_inject_credential" => Self::NoCredential,
            _ if status == 504 => Self::Timeout,
            _ if has(b"{overflow") => Self::Overflow,
            _ if has(b"connection_failure") || has(b"connection_timeout") => Self::Unreachable,
            _ => Self::Broken,
        })
    }

    /// Words for people.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::NoHealthyBackend => "none of the agent's backends is healthy: try again",
            Self::Unreachable => "the agent cannot be reached, and the request was not sent: try again",
            Self::Overflow => "too many requests are under way at this agent, and the request was not sent: try again",
            Self::NoCredential => "the gateway has no credential for this agent: its operator must look at it",
            Self::Broken => "the connection to the agent broke before it answered: whether it acted is unknown",
            Self::Timeout => "the agent did not answer within its deadline: whether it acted is unknown",
        }
    }

    /// Seconds after which the same request may pass. None where it may have been acted on: repeating it is the caller's decision.
    pub(crate) fn retry_after(self) -> Option<u64> {
        match self {
            Self::NoHealthyBackend | Self::Unreachable => Some(5),
            Self::Overflow => Some(1),
            Self::NoCredential => Some(30),
            Self::Broken | Self::Timeout => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tells_the_hosts_answers_from_the_agents() {
        for (status, details, reply) in [
            (503, "via_upstream", None),
            (503, "", None),
            (200, "no_healthy_upstream", None),
            (503, "no_healthy_upstream", Some(LocalReply::NoHealthyBackend)),
            (503, "cluster_not_found", Some(LocalReply::NoHealthyBackend)),
            (503, "upstream_reset_before_response_started{overflow}", Some(LocalReply::Overflow)),
            (
                503,
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
                Some(LocalReply::Unreachable),
            ),
            (503, "upstream_reset_before_response_started{connection_timeout}", Some(LocalReply::Unreachable)),
            (503, "upstream_reset_before_response_started{connection_termination}", Some(LocalReply::Broken)),
            (502, "failed_to_inject_credential", Some(LocalReply::NoCredential)),
            (502, "upstream_reset_before_response_started{protocol_error}", Some(LocalReply::Broken)),
            (504, "response_timeout", Some(LocalReply::Timeout)),
            (504, "stream_idle_timeout", Some(LocalReply::Timeout)),
        ] {
            assert_eq!(LocalReply::read(status, details.as_bytes()), reply, "{status} {details}");
        }
    }

    #[test]
    fn only_what_was_not_sent_is_to_be_sent_again() {
        assert!(LocalReply::Broken.retry_after().is_none() && LocalReply::Timeout.retry_after().is_none());
        assert!(LocalReply::Unreachable.retry_after().is_some());
    }

    proptest! {
        #[test]
        fn any_details_are_read(status in any::<u64>(), details in prop::collection::vec(any::<u8>(), 0..80)) {
            let reply = LocalReply::read(status, &details);
            prop_assert!(reply.is_none() || LocalReply::is_possible(status));
        }
    }
}
