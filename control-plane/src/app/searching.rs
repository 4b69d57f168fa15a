//! Which model the search has, by the settings. What the settings refer to is looked up here, so that a start fails by it and not a search.

use std::collections::BTreeMap;

use super::foundation::Foundation;
use crate::{
    config::{AwsCredentials, BedrockSettings, OpenAiSettings, Semantic},
    domain::Secret,
    outbound::OutboundError,
    search::{Bedrock, ModelPlace, OpenAi, RemoteApi, Search, default_directory},
    secrets::{SecretError, SecretSource, anything_allowed},
    xds::SnapshotFeed,
};

/// The usual variables of AWS credentials.
const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// The model cannot be asked, however long one waits.
#[derive(Debug, thiserror::Error)]
pub enum EmbedderError {
    /// What a setting refers to is not there.
    #[error("{key} cannot be read")]
    Secret {
        /// The setting.
        key: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The URL leads where nothing may go.
    #[error("{key} cannot be used")]
    Url {
        /// The setting.
        key: &'static str,
        /// Why.
        source: OutboundError,
    },
}

/// Where the model is; `None`: searches go by words.
pub(super) fn model(
    foundation: &Foundation,
    env: &BTreeMap<String, String>,
) -> Result<Option<ModelPlace>, EmbedderError> {
    let config = &foundation.config;
    Ok(match &config.search.semantic {
        Semantic::Installed => Some(ModelPlace::Usual(default_directory(&config.data_dir))),
        Semantic::Model(directory) => Some(ModelPlace::Configured(directory.clone())),
        Semantic::OpenAi(settings) => Some(ModelPlace::Remote(Box::new(openai(foundation, settings, env)?))),
        Semantic::Bedrock(settings) => Some(ModelPlace::Remote(Box::new(bedrock(foundation, settings, env)?))),
        Semantic::Off => None,
    })
}

fn openai(
    foundation: &Foundation,
    settings: &OpenAiSettings,
    env: &BTreeMap<String, String>,
) -> Result<RemoteApi, EmbedderError> {
    let secrets = anything_allowed(env);
    if let Some(key) = &settings.api_key {
        there(&secrets, key, "search.openai.api_key")?;
    }
    let api = RemoteApi::OpenAi(OpenAi::new(settings.clone(), &foundation.outbound, secrets));
    reachable(foundation, api, "search.openai.base_url")
}

fn bedrock(
    foundation: &Foundation,
    settings: &BedrockSettings,
    env: &BTreeMap<String, String>,
) -> Result<RemoteApi, EmbedderError> {
    let secrets = anything_allowed(env);
    let credentials = settings.credentials.clone().unwrap_or_else(|| usual_credentials(env));
    there(&secrets, &credentials.access_key_id, "search.bedrock.access_key_id")?;
    there(&secrets, &credentials.secret_access_key, "search.bedrock.secret_access_key")?;
    if let Some(token) = &credentials.session_token {
        there(&secrets, token, "search.bedrock.session_token")?;
    }
    let (outbound, clock) = (&foundation.outbound, foundation.clock);
    let api = RemoteApi::Bedrock(Bedrock::new(settings.clone(), credentials, outbound, secrets, clock));
    reachable(foundation, api, "search.bedrock.endpoint_url")
}

fn usual_credentials(env: &BTreeMap<String, String>) -> AwsCredentials {
    let has_token = env.get(SESSION_TOKEN).is_some_and(|token| !token.is_empty());
    AwsCredentials {
        access_key_id: Secret::Env(ACCESS_KEY_ID.to_owned()),
        secret_access_key: Secret::Env(SECRET_ACCESS_KEY.to_owned()),
        session_token: has_token.then(|| Secret::Env(SESSION_TOKEN.to_owned())),
    }
}

fn there(secrets: &SecretSource, secret: &Secret, key: &'static str) -> Result<(), EmbedderError> {
    secrets.resolve(secret).map(drop).map_err(|source| EmbedderError::Secret { key, source })
}

/// A name is resolved when it is connected to: that it is not known yet is no reason not to start.
fn reachable(foundation: &Foundation, api: RemoteApi, key: &'static str) -> Result<RemoteApi, EmbedderError> {
    foundation.outbound.vet_literal(api.url()).map_err(|source| EmbedderError::Url { key, source })?;
    Ok(api)
}

/// Has what callers may see looked at again whenever a policy came into force: the registry is written before that.
pub(super) async fn follow(search: Search, mut snapshots: SnapshotFeed) {
    while snapshots.changed().await.is_ok() {
        search.look_again();
    }
}
