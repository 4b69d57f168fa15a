//! What the policy's filter, the translation and the host's routes tell one another of a request that is taken apart on its way: headers,
//! which no client can set, and which no backend sees.

use crate::document::{Dialect, Interface};

/// What the translation must know of the request: a [`Mark`].
pub const MARK_HEADER: &str = "x-tollgate-translate";
/// Names the agent's own cluster, behind the translation.
pub const AGENT_HEADER: &str = "x-tollgate-agent";
/// On an answer: why the host gives it in the agent's place, behind the translation (Envoy's response code details).
pub const REPLY_HEADER: &str = "x-tollgate-reply";

/// The version of the mark's form. Filter and translation come from one control plane, each by a resource of its own: while an Envoy has
/// one of them from before an update, what it would translate is answered 503.
const FORM: &str = "3";
/// What is not there.
const ABSENT: &str = "-";

/// What is said of a request: `3 {rpc|rest} {agent} {cluster} {pseudonym} {speaks} {rpc path} {rest path}`, with `-` for what is absent and
/// commas between dialects. None of it has spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The binding the client speaks.
    pub interface: Interface,
    /// The agent called.
    pub agent: String,
    /// Its cluster.
    pub cluster: String,
    /// The caller's name where tasks are kept apart.
    pub pseudonym: Option<String>,
    /// What the agent speaks, the one it prefers first. Empty: what its client speaks, and only ids are replaced.
    pub speaks: Vec<Dialect>,
    /// Backend path of its JSON-RPC interface. Absent: `/`.
    pub rpc: Option<String>,
    /// Backend path that HTTP+JSON operations are appended to, without a trailing slash. Absent: the root.
    pub rest: Option<String>,
}

impl Mark {
    /// The header's value.
    #[must_use]
    pub fn written(&self) -> String {
        let Self { agent, cluster, .. } = self;
        let speaks: Vec<&str> = self.speaks.iter().map(|dialect| dialect.name()).collect();
        let speaks = if speaks.is_empty() { ABSENT.to_owned() } else { speaks.join(",") };
        let [pseudonym, rpc, rest] = [&self.pseudonym, &self.rpc, &self.rest].map(|it| it.as_deref().unwrap_or(ABSENT));
        format!("{FORM} {} {agent} {cluster} {pseudonym} {speaks} {rpc} {rest}", name(self.interface))
    }

    /// Where an interface is at the backend, without a trailing slash for HTTP+JSON.
    #[must_use]
    pub fn mount(&self, interface: Interface) -> &str {
        match interface {
            Interface::Rpc => self.rpc.as_deref().unwrap_or("/"),
            Interface::Rest => self.rest.as_deref().unwrap_or_default(),
        }
    }

    /// Reads a mark. `None`: it is none, and the request must not pass.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let parts: Vec<&str> = std::str::from_utf8(text).ok()?.split(' ').collect();
        let [FORM, interface, agent, cluster, pseudonym, speaks, rpc, rest] = *parts.as_slice() else { return None };
        let present = |text: &str| (text != ABSENT).then(|| text.to_owned());
        Some(Self {
            interface: [Interface::Rpc, Interface::Rest].into_iter().find(|it| name(*it) == interface)?,
            agent: agent.to_owned(),
            cluster: cluster.to_owned(),
            pseudonym: present(pseudonym),
            speaks: match present(speaks) {
                Some(names) => names.split(',').map(Dialect::named).collect::<Option<_>>()?,
                None => Vec::new(),
            },
            rpc: present(rpc),
            rest: present(rest),
        })
    }
}

fn name(interface: Interface) -> &'static str {
    match interface {
        Interface::Rpc => "rpc",
        Interface::Rest => "rest",
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            is_rpc in any::<bool>(),
            (agent, cluster) in ("[a-z0-9-]{1,20}", "[!-~]{1,20}"),
            pseudonym in option::of("[A-Za-z0-9_-]{22}"),
            speaks in subsequence(Dialect::ALL.to_vec(), 0..=4),
            (rpc, rest) in (option::of("/[!-~]{0,20}"), option::of("/[!-~]{0,20}")),
        ) {
            let interface = if is_rpc { Interface::Rpc } else { Interface::Rest };
            let mark = Mark { interface, agent, cluster, pseudonym, speaks, rpc, rest };
            prop_assert_eq!(Mark::read(mark.written().as_bytes()), Some(mark));
        }

        #[test]
        fn arbitrary_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Mark::read(&text);
        }
    }

    #[test]
    fn another_form_is_none() {
        for text in
            ["2;rpc;a;c;p", "2 rpc a c - - - -", "3 grpc a c - - - -", "3 rpc a c - soap - -", "3 rpc a c - - -", ""]
        {
            assert_eq!(Mark::read(text.as_bytes()), None, "{text}");
        }
    }
}
