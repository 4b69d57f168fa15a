//! Tollgate's control plane: registry, admin API, discovery, token issuer and broker, xDS.

pub mod bootstrap;
pub mod broker;
pub mod config;
pub mod domain;
#[cfg(test)]
mod fake_backend;
pub mod outbound;

pub mod secrets;
pub mod store;
pub mod xds;
