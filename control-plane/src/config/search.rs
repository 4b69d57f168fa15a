//! `[search]`: how agents are found by meaning, and by whose model.

use std::path::PathBuf;

use url::Url;

use super::{blocks::ranged, reader::Block, reader::Reader};
use crate::domain::Secret;

/// Most numbers that a model may be asked for.
const MAX_DIMENSIONS: usize = 8192;
const DEFAULT_BATCH: usize = 32;
const MAX_BATCH: usize = 256;
/// Longest name of a model, in bytes: an ARN has room.
const MAX_MODEL: usize = 512;

/// How agents are found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchSettings {
    /// What makes vectors.
    pub semantic: Semantic,
}

/// What makes vectors of texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Semantic {
    /// The model in the data directory, if it is installed there.
    #[default]
    Installed,
    /// The model in this directory.
    Model(PathBuf),
    /// An OpenAI-compatible API: texts are sent to it.
    OpenAi(OpenAiSettings),
    /// A Titan model on Amazon Bedrock: texts are sent to it.
    Bedrock(BedrockSettings),
    /// Nothing: by words alone.
    Off,
}

/// An OpenAI-compatible API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiSettings {
    /// What `/embeddings` is under.
    pub base_url: Url,
    /// The model's name there.
    pub model: String,
    /// Numbers in a vector; `None`: as the model has it.
    pub dimensions: Option<usize>,
    /// `None`: it asks for none.
    pub api_key: Option<Secret>,
    /// Texts sent in one request.
    pub batch_size: usize,
}

/// A Titan model on Amazon Bedrock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedrockSettings {
    /// Of AWS: signatures are for it.
    pub region: String,
    /// The model's id, or the ARN of what leads to it.
    pub model: String,
    /// Numbers in a vector.
    pub dimensions: usize,
    /// The runtime's URL.
    pub endpoint: Url,
    /// `None`: those in the usual variables of the environment.
    pub credentials: Option<AwsCredentials>,
}

/// Whose requests to AWS are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// The access key's id.
    pub access_key_id: Secret,
    /// The access key.
    pub secret_access_key: Secret,
    /// Of a session, if they are temporary.
    pub session_token: Option<Secret>,
}

#[derive(Clone, Copy)]
enum Kind {
    Local,
    OpenAi,
    Bedrock,
    Off,
}

pub(super) fn read(reader: &mut Reader<'_>) -> SearchSettings {
    let mut block = reader.block("search");
    let kinds = [("auto", Kind::Local), ("openai", Kind::OpenAi), ("bedrock", Kind::Bedrock), ("off", Kind::Off)];
    let kind = block.word("semantic", &kinds, Kind::Local);
    let directory = block.optional("model_dir");
    // Both are read whichever is used: what is wrong is told before it is switched on.
    let openai = openai(&mut reader.block("search.openai"), matches!(kind, Kind::OpenAi));
    let bedrock = bedrock(&mut reader.block("search.bedrock"), matches!(kind, Kind::Bedrock));
    let semantic = match kind {
        Kind::Local => directory.map_or(Semantic::Installed, Semantic::Model),
        // Without what is needed a fault is noted, and nothing starts.
        Kind::OpenAi => openai.map_or(Semantic::Off, Semantic::OpenAi),
        Kind::Bedrock => bedrock.map_or(Semantic::Off, Semantic::Bedrock),
        Kind::Off => Semantic::Off,
    };
    SearchSettings { semantic }
}

fn openai(block: &mut Block<'_, '_>, is_used: bool) -> Option<OpenAiSettings> {
    let base_url = url(block, "base_url");
    let model = model(block, None);
    let dimensions = block.text("dimensions").map(|_| ranged(block, "dimensions", 1, 1, MAX_DIMENSIONS));
    let api_key = reference(block, "api_key");
    let batch_size = ranged(block, "batch_size", DEFAULT_BATCH, 1, MAX_BATCH);
    if is_used {
        missing(block, "base_url", "such as \"https://api.openai.com/v1\"", "openai");
        missing(block, "model", "such as \"text-embedding-3-small\"", "openai");
    }
    Some(OpenAiSettings { base_url: base_url?, model: model?, dimensions, api_key, batch_size })
}

fn bedrock(block: &mut Block<'_, '_>, is_used: bool) -> Option<BedrockSettings> {
    let region = block.text("region").filter(|region| {
        let is_region =
            !region.is_empty() && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_region {
            block.fault("region", "must be the name of an AWS region, such as \"eu-central-1\"");
        }
        is_region
    });
    let model = model(block, Some("amazon.titan-embed-text-v2:0"));
    let sizes = [("1024", 1024), ("512", 512), ("256", 256)];
    let dimensions = block.word("dimensions", &sizes, 1024);
    let endpoint = url(block, "endpoint_url");
    let credentials = credentials(block);
    if is_used {
        missing(block, "region", "such as \"eu-central-1\"", "bedrock");
    }
    let region = region?;
    let usual = || format!("https://bedrock-runtime.{region}.amazonaws.com").parse().ok();
    let endpoint = endpoint.or_else(usual)?;
    Some(BedrockSettings { region, model: model?, dimensions, endpoint, credentials })
}

fn credentials(block: &mut Block<'_, '_>) -> Option<AwsCredentials> {
    let access_key_id = block.text("access_key_id").map(Secret::from_written);
    let secret_access_key = reference(block, "secret_access_key");
    let session_token = reference(block, "session_token");
    match (access_key_id, secret_access_key) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Some(AwsCredentials { access_key_id, secret_access_key, session_token })
        }
        (None, None) if session_token.is_none() => None,
        (id, key) => {
            for (name, given) in [("access_key_id", id), ("secret_access_key", key)] {
                if given.is_none() {
                    block.fault(name, "is missing: access_key_id and secret_access_key go together");
                }
            }
            None
        }
    }
}

/// A key without which the kind cannot be used.
fn missing(block: &mut Block<'_, '_>, key: &str, example: &str, kind: &str) {
    if block.text(key).is_none() {
        block.fault(key, format!("is missing beside search.semantic = \"{kind}\": {example}"));
    }
}

fn model(block: &mut Block<'_, '_>, default: Option<&str>) -> Option<String> {
    let text = block.text("model").or_else(|| default.map(str::to_owned))?;
    if text.len() > MAX_MODEL || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        block.fault("model", format!("must be a model's name, without spaces, of at most {MAX_MODEL} bytes"));
        return None;
    }
    Some(text)
}

/// A URL that paths are put under.
fn url(block: &mut Block<'_, '_>, key: &str) -> Option<Url> {
    let url: Url = block.optional(key)?;
    let is_plain = url.query().is_none() && url.fragment().is_none();
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || has_user || !is_plain {
        block.fault(key, "must be an http or https URL without credentials, query and fragment");
        return None;
    }
    Some(url)
}

/// A secret that does not stand in the configuration itself.
fn reference(block: &mut Block<'_, '_>, key: &str) -> Option<Secret> {
    let secret = block.text(key).map(Secret::from_written)?;
    if matches!(secret, Secret::Inline(_)) {
        block.fault(key, "must be env:NAME or file:PATH");
    }
    Some(secret)
}

#[cfg(test)]
mod tests;
