//! Titan Text Embeddings V2 on Amazon Bedrock: `InvokeModel`, one text in each request, signed.

use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, Method, header};
use serde::Serialize;
use url::{Position, Url};

use super::{
    ANSWER_BYTES, TIMEOUT, body, read_titan_answer,
    sigv4::{Credentials, Post, Scope, sign},
};
use crate::{
    config::{AwsCredentials, BedrockSettings},
    issuer::Clock,
    outbound::Outbound,
    search::EmbedError,
    secrets::SecretSource,
};

/// As signatures name it.
const SERVICE: &str = "bedrock";
/// Requests at once for the texts of agents.
const AT_ONCE: usize = 4;

/// A Titan model on Amazon Bedrock.
#[derive(Clone)]
pub struct Bedrock {
    outbound: Outbound,
    secrets: SecretSource,
    clock: Clock,
    settings: BedrockSettings,
    keys: AwsCredentials,
    url: Url,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    input_text: &'a str,
    dimensions: usize,
    normalize: bool,
}

impl Bedrock {
    /// Texts in one go, each in a request of its own.
    pub(super) const MAX_BATCH: usize = 2 * AT_ONCE;

    /// The model of `settings`. Credentials are resolved for each request: those that are rotated are used at once.
    #[must_use]
    pub fn new(
        settings: BedrockSettings,
        keys: AwsCredentials,
        outbound: &Outbound,
        secrets: SecretSource,
        clock: Clock,
    ) -> Self {
        let mut url = settings.endpoint.clone();
        let path = format!("{}/model/{}/invoke", url.path().trim_end_matches('/'), encoded(&settings.model));
        url.set_path(&path);
        let outbound = outbound.with_max_bytes(ANSWER_BYTES).with_timeout(TIMEOUT);
        Self { outbound, secrets, clock, settings, keys, url }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn model(&self) -> &str {
        &self.settings.model
    }

    pub(super) fn dimensions(&self) -> usize {
        self.settings.dimensions
    }

    pub(super) async fn vectors(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let requests: Vec<_> = texts.iter().map(|text| self.vector(text)).collect();
        stream::iter(requests).buffered(AT_ONCE).try_collect().await
    }

    async fn vector(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let request = Request { input_text: text, dimensions: self.settings.dimensions, normalize: true };
        let request = serde_json::to_vec(&request).expect("texts are JSON");
        let post = Post {
            path: self.url.path(),
            host: &self.url[Position::BeforeHost..Position::AfterPort],
            content_type: Some("application/json"),
            body: &request,
        };
        let scope = Scope { region: &self.settings.region, service: SERVICE };
        let unusable = |_| EmbedError::Fatal("the credentials of search.bedrock cannot stand in a header".to_owned());
        let mut headers = sign(&post, &scope, &self.credentials()?, (self.clock)()).map_err(unusable)?;
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.outbound.call(Method::POST, &self.url, headers, Some(request)).await;
        Ok(read_titan_answer(&body(answer)?)?)
    }

    fn credentials(&self) -> Result<Credentials, EmbedError> {
        let text = |secret| self.secrets.resolve(secret).map_err(|error| EmbedError::Retryable(error.to_string()));
        let AwsCredentials { access_key_id, secret_access_key, session_token } = &self.keys;
        Ok(Credentials {
            access_key_id: text(access_key_id)?,
            secret_access_key: text(secret_access_key)?,
            session_token: session_token.as_ref().map(text).transpose()?,
        })
    }
}

/// A model's id as one segment of a path: an ARN has colons and slashes.
fn encoded(model: &str) -> String {
    model.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}
