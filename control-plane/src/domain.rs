//! What the registry holds, as values that are well formed by construction. No store, no wire, no clock: stored and wire forms
//! are their own types, in `store` and `admin`.

mod a2a;
mod agent;
mod auth;
mod card;
mod client;
mod generation;
mod issuer;
mod permission;
mod registry;
mod revocation;
mod secret;
mod vector;

pub use a2a::{A2aSettings, TaskKey, TaskKeyError, TaskKeyId, Translation};
pub use agent::{
    Agent, AgentStatus, Backend, BackendUrl, BackendUrlError, CardPaths, Heartbeat, IdentityHeaders, Skill, Timeouts,
};
pub use auth::{BackendAuth, OAuthClient, TokenAuthMethod};
pub use card::{
    CARD_VERSIONS, Card, CardForm, CardKeySource, CardSignatures, CardVersion, SignatureOutcome, SignaturePolicy,
    VerifiedSignature,
};
pub use client::{Client, ClientId, ClientIdError, ClientSecretHash};
pub use generation::Generation;
pub use issuer::{ExternalIssuer, JwksSource, SigningAlgorithm, SigningKey};
pub use permission::Permission;
pub use registry::Registry;
pub use revocation::{Revocation, RevocationId, RevocationIdError};
pub use secret::{Secret, SecretText};
pub use tollgate_policy::ids::{AgentId, Scope};
pub use vector::{TextDigest, Vector};

/// Seconds since the epoch (UTC).
pub type UnixSeconds = u64;
