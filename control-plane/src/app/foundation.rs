//! What everything stands on: the opened store with a signing key and an administrator in it, secrets, the outbound client.

use std::{collections::BTreeMap, convert::Infallible, io, path::PathBuf, sync::Arc};

use super::{first_admin, first_admin::FirstAdminError, first_issuer};
use crate::{
    config::{Config, KeySource},
    domain::{Registry, Secret, TaskKey, UnixSeconds},
    issuer::{Clock, Issuer, Rotation, RotationError},
    outbound::{BuildError, Outbound},
    secrets::{SecretError, SecretSource, anything_allowed},
    store::{Change, SealError, SealingKey, Store, StoreError, WriteError},
};

/// The sealing key's file in the data directory.
pub(super) const KEY_FILE: &str = "sealing.key";
/// The registry's directory in the data directory.
pub(super) const REGISTRY_DIR: &str = "registry";

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FoundationError {
    /// The data directory cannot be made.
    #[error("data_dir {} cannot be used", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no sealing key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The variable of the sealing key cannot be read.
    #[error("secrets.key cannot be read: {0}")]
    KeyVariable(#[source] SecretError),
    /// The registry cannot be opened.
    #[error("the registry in {} cannot be opened (one server at a time)", path.display())]
    Registry {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// There is no signing key.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// There is no administrator.
    #[error(transparent)]
    FirstAdmin(#[from] FirstAdminError),
    /// The first issuer or task key could not be written.
    #[error(transparent)]
    FirstIssuer(#[from] StoreError),
    /// Nobody's tokens would be believed.
    #[error("issuer.embedded is false and no external issuer is registered: set bootstrap_issuer")]
    NoIssuer,
    /// There is no outbound client.
    #[error(transparent)]
    Outbound(#[from] BuildError),
}

/// What everything stands on.
pub(super) struct Foundation {
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) secrets: SecretSource,
    pub(super) outbound: Outbound,
    pub(super) issuer: Option<Issuer>,
    /// For each ring of keys that is in use.
    pub(super) rotations: Vec<(&'static str, Rotation)>,
}

impl Foundation {
    pub(super) async fn lay(
        config: Config,
        env: &BTreeMap<String, String>,
        clock: Clock,
    ) -> Result<Self, FoundationError> {
        let outbound = Outbound::new(config.outbound.clone())?;
        let store = open_store(&config, env)?;
        let (mut issuer, mut rotations) = (None, Vec::new());
        if let Some(settings) = config.issuer.clone() {
            let turning = Rotation::new((&settings).into(), store.clone(), clock);
            turning.turn().await?;
            first_admin::ensure(&config.bootstrap_admin, &config.data_dir, env, &store, clock()).await?;
            rotations.push(("signing key rotation", turning));
            issuer = Some(Issuer::new(settings, config.gateway.public_url.clone(), store.clone(), clock));
        }
        first_task_key(&store, clock()).await?;
        if let Some(settings) = &config.cards.signing {
            let turning = Rotation::new(settings.into(), store.clone(), clock);
            turning.turn().await?;
            rotations.push(("card key rotation", turning));
        }
        if let Some(settings) = &config.bootstrap_issuer {
            first_issuer::ensure(settings, &store).await?;
        }
        if issuer.is_none() && store.registry().issuers.is_empty() {
            return Err(FoundationError::NoIssuer);
        }
        let secrets = SecretSource::new(&config.secrets, env);
        Ok(Self { config: Arc::new(config), clock, store, secrets, outbound, issuer, rotations })
    }
}

/// Makes the key that seals tasks' ids, on the first start.
async fn first_task_key(store: &Store, now: UnixSeconds) -> Result<(), StoreError> {
    let decide = move |registry: &Registry| {
        let is_first = registry.task_keys.is_empty();
        Ok::<_, Infallible>(is_first.then(|| Change::PutTaskKey(TaskKey::random(now))).into_iter().collect())
    };
    match store.write(decide).await {
        Ok(_) => Ok(()),
        Err(WriteError::Store(error)) => Err(error),
        Err(WriteError::Refused(never)) => match never {},
    }
}

fn open_store(config: &Config, env: &BTreeMap<String, String>) -> Result<Store, FoundationError> {
    let data_dir = &config.data_dir;
    std::fs::create_dir_all(data_dir).map_err(|source| FoundationError::DataDir { path: data_dir.clone(), source })?;
    let key = match &config.secrets.key {
        KeySource::DataDir => SealingKey::load_or_create(&data_dir.join(KEY_FILE))?,
        KeySource::File(path) => SealingKey::load_or_create(path)?,
        KeySource::Env(name) => {
            let secret = anything_allowed(env).resolve(&Secret::Env(name.clone()));
            SealingKey::from_base64(secret.map_err(FoundationError::KeyVariable)?.expose())?
        }
    };
    let path = data_dir.join(REGISTRY_DIR);
    Store::open(&path, &key).map_err(|source| FoundationError::Registry { path, source })
}
