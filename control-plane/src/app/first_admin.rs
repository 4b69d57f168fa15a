//! The first administrator: without one nobody could register anything. Made on start, when no client holds the admin scope.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    config::BootstrapAdmin,
    domain::{Client, ClientId, Registry, Scope, SecretText, UnixSeconds},
    issuer::{hash_secret, new_secret},
    secrets::{SecretError, anything_allowed, write_private},
    store::{Change, Store, StoreError, WriteError},
};

/// The scope that opens the admin API.
const ADMIN_SCOPE: &str = "gateway:admin";
/// The file of a made-up secret, in the data directory.
const CREDENTIALS_FILE: &str = "admin-credentials.json";

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub enum FirstAdminError {
    /// The configured secret cannot be had.
    #[error("bootstrap_admin.client_secret cannot be read: {0}")]
    Secret(#[from] SecretError),
    /// The credentials' file cannot be used.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The id is taken by a client that is no administrator.
    #[error("client {0} exists and does not hold gateway:admin: set bootstrap_admin.client_id to another id")]
    Taken(ClientId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the file holds. Written before the client is made, so that no crash leaves an administrator whose secret nobody knows.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    client_id: String,
    client_secret: String,
}

/// Makes the administrator if there is none.
pub(super) async fn ensure(
    settings: &BootstrapAdmin,
    data_dir: &Path,
    env: &BTreeMap<String, String>,
    store: &Store,
    now: UnixSeconds,
) -> Result<(), FirstAdminError> {
    if has_admin(&store.registry()) {
        return Ok(());
    }
    let secret = match &settings.client_secret {
        Some(secret) => anything_allowed(env).resolve(secret)?,
        None => kept_or_made(&data_dir.join(CREDENTIALS_FILE), &settings.client_id)?,
    };
    let hash = tokio::task::spawn_blocking(move || hash_secret(&secret)).await.expect("hashing does not panic");
    let admin = Client {
        id: settings.client_id.clone(),
        name: "first administrator".to_owned(),
        scopes: vec![Scope::try_from(ADMIN_SCOPE).expect("the admin scope is well formed")],
        secrets: vec![hash],
        disabled: false,
        created_at: now,
    };
    let decide = move |registry: &Registry| match registry.clients.get(&admin.id) {
        Some(_) => Err(FirstAdminError::Taken(admin.id)),
        None => Ok(vec![Change::PutClient(admin)]),
    };
    store.write(decide).await.map(drop).map_err(|error| match error {
        WriteError::Refused(error) => error,
        WriteError::Store(error) => error.into(),
    })
}

fn has_admin(registry: &Registry) -> bool {
    registry.clients.values().any(|client| client.scopes.iter().any(|scope| scope.as_str() == ADMIN_SCOPE))
}

/// The secret of the file that an interrupted start left, or a new one in a new file.
fn kept_or_made(path: &Path, id: &ClientId) -> Result<SecretText, FirstAdminError> {
    let failed = |source| FirstAdminError::File { path: path.to_owned(), source };
    match std::fs::read(path) {
        Ok(bytes) => {
            let kept: Credentials = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
            if kept.client_id != id.as_str() {
                return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it is another client's")));
            }
            Ok(SecretText::new(kept.client_secret))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = new_secret();
            let made = Credentials { client_id: id.to_string(), client_secret: secret.expose().to_owned() };
            let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(&made).expect("string keys only"));
            write_private(path, &text).map_err(failed)?;
            tracing::info!(file = %path.display(), "the first administrator's credentials were made");
            Ok(secret)
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

    use super::{CREDENTIALS_FILE, FirstAdminError, ensure};
    use crate::{
        config::Config,
        domain::ClientId,
        store::{Change, SealingKey, Store},
    };

    fn store(dir: &std::path::Path) -> Store {
        Store::open(&dir.join("db"), &SealingKey::load_or_create(&dir.join("key")).unwrap()).unwrap()
    }

    async fn check(store: &Store, dir: &std::path::Path, file: &str) -> Result<(), FirstAdminError> {
        let env = BTreeMap::from([("ADMIN_SECRET".to_owned(), "given".to_owned())]);
        let config = Config::parse(file, &env).unwrap();
        ensure(&config.bootstrap_admin, dir, &env, store, 7).await
    }

    #[tokio::test]
    async fn the_first_start_makes_an_administrator_and_the_second_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        check(&store, dir.path(), "").await.unwrap();
        let admin = store.registry().clients.values().next().unwrap().clone();
        assert_eq!((admin.id.as_str(), admin.scopes[0].as_str()), ("admin", "gateway:admin"));
        let path = dir.path().join(CREDENTIALS_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        check(&store, dir.path(), "").await.unwrap();
        assert_eq!(store.registry().generation.get(), 1);
    }

    #[tokio::test]
    async fn a_start_cut_short_is_taken_up_with_the_same_secret() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        check(&store, dir.path(), "").await.unwrap();
        let file = std::fs::read(dir.path().join(CREDENTIALS_FILE)).unwrap();
        let gone = ClientId::try_from("admin").unwrap();
        store.write(move |_| Ok::<_, std::convert::Infallible>(vec![Change::DeleteClient(gone)])).await.unwrap();
        check(&store, dir.path(), "").await.unwrap();
        assert_eq!(std::fs::read(dir.path().join(CREDENTIALS_FILE)).unwrap(), file);
        assert_eq!(store.registry().clients.len(), 1);
    }

    #[tokio::test]
    async fn a_given_secret_is_written_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        check(&store, dir.path(), "[bootstrap_admin]\nclient_secret = \"env:ADMIN_SECRET\"").await.unwrap();
        assert!(!dir.path().join(CREDENTIALS_FILE).exists());
        assert_eq!(store.registry().clients.len(), 1);
    }

    #[tokio::test]
    async fn a_client_that_is_no_administrator_is_not_made_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        check(&store, dir.path(), "").await.unwrap();
        let mut plain = (**store.registry().clients.values().next().unwrap()).clone();
        plain.scopes.clear();
        store.write(move |_| Ok::<_, std::convert::Infallible>(vec![Change::PutClient(plain)])).await.unwrap();
        assert!(matches!(check(&store, dir.path(), "").await, Err(FirstAdminError::Taken(_))));
    }
}
