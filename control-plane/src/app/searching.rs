//! Which model the search has, by the settings.

use super::foundation::Foundation;
use crate::{
    config::Semantic,
    search::{Indexer, ModelPlace, Search, default_directory},
    xds::SnapshotFeed,
};

/// Loads the model, and keeps vectors.
pub(super) fn indexer(foundation: &Foundation, search: Search) -> Indexer {
    let config = &foundation.config;
    let place = match &config.search.semantic {
        Semantic::Installed => Some(ModelPlace::Usual(default_directory(&config.data_dir))),
        Semantic::Model(directory) => Some(ModelPlace::Configured(directory.clone())),
        Semantic::Off => None,
    };
    Indexer::new(search, foundation.store.clone(), place)
}

/// Has what callers may see looked at again whenever a policy came into force: the registry is written before that.
pub(super) async fn follow(search: Search, mut snapshots: SnapshotFeed) {
    while snapshots.changed().await.is_ok() {
        search.look_again();
    }
}
