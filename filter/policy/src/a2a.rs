//! What an A2A request asks for, in its two HTTP bindings: JSON-RPC, where the body tells ([`jsonrpc`]), and HTTP+JSON, where
//! verb and path tell ([`http_json`]). Both need to know whether a send carries a webhook ([`push`]). gRPC is not carried.

pub mod http_json;
pub mod jsonrpc;
mod media;
pub mod push;

pub use media::{Encoding, MediaType};
