//! What the embedded issuer says of itself: server metadata (RFC 8414) and its key set (RFC 7517 section 5).

use serde_json::{Value, json};

use super::keys::jws_name;
use crate::{
    config::{EmbeddedIssuer, PublicUrl},
    domain::Registry,
};

/// The token endpoint's path.
pub(super) const TOKEN_PATH: &str = "/oauth2/token";
/// The key set's path.
pub(super) const JWKS_PATH: &str = "/.well-known/jwks.json";
/// The metadata's path (RFC 8414 section 3).
pub(super) const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

pub(super) fn server_metadata(settings: &EmbeddedIssuer, public_url: &PublicUrl) -> Value {
    json!({
        "issuer": settings.issuer,
        "token_endpoint": format!("{public_url}{TOKEN_PATH}"),
        "jwks_uri": format!("{public_url}{JWKS_PATH}"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "access_token_signing_alg_values_supported": [jws_name(settings.algorithm)],
    })
}

/// Every key that signed a token that may still be valid, and the one that signs next.
pub(super) fn key_set(registry: &Registry) -> Value {
    let keys: Vec<&Value> = registry.signing_keys.iter().map(|key| &key.public_jwk).collect();
    json!({ "keys": keys })
}
