//! A backend's credential as stored: inline secrets sealed, references as they are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Record;
use crate::domain::{BackendAuth, OAuthClient, Secret, SecretText, TokenAuthMethod};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum StoredAuth {
    None,
    OauthClientCredentials {
        token_url: Url,
        client_id: String,
        client_secret: StoredSecret,
        method: StoredMethod,
        scopes: Vec<String>,
        audience: Option<String>,
        resource: Option<String>,
    },
    ApiKey {
        header: String,
        key: StoredSecret,
    },
    Bearer {
        token: StoredSecret,
    },
    Basic {
        username: String,
        password: StoredSecret,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredSecret {
    Sealed(String),
    Env(String),
    File(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredMethod {
    Basic,
    Form,
}

impl StoredAuth {
    pub(super) fn new(auth: &BackendAuth, record: Record<'_>) -> Self {
        match auth {
            BackendAuth::None => Self::None,
            BackendAuth::OAuthClientCredentials(client) => Self::OauthClientCredentials {
                token_url: client.token_url.clone(),
                client_id: client.client_id.clone(),
                client_secret: StoredSecret::new(&client.client_secret, "client_secret", record),
                method: match client.method {
                    TokenAuthMethod::Basic => StoredMethod::Basic,
                    TokenAuthMethod::Form => StoredMethod::Form,
                },
                scopes: client.scopes.clone(),
                audience: client.audience.clone(),
                resource: client.resource.clone(),
            },
            BackendAuth::ApiKey { header, key } => {
                Self::ApiKey { header: header.clone(), key: StoredSecret::new(key, "key", record) }
            }
            BackendAuth::Bearer { token } => Self::Bearer { token: StoredSecret::new(token, "token", record) },
            BackendAuth::Basic { username, password } => {
                Self::Basic { username: username.clone(), password: StoredSecret::new(password, "password", record) }
            }
        }
    }

    pub(super) fn into_domain(self, record: Record<'_>) -> Result<BackendAuth, String> {
        Ok(match self {
            Self::None => BackendAuth::None,
            Self::OauthClientCredentials {
                token_url,
                client_id,
                client_secret,
                method,
                scopes,
                audience,
                resource,
            } => BackendAuth::OAuthClientCredentials(OAuthClient {
                token_url,
                client_id,
                client_secret: client_secret.into_domain("client_secret", record)?,
                method: match method {
                    StoredMethod::Basic => TokenAuthMethod::Basic,
                    StoredMethod::Form => TokenAuthMethod::Form,
                },
                scopes,
                audience,
                resource,
            }),
            Self::ApiKey { header, key } => BackendAuth::ApiKey { header, key: key.into_domain("key", record)? },
            Self::Bearer { token } => BackendAuth::Bearer { token: token.into_domain("token", record)? },
            Self::Basic { username, password } => {
                BackendAuth::Basic { username, password: password.into_domain("password", record)? }
            }
        })
    }
}

impl StoredSecret {
    fn new(secret: &Secret, field: &'static str, record: Record<'_>) -> Self {
        match secret {
            Secret::Inline(text) => Self::Sealed(record.seal(field, text.expose().as_bytes())),
            Secret::Env(name) => Self::Env(name.clone()),
            Secret::File(path) => Self::File(path.clone()),
        }
    }

    fn into_domain(self, field: &'static str, record: Record<'_>) -> Result<Secret, String> {
        Ok(match self {
            Self::Sealed(sealed) => {
                let plain = record.open(field, &sealed)?;
                let text = std::str::from_utf8(&plain).map_err(|_| format!("{field} is not UTF-8"))?;
                Secret::Inline(SecretText::new(text.to_owned()))
            }
            Self::Env(name) => Secret::Env(name),
            Self::File(path) => Secret::File(path),
        })
    }
}
