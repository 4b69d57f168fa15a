//! Which requests must be taken apart on their way: those in a dialect the agent does not speak, and all of an agent that keeps its
//! callers' tasks apart. A filter elsewhere does it, told by a header; everything else passes it by.

use std::sync::Arc;

use super::request::Request;
use crate::admission::Rewrite;
use crate::document::{Dialect, HostMode, Interface, ProtocolVersion};
use crate::memory::Pair;
use crate::policy::Agent;

impl Request<'_> {
    /// What becomes of the path of a JSON-RPC call. The body, which names the method, is not read here: the version header decides.
    pub(super) fn rpc_rewrite(&self, agent: &Agent, pair: &Pair, query: &str) -> Rewrite {
        self.translation(agent, pair, Dialect::new(Interface::Rpc, self.announced_version(query)))
            .unwrap_or_else(|| agent.rpc_rewrite(query))
    }

    /// What becomes of the path of an HTTP+JSON call. Its paths tell the versions apart.
    pub(super) fn rest_rewrite(&self, agent: &Agent, pair: &Pair, remainder: &str, query: &str) -> Rewrite {
        let is_v03 = remainder.starts_with("/v1/");
        let version = if is_v03 { ProtocolVersion::V0_3 } else { ProtocolVersion::V1_0 };
        self.translation(agent, pair, Dialect::new(Interface::Rest, version))
            .unwrap_or_else(|| agent.rest_rewrite(remainder, query))
    }

    fn translation(&self, agent: &Agent, pair: &Pair, dialect: Dialect) -> Option<Rewrite> {
        let cluster = agent.translated(dialect).filter(|_| self.policy.gateway().host == HostMode::Gateway)?;
        let mark = agent.mark(dialect.interface(), pair.pseudonym.as_deref());
        Some(Rewrite::Translation(Arc::clone(cluster), mark.written()))
    }

    /// The protocol version the request says it is in (A2A v1.0 section 3.6.1): by header, else by query; none means 0.3.
    fn announced_version(&self, query: &str) -> ProtocolVersion {
        let in_query = || {
            let mut pairs = query.strip_prefix('?')?.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| name.eq_ignore_ascii_case("a2a-version")).map(|(_, value)| value.as_bytes())
        };
        let announced = self.head.version.filter(|text| !text.trim_ascii().is_empty()).or_else(in_query);
        let major = announced.unwrap_or_default().trim_ascii().split(|b| *b == b'.').next().unwrap_or_default();
        let is_v1 = !major.is_empty() && major.iter().all(u8::is_ascii_digit) && major.iter().any(|b| *b != b'0');
        if is_v1 { ProtocolVersion::V1_0 } else { ProtocolVersion::V0_3 }
    }
}
