//! Which way a value goes: from or to the hub, to or from which 0.3 model, as a request or as a result.

use super::refusal::Refusal;

/// The two models of 0.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    /// The JSON schema of 0.3: `kind`, lower-case states.
    Rpc,
    /// ProtoJSON of package `a2a.v1`.
    Rest,
}

/// The end of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    /// From 0.3 to the hub.
    Hub,
    /// From the hub to 0.3.
    Older,
}

/// What travels, which decides what its faults are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cargo {
    /// From the client to the agent.
    Request,
    /// From the agent to the client.
    Result,
}

/// A way between the hub and a 0.3 model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) older: Older,
    pub(super) towards: Towards,
    pub(super) cargo: Cargo,
}

impl Way {
    #[cfg(test)]
    pub(super) const TEST: Self = Self { older: Older::Rpc, towards: Towards::Hub, cargo: Cargo::Request };

    /// The refusal of something that has the wrong shape, or that the other version has no place for.
    pub(super) fn malformed(self, message: impl Into<String>) -> Refusal {
        let code = match self.cargo {
            Cargo::Request => Refusal::INVALID_PARAMS,
            Cargo::Result => Refusal::INVALID_AGENT_RESPONSE,
        };
        Refusal::new(code, message)
    }

    /// The refusal of content that the other version has no part for.
    pub(super) fn content(self, message: impl Into<String>) -> Refusal {
        let code = match self.cargo {
            Cargo::Request => Refusal::CONTENT_TYPE,
            Cargo::Result => Refusal::INVALID_AGENT_RESPONSE,
        };
        Refusal::new(code, message)
    }

    /// What is spoken at the end of the way, for a client to read.
    pub(super) fn target(self) -> &'static str {
        match (self.towards, self.older) {
            (Towards::Hub, _) => "1.0",
            (Towards::Older, Older::Rpc) => "0.3 over JSON-RPC",
            (Towards::Older, Older::Rest) => "0.3 over HTTP+JSON",
        }
    }
}
