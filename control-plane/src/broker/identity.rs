//! What makes two tokens the same: everything that is sent for them, the secret included.

use sha2::{Digest, Sha256};

use crate::domain::{OAuthClient, SecretText, TokenAuthMethod};

/// A hash over a token's whole identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenIdentity([u8; 32]);

impl TokenIdentity {
    pub(super) fn of(client: &OAuthClient, secret: &SecretText) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        part(client.token_url.as_str());
        part(&client.client_id);
        part(secret.expose());
        part(match client.method {
            TokenAuthMethod::Basic => "basic",
            TokenAuthMethod::Form => "form",
        });
        part(&client.scopes.join(" "));
        // An absent parameter is not an empty one.
        for parameter in [&client.audience, &client.resource] {
            part(if parameter.is_some() { "some" } else { "none" });
            part(parameter.as_deref().unwrap_or_default());
        }
        Self(hash.finalize().into())
    }
}
