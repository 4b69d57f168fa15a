//! What the policy's filter, the translation and the host's routes tell one another of a request that is taken apart on its way: headers,
//! which no client can set, and which no backend sees.

use crate::document::Interface;

/// What the translation must know of the request: a [`Mark`].
pub const MARK_HEADER: &str = "x-tollgate-translate";
/// Names the agent's own cluster, behind the translation.
pub const AGENT_HEADER: &str = "x-tollgate-agent";
/// On an answer: why the host gives it in the agent's place, behind the translation (Envoy's response code details).
pub const REPLY_HEADER: &str = "x-tollgate-reply";

/// The version of the mark's form.
const FORM: &str = "2";

/// What is said of a request: `2;{rpc|rest};{agent};{cluster};{pseudonym}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The binding the client speaks.
    pub interface: Interface,
    /// The agent called.
    pub agent: String,
    /// Its cluster.
    pub cluster: String,
    /// The caller's name where tasks are kept apart; empty elsewhere.
    pub pseudonym: String,
}

impl Mark {
    /// The header's value.
    #[must_use]
    pub fn written(&self) -> String {
        let interface = match self.interface {
            Interface::Rpc => "rpc",
            Interface::Rest => "rest",
        };
        format!("{FORM};{interface};{};{};{}", self.agent, self.cluster, self.pseudonym)
    }

    /// Reads a mark. `None`: it is none, and the request must not pass.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let parts: Vec<&str> = std::str::from_utf8(text).ok()?.split(';').collect();
        let [FORM, interface, agent, cluster, pseudonym] = parts.as_slice() else { return None };
        let interface = match *interface {
            "rpc" => Interface::Rpc,
            "rest" => Interface::Rest,
            _ => return None,
        };
        let owned = |text: &&str| (*text).to_owned();
        Some(Self { interface, agent: owned(agent), cluster: owned(cluster), pseudonym: owned(pseudonym) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            is_rpc in any::<bool>(),
            agent in "[a-z0-9-]{1,20}",
            cluster in "[a-z0-9.-]{1,20}",
            pseudonym in "[A-Za-z0-9_-]{0,30}",
        ) {
            let interface = if is_rpc { Interface::Rpc } else { Interface::Rest };
            let mark = Mark { interface, agent, cluster, pseudonym };
            prop_assert_eq!(Mark::read(mark.written().as_bytes()), Some(mark));
        }

        #[test]
        fn arbitrary_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Mark::read(&text);
        }
    }

    #[test]
    fn another_form_is_none() {
        for text in ["1;rpc;a;", "2;rpc;a;c", "2;grpc;a;c;p", "2;rpc;a;c;p;more", ""] {
            assert_eq!(Mark::read(text.as_bytes()), None, "{text}");
        }
    }
}
