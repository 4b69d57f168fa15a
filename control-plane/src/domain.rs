//! What the registry holds, as values that are well formed by construction. No store, no wire, no clock: stored and wire forms
//! are their own types, in `store` and `admin`.

mod a2a;
mod agent;
mod apply_set;
mod auth;
mod card;
mod changes;
mod client;
mod discovery;
mod generation;
mod health;
mod issuer;
mod lifecycle;
mod pace;
mod permission;
mod registry;
mod revocation;
mod secret;
pub mod time;
mod vector;

pub use a2a::{A2aSettings, TaskKey, TaskKeyError, TaskKeyId, Translation};
pub use agent::{Agent, Backend, BackendUrl, BackendUrlError, CardPaths, Heartbeat, IdentityHeaders, Skill};
pub use apply_set::ApplySet;
pub use auth::{BackendAuth, OAuthClient, TokenAuthMethod};
pub use card::{
    CARD_VERSIONS, Card, CardForm, CardKeySource, CardSignatures, CardVersion, SignatureOutcome, SignaturePolicy,
    VerifiedSignature,
};
pub use changes::AgentChanges;
pub use client::{Client, ClientId, ClientIdError, ClientSecretHash};
pub use discovery::{AgentDiscovery, Listed};
pub use generation::Generation;
pub use health::{HealthCheck, HealthEndpointError, HealthTarget, Standing};
pub use issuer::{ExternalIssuer, JwksSource, SigningAlgorithm, SigningKey};
pub use lifecycle::{AgentStatus, ChangedBy, StatusChange, TransitionError};
pub use pace::{CircuitBreaker, Timeouts, millis};
pub use permission::Permission;
pub use registry::Registry;
pub use revocation::{Revocation, RevocationId, RevocationIdError};
pub use secret::{Secret, SecretText};
pub use tollgate_policy::ids::{AgentId, Scope};
pub use vector::{TextDigest, Vector};

/// Seconds since the epoch (UTC).
pub type UnixSeconds = u64;
