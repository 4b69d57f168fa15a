//! How an agent's backends are asked, as stored in its record.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{HealthCheck, millis};

/// Part of an agent's record; records from before it have the defaults.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredHealthCheck {
    interval_ms: u64,
    timeout_ms: u64,
    unhealthy_threshold: NonZeroU32,
    healthy_threshold: NonZeroU32,
}

impl Default for StoredHealthCheck {
    fn default() -> Self {
        HealthCheck::default().into()
    }
}

impl From<HealthCheck> for StoredHealthCheck {
    fn from(check: HealthCheck) -> Self {
        Self {
            interval_ms: millis(check.interval),
            timeout_ms: millis(check.timeout),
            unhealthy_threshold: check.unhealthy_threshold,
            healthy_threshold: check.healthy_threshold,
        }
    }
}

impl From<StoredHealthCheck> for HealthCheck {
    fn from(stored: StoredHealthCheck) -> Self {
        Self {
            interval: Duration::from_millis(stored.interval_ms),
            timeout: Duration::from_millis(stored.timeout_ms),
            unhealthy_threshold: stored.unhealthy_threshold,
            healthy_threshold: stored.healthy_threshold,
        }
    }
}
