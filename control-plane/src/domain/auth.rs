//! How the gateway makes itself known to a backend.

use url::Url;

use super::Secret;

/// The credential a backend wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BackendAuth {
    /// None at all.
    #[default]
    None,
    /// A token from the backend's authorisation server (RFC 6749 section 4.4).
    OAuthClientCredentials(OAuthClient),
    /// A fixed key in a header of the backend's choice.
    ApiKey {
        /// Lower-case header name.
        header: String,
        /// The header's value.
        key: Secret,
    },
    /// A fixed bearer token (RFC 6750).
    Bearer {
        /// The token, without `Bearer `.
        token: Secret,
    },
    /// HTTP Basic (RFC 7617).
    Basic {
        /// User id; no colon.
        username: String,
        /// Password.
        password: Secret,
    },
}

/// What identifies a client-credentials token: two agents with equal values share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// The token endpoint.
    pub token_url: Url,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: Secret,
    /// How the client authenticates.
    pub method: TokenAuthMethod,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// `audience` parameter, as some servers want it.
    pub audience: Option<String>,
    /// `resource` parameter (RFC 8707).
    pub resource: Option<String>,
}

/// Client authentication at the token endpoint (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TokenAuthMethod {
    /// `client_secret_basic`.
    #[default]
    Basic,
    /// `client_secret_post`.
    Form,
}
