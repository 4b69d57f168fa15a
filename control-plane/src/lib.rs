//! Tollgate's control plane: registry, admin API, discovery, token issuer and broker, xDS.

pub mod domain;
pub mod outbound;

#[cfg(test)]
mod fake_backend;
