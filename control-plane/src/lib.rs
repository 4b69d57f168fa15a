//! Tollgate's control plane: registry, admin API, discovery, token issuer and broker, xDS.

pub mod domain;
