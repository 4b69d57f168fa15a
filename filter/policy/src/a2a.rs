//! What an A2A request asks for, in its three bindings: JSON-RPC, where the body tells ([`jsonrpc`]), HTTP+JSON, where verb and
//! path tell ([`http_json`]), and gRPC, where path and host do ([`grpc`]). All need to know what webhooks a body carries ([`push`]),
//! and which may be registered ([`webhook`]).

pub mod grpc;
pub mod http_json;
pub mod jsonrpc;
mod media;
pub mod push;
pub mod webhook;

pub use media::{Encoding, MediaType};
