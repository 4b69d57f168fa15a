//! `[search]`: how agents are found by meaning.

use std::path::PathBuf;

use super::reader::Block;

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
    /// Nothing: by words alone.
    Off,
}

pub(super) fn read(block: &mut Block<'_, '_>) -> SearchSettings {
    let is_off = block.word("semantic", &[("auto", false), ("off", true)], false);
    let semantic = match block.optional("model_dir") {
        _ if is_off => Semantic::Off,
        Some(directory) => Semantic::Model(directory),
        None => Semantic::Installed,
    };
    SearchSettings { semantic }
}
