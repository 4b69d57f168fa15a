//! Credentials as header values: the fixed kinds. Tokens are `Bearer` and come from a source.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};

use super::{BrokerError, unreadable};
use crate::{
    domain::{BackendAuth, SecretText},
    secrets::SecretSource,
};

pub(super) const AUTHORIZATION: &str = "authorization";

/// The header of a credential that does not expire: name and value. `None`: no credential, or one that is fetched.
pub(super) fn fixed<'a>(
    auth: &'a BackendAuth,
    secrets: &SecretSource,
) -> Result<Option<(&'a str, SecretText)>, BrokerError> {
    let resolve = |secret| secrets.resolve(secret).map_err(unreadable);
    let header = match auth {
        BackendAuth::None | BackendAuth::OAuthClientCredentials(_) => return Ok(None),
        BackendAuth::ApiKey { header, key } => (header.as_str(), resolve(key)?),
        BackendAuth::Bearer { token } => (AUTHORIZATION, bearer(resolve(token)?.expose())),
        BackendAuth::Basic { username, password } => {
            // RFC 7617 section 2.
            let pair = SecretText::new(format!("{username}:{}", resolve(password)?.expose()));
            let encoded = SecretText::new(STANDARD.encode(pair.expose()));
            (AUTHORIZATION, SecretText::new(format!("Basic {}", encoded.expose())))
        }
    };
    match HeaderValue::from_str(header.1.expose()) {
        Ok(_) => Ok(Some(header)),
        Err(_) => Err(BrokerError::NotAHeader),
    }
}

/// RFC 6750 section 2.1.
pub(super) fn bearer(token: &str) -> SecretText {
    SecretText::new(format!("Bearer {token}"))
}

/// As HTTP's own types; the value is marked sensitive.
pub(super) fn parse((name, value): (&str, SecretText)) -> Result<(HeaderName, HeaderValue), BrokerError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BrokerError::NotAHeader)?;
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| BrokerError::NotAHeader)?;
    value.set_sensitive(true);
    Ok((name, value))
}
