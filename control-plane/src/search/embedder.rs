//! What makes vectors of texts: a model in this process, or somebody's API.

use futures::future::BoxFuture;

/// What a text is to a model that treats the two differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// What is searched for.
    Query,
    /// What is found.
    Document,
}

/// Why there are no vectors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// It may work later.
    #[error("{0}")]
    Retryable(String),
    /// The credential is refused.
    #[error("the credential of the embedder is refused")]
    Auth,
    /// It does not take this request, by its status: others may do.
    #[error("the embedder refuses the request with status {0}: a text, a model or dimensions that it does not take")]
    Refused(u16),
    /// Trying again is of no use.
    #[error("{0}")]
    Fatal(String),
}

/// Makes vectors of length 1 of texts.
pub trait Embedder: Send + Sync {
    /// `provider:model:dimension:revision`. Vectors of different ids are never compared.
    fn id(&self) -> &str;
    /// How many numbers a vector has.
    fn dimension(&self) -> usize;
    /// Most texts in one call.
    fn max_batch(&self) -> usize;
    /// A vector for each text, in their order.
    fn embed<'a>(&'a self, kind: TextKind, texts: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>>;
}

/// The same direction, length 1; `None` if there is no direction in it, or it is no vector of numbers.
pub(super) fn normalised(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !length.is_finite() || length <= f32::EPSILON {
        return None;
    }
    vector.iter_mut().for_each(|value| *value /= length);
    Some(vector)
}
