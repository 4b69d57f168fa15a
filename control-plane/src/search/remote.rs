//! Models behind somebody's API: an OpenAI-compatible one, or a Titan model on Amazon Bedrock. What is searched and what is found is sent
//! there, so nothing is unless the settings say so. Requests go by the guarded outbound client, and nothing that the API says stands in
//! an error.

mod answer;
mod bedrock;
mod openai;
mod sigv4;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, time::Duration};

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use url::Url;

pub use answer::{AnswerFault, read_openai_answer, read_titan_answer};
pub use bedrock::Bedrock;
pub use openai::OpenAi;

use super::{EmbedError, Embedder, TextKind};
use crate::outbound::{Fetched, OutboundError};

/// For a request. Searches wait less, and drop theirs; this is for the texts of agents, which nobody waits for.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Room in an answer for each text, in bytes: as many numbers as there may be, written at length.
const ANSWER_BYTES: usize = answer::MAX_DIMENSION * 32;
/// What is sent to learn whether there is a model, and how many numbers its vectors have.
const PROBE: &str = "probe";

/// An API that was not asked yet.
#[derive(Clone)]
pub enum RemoteApi {
    /// An OpenAI-compatible one.
    OpenAi(OpenAi),
    /// Titan on Amazon Bedrock.
    Bedrock(Bedrock),
}

/// An API that answered.
pub struct RemoteEmbedder {
    api: RemoteApi,
    id: String,
    dimension: usize,
}

impl RemoteApi {
    /// Asks for one vector.
    ///
    /// # Errors
    /// [`EmbedError`]; all are worth another attempt, for the API may not be up yet, nor have its model.
    pub async fn connect(&self) -> Result<RemoteEmbedder, EmbedError> {
        let vectors = self.vectors(&[PROBE.to_owned()]).await?;
        let dimension = vectors.first().map_or(0, Vec::len);
        let (provider, model, url, wanted) = match self {
            Self::OpenAi(api) => ("openai", api.model(), api.url(), api.dimensions()),
            Self::Bedrock(api) => ("bedrock", api.model(), api.url(), Some(api.dimensions())),
        };
        if wanted.is_some_and(|wanted| wanted != dimension) {
            return Err(other_dimension(dimension, wanted.unwrap_or_default()));
        }
        // Who serves a model is its revision, as far as can be known.
        let id = format!("{provider}:{model}:{dimension}:{}", short_digest(url));
        Ok(RemoteEmbedder { api: self.clone(), id, dimension })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &Url {
        match self {
            Self::OpenAi(api) => api.url(),
            Self::Bedrock(api) => api.url(),
        }
    }

    async fn vectors(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        match self {
            Self::OpenAi(api) => api.vectors(texts).await,
            Self::Bedrock(api) => api.vectors(texts).await,
        }
    }

    fn max_batch(&self) -> usize {
        match self {
            Self::OpenAi(api) => api.max_batch(),
            Self::Bedrock(_) => Bedrock::MAX_BATCH,
        }
    }
}

impl Embedder for RemoteEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn max_batch(&self) -> usize {
        self.api.max_batch()
    }

    fn embed<'a>(&'a self, _: TextKind, texts: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(async move {
            let vectors = self.api.vectors(texts).await?;
            match vectors.iter().find(|vector| vector.len() != self.dimension) {
                Some(other) => Err(other_dimension(other.len(), self.dimension)),
                None => Ok(vectors),
            }
        })
    }
}

/// The body of an answer that may be read, or what its status means.
fn body(fetched: Result<Fetched, OutboundError>) -> Result<Vec<u8>, EmbedError> {
    let fetched = fetched.map_err(|error| match error {
        OutboundError::Scheme | OutboundError::NotAllowed { .. } | OutboundError::TooLarge { .. } => {
            EmbedError::Fatal(error.to_string())
        }
        _ => EmbedError::Retryable(error.to_string()),
    })?;
    let said = || format!("the embedder answers with status {}", fetched.status.as_u16());
    match fetched.status.as_u16() {
        200..=299 => Ok(fetched.body),
        401 | 403 => Err(EmbedError::Auth),
        status @ (400 | 413 | 422) => Err(EmbedError::Refused(status)),
        // 424 is Bedrock's word for a model that failed.
        408 | 424 | 425 | 429 | 500..=599 => Err(EmbedError::Retryable(said())),
        _ => Err(EmbedError::Fatal(said())),
    }
}

fn other_dimension(found: usize, wanted: usize) -> EmbedError {
    EmbedError::Fatal(format!("the embedder's vectors have {found} numbers, not {wanted}"))
}

fn short_digest(url: &Url) -> String {
    Sha256::digest(url.as_str()).iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<AnswerFault> for EmbedError {
    fn from(fault: AnswerFault) -> Self {
        Self::Fatal(fault.to_string())
    }
}
