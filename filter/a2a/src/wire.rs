//! What is said on the wire: requests read from one binding and written in another, and answers, errors and events on the way back.
//!
//! [`Call::read`] takes a client's request, [`Call::write`] makes the agent's of it, and the [`Exchange`] that comes with it
//! translates what the agent answers: whole ([`Exchange::unary`]) or event by event ([`Exchange::events`]). Where both sides speak the
//! same dialect, only ids change, if [`Ids`] says so, and everything else stays as it came.

mod answer;
mod call;
mod events;
mod fault;
mod method;
mod rest;
mod sse;
mod write;

use tollgate_policy::document::{Dialect, Interface, ProtocolVersion};

pub use answer::{Answer, Exchange};
pub use call::{Call, Refused, RequestParts};
pub use events::Events;
pub use fault::{too_large, unavailable, unreadable};
pub use write::{Outgoing, VersionHeader};

use crate::convert::{Model, Refusal};
use crate::ownership::IdKind;

/// Whose ids are replaced, and by what.
pub trait Ids {
    /// Whether any are.
    fn is_active(&self) -> bool;
    /// The agent's id for one that the client gave.
    ///
    /// # Errors
    /// When the client was never given it.
    fn inward(&self, kind: IdKind, id: &str) -> Result<String, Refusal>;
    /// The client's id for one that the agent gave.
    ///
    /// # Errors
    /// When it must not be given out.
    fn outward(&self, kind: IdKind, id: &str) -> Result<String, Refusal>;
    /// Whether a listed task in the agent's `context` is the client's.
    fn shows(&self, context: Option<&str>) -> bool;
    /// The agent's context for a send that names neither task nor context.
    fn new_context(&self) -> Option<String>;
}

/// Nobody's: ids pass as they are.
#[derive(Debug, Clone, Copy)]
pub struct NoIds;

impl Ids for NoIds {
    fn is_active(&self) -> bool {
        false
    }

    fn inward(&self, _: IdKind, id: &str) -> Result<String, Refusal> {
        Ok(id.to_owned())
    }

    fn outward(&self, _: IdKind, id: &str) -> Result<String, Refusal> {
        Ok(id.to_owned())
    }

    fn shows(&self, _: Option<&str>) -> bool {
        true
    }

    fn new_context(&self) -> Option<String> {
        None
    }
}

/// The JSON model of a dialect.
fn model(dialect: Dialect) -> Model {
    match (dialect.interface(), dialect.version()) {
        (_, ProtocolVersion::V1_0) => Model::V1,
        (Interface::Rpc, ProtocolVersion::V0_3) => Model::V03Rpc,
        (Interface::Rest, ProtocolVersion::V0_3) => Model::V03Rest,
    }
}
