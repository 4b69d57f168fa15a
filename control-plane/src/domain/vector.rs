//! What a model made of a text about an agent.

use std::sync::Arc;

/// A SHA-256 digest of a text.
pub type TextDigest = [u8; 32];

/// A text as a direction: texts that mean the same point the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// Which model made it: vectors of different ones are never compared.
    pub embedder: Arc<str>,
    /// Of the text.
    pub digest: TextDigest,
    /// Of length 1.
    pub values: Vec<f32>,
}
