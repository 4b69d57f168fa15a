//! Tollgate's control plane: registry, admin API, discovery, token issuer and broker, xDS.

pub mod admin;
pub mod app;
pub mod backup;
pub mod bootstrap;
pub mod broker;
pub mod card_sync;
pub mod cards;
pub mod cli;
pub mod config;
pub mod discovery;
pub mod domain;
pub mod gate;
pub mod health;
pub mod issuer;
pub mod log;
pub mod model_command;
pub mod outbound;
pub mod quota;
pub mod reconciler;
pub mod revocation_expiry;
pub mod search;
pub mod secrets;
pub mod sources;
pub mod store;
pub mod strict_json;
pub mod xds;

#[cfg(test)]
mod fake_backend;
