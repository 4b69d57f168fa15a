//! What the filter says of a request in `x-tollgate-translate`: `1;{rpc|rest};{agent};{pseudonym}`. No client can have written it.

use tollgate_policy::document::Interface;

/// A mark, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The binding the client speaks.
    pub(crate) interface: Interface,
    /// The agent called.
    pub(crate) agent: String,
    /// The caller's name where tasks are kept apart; empty elsewhere.
    pub(crate) pseudonym: String,
}

impl Mark {
    /// Reads a mark. `None`: it is none, and the request must not pass.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.split(';');
        let (form, interface, agent, pseudonym) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let interface = match interface {
            "rpc" => Interface::Rpc,
            "rest" => Interface::Rest,
            _ => return None,
        };
        let is_whole = form == "1" && parts.next().is_none();
        is_whole.then(|| Self { interface, agent: agent.to_owned(), pseudonym: pseudonym.to_owned() })
    }
}
