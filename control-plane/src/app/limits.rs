//! What limits are kept with, as the settings have it: a ledger in memory or in Redis.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::{FleetLimits, LedgerPlace},
    quota::{FleetTable, Ledger, MemoryLedger, Micros, Quota, RedisLedger, RedisUrlError, UsageTable},
    secrets::{SecretError, anything_allowed},
};

/// There is no ledger where the settings say.
#[derive(Debug, thiserror::Error)]
pub enum LedgerPlaceError {
    /// The URL's variable or file.
    #[error("limits.redis_url cannot be read: {0}")]
    Secret(#[source] SecretError),
    /// The URL.
    #[error(transparent)]
    Url(#[from] RedisUrlError),
}

pub(super) fn quota(
    settings: &FleetLimits,
    env: &BTreeMap<String, String>,
    clock: fn() -> Micros,
) -> Result<Quota, LedgerPlaceError> {
    let ledger: Arc<dyn Ledger> = match &settings.ledger {
        LedgerPlace::Memory => Arc::new(MemoryLedger::default()),
        LedgerPlace::Redis(url) => {
            let url = anything_allowed(env).resolve(url).map_err(LedgerPlaceError::Secret)?;
            Arc::new(RedisLedger::new(&url)?)
        }
    };
    Ok(Quota { ledger, fleet: FleetTable::default(), usage: UsageTable::default(), clock })
}
