//! `[discovery]`: where new agents are looked for.

use std::time::Duration;

use url::Url;

use super::{
    blocks::{DAY, ranged, seconds},
    reader::Block,
};

/// Where new agents are looked for, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverySettings {
    /// Agent cards and AI catalogues.
    pub sources: Vec<Url>,
    /// How often each is looked at.
    pub interval: Duration,
    /// Agents of one source that may wait for a decision, and that are looked at in one go.
    pub max_agents: usize,
}

pub(super) fn read(block: &mut Block<'_, '_>) -> DiscoverySettings {
    let mut sources: Vec<Url> = Vec::new();
    for url in block.list::<Url>("sources") {
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            block.fault("sources", format!("{url}: must be an http or https URL without credentials"));
        } else if sources.contains(&url) {
            block.fault("sources", format!("{url}: stands twice"));
        } else {
            sources.push(url);
        }
    }
    DiscoverySettings {
        sources,
        interval: seconds(block, "source_interval_seconds", 3600, 10, 7 * DAY),
        max_agents: ranged(block, "max_agents_per_source", 100, 1, 1000),
    }
}
