//! How an agent's traffic is treated, as stored in its record; and the keys that seal tasks' ids.

use serde::{Deserialize, Serialize};
use tollgate_policy::document::{TaskIsolation, WebhooksDocument};

use super::Record;
use crate::domain::{A2aSettings, BackendUrl, SecretText, TaskKey, Translation, UnixSeconds};

/// Part of an agent's record; records from before it have none.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoredA2a {
    no_translation: bool,
    task_isolation: TaskIsolation,
    webhooks: WebhooksDocument,
    grpc: Option<String>,
}

impl From<&A2aSettings> for StoredA2a {
    fn from(settings: &A2aSettings) -> Self {
        Self {
            no_translation: settings.translation == Translation::Off,
            task_isolation: settings.task_isolation,
            webhooks: settings.webhooks.clone(),
            grpc: settings.grpc.as_ref().map(|url| url.url().to_string()),
        }
    }
}

impl TryFrom<StoredA2a> for A2aSettings {
    type Error = String;

    fn try_from(stored: StoredA2a) -> Result<Self, String> {
        let grpc = stored.grpc.map(|url| BackendUrl::parse(&url)).transpose();
        Ok(Self {
            translation: if stored.no_translation { Translation::Off } else { Translation::Auto },
            task_isolation: stored.task_isolation,
            webhooks: stored.webhooks,
            grpc: grpc.map_err(|error| format!("grpc {error}"))?,
        })
    }
}

/// A key that seals tasks' ids.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredTaskKey {
    secret: String,
    created_at: UnixSeconds,
}

impl StoredTaskKey {
    pub(super) fn new(key: &TaskKey, record: Record<'_>) -> Self {
        Self { secret: record.seal("secret", key.secret.expose().as_bytes()), created_at: key.created_at }
    }

    pub(super) fn into_domain(self, record: Record<'_>) -> Result<TaskKey, String> {
        let secret = record.open("secret", &self.secret)?;
        let secret = String::from_utf8(secret.to_vec()).map_err(|_| "secret is not text".to_owned())?;
        let key = TaskKey::new(SecretText::new(secret), self.created_at).map_err(|error| format!("secret {error}"))?;
        if key.id.as_str() == record.key { Ok(key) } else { Err("is not the key it is named after".to_owned()) }
    }
}
