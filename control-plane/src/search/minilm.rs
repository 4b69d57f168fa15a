//! all-MiniLM-L6-v2 in this process: BERT of six layers, mean pooling, length 1. One text at a time, on a thread that may block.

use std::{path::Path, sync::Arc};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use futures::future::BoxFuture;
use tokenizers::Tokenizer;
use tokio::sync::Semaphore;

use super::{
    EmbedError, Embedder, TextKind,
    bert::{Bert, Config},
    embedder::normalised,
    model::{CONFIG, ModelError, TOKENIZER, WEIGHTS, open_pinned, read_pinned},
    weights::Weights,
};

/// Numbers in a vector.
const DIMENSION: usize = 384;
/// Most tokens of a text: what the model was trained on.
const MAX_TOKENS: usize = 256;
/// Texts embedded at once. Each takes a core whole; more would only wait inside.
const AT_ONCE: usize = 2;

/// The model, loaded.
pub struct MiniLm {
    inner: Arc<Inner>,
    id: String,
    places: Semaphore,
}

struct Inner {
    model: Bert,
    tokenizer: Tokenizer,
}

impl MiniLm {
    /// Loads the model from `directory`, after checking that its files are the ones that are pinned. Blocks for a second or so.
    ///
    /// # Errors
    /// A file is missing, is another one, or cannot be read.
    pub fn load(directory: &Path) -> Result<Self, ModelError> {
        let unusable = |file: &'static str| {
            let path = directory.join(file);
            move |error: String| ModelError::Unusable { path, reason: error }
        };
        let config: Config = serde_json::from_slice(&read_pinned(directory, &CONFIG)?)
            .map_err(|error| unusable(CONFIG.name)(error.to_string()))?;
        let mut tokenizer = Tokenizer::from_bytes(read_pinned(directory, &TOKENIZER)?)
            .map_err(|error| unusable(TOKENIZER.name)(error.to_string()))?;
        // The file pads and cuts to 128 tokens: the padding would be part of the mean.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| unusable(TOKENIZER.name)(error.to_string()))?;
        let model = Weights::new(open_pinned(directory, &WEIGHTS)?)
            .map(|weights| VarBuilder::from_backend(Box::new(weights), DType::F32, Device::Cpu))
            .and_then(|weights| Bert::load(&weights, &config))
            .map_err(|error| unusable(WEIGHTS.name)(error.to_string()))?;
        // Weights are kept as bytes: vectors are not quite those of the floats.
        let id = format!("local:all-MiniLM-L6-v2:{DIMENSION}:{}-int8", WEIGHTS.short());
        Ok(Self { inner: Arc::new(Inner { model, tokenizer }), id, places: Semaphore::new(AT_ONCE) })
    }
}

impl Embedder for MiniLm {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn max_batch(&self) -> usize {
        1
    }

    fn embed<'a>(&'a self, _: TextKind, texts: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(async move {
            let mut vectors = Vec::with_capacity(texts.len());
            for text in texts {
                let place = self.places.acquire().await.expect("it is never closed");
                let (inner, text) = (self.inner.clone(), text.clone());
                let vector = tokio::task::spawn_blocking(move || inner.embed(&text)).await;
                drop(place);
                let vector = vector.map_err(|_| EmbedError::Fatal("the model panicked".to_owned()))?;
                vectors.push(vector.map_err(|error| EmbedError::Fatal(error.to_string()))?);
            }
            Ok(vectors)
        })
    }
}

impl Inner {
    fn embed(&self, text: &str) -> Result<Vec<f32>, candle_core::Error> {
        let words = self.tokenizer.encode(text, true).map_err(|error| candle_core::Error::Msg(error.to_string()))?;
        let ids = words.get_ids();
        let mut kept = ids.get(..MAX_TOKENS).unwrap_or(ids).to_vec();
        // The token that ends a text ends a shortened one too.
        if let (true, Some(end), Some(last)) = (kept.len() < ids.len(), ids.last(), kept.last_mut()) {
            *last = *end;
        }
        let vector = self.model.forward(&kept)?.mean(0)?.to_vec1::<f32>()?;
        normalised(vector).ok_or_else(|| candle_core::Error::Msg("the model gave no direction".to_owned()))
    }
}
