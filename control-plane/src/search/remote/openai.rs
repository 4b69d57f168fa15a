//! `POST {base}/embeddings` as OpenAI has it, and as most servers of models have it too.

use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use url::Url;

use super::{ANSWER_BYTES, TIMEOUT, body, read_openai_answer};
use crate::{config::OpenAiSettings, outbound::Outbound, search::EmbedError, secrets::SecretSource};

/// An OpenAI-compatible API.
#[derive(Clone)]
pub struct OpenAi {
    outbound: Outbound,
    secrets: SecretSource,
    settings: OpenAiSettings,
    url: Url,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    encoding_format: &'static str,
}

impl OpenAi {
    /// The API of `settings`. Its key is resolved for each request: one that is rotated is used at once.
    #[must_use]
    pub fn new(settings: OpenAiSettings, outbound: &Outbound, secrets: SecretSource) -> Self {
        let mut url = settings.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("embeddings");
        }
        let outbound = outbound.with_max_bytes(ANSWER_BYTES * settings.batch_size).with_timeout(TIMEOUT);
        Self { outbound, secrets, settings, url }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn model(&self) -> &str {
        &self.settings.model
    }

    pub(super) fn dimensions(&self) -> Option<usize> {
        self.settings.dimensions
    }

    pub(super) fn max_batch(&self) -> usize {
        self.settings.batch_size
    }

    pub(super) async fn vectors(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let OpenAiSettings { model, dimensions, .. } = &self.settings;
        let request = Request { model, input: texts, dimensions: *dimensions, encoding_format: "float" };
        let request = serde_json::to_vec(&request).expect("texts are JSON");
        let answer = self.outbound.call(Method::POST, &self.url, self.headers()?, Some(request)).await;
        Ok(read_openai_answer(&body(answer)?, texts.len())?)
    }

    fn headers(&self) -> Result<HeaderMap, EmbedError> {
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json.clone()), (header::ACCEPT, json)]);
        if let Some(secret) = &self.settings.api_key {
            let key = self.secrets.resolve(secret).map_err(|error| EmbedError::Retryable(error.to_string()))?;
            let unusable = |_| EmbedError::Fatal("search.openai.api_key cannot stand in a header".to_owned());
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(unusable)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }
}
