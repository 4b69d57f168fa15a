//! Restoring into data directories: empty ones, others, and ones in use.

use std::{collections::BTreeMap, convert::Infallible, path::Path};

use super::{RestoreError, RestoreOptions, restore};
use crate::{
    domain::{BackendAuth, Secret},
    store::{Change, SealingKey, Store},
    xds::fixtures,
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A backup of one agent with a secret, in a file.
async fn backup(dir: &Path) {
    let store = Store::open(&dir.join("from"), &SealingKey::from_base64(KEY).unwrap()).unwrap();
    let auth = BackendAuth::Bearer { token: Secret::from_written("planted".to_owned()) };
    let agent = fixtures::agent("weather", &["http://a.example"], auth);
    store.write(move |_| Ok::<_, Infallible>(vec![Change::PutAgent(agent)])).await.unwrap();
    std::fs::write(dir.join("file"), store.backup(1).flatten().collect::<Vec<u8>>()).unwrap();
}

fn options(dir: &Path, force: bool) -> RestoreOptions {
    RestoreOptions { file: dir.join("file"), data: dir.join("data"), key: Some("env:KEY".to_owned()), force }
}

fn env(key: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("KEY".to_owned(), key.to_owned())])
}

#[tokio::test]
async fn a_backup_becomes_the_registry_of_an_empty_directory() {
    let dir = tempfile::tempdir().unwrap();
    backup(dir.path()).await;
    let restored = restore(&options(dir.path(), false), &env(KEY), 5).unwrap();
    assert_eq!((restored.generation.get(), restored.agents, restored.replaced), (1, 1, None));
    let store = Store::open(&dir.path().join("data/registry"), &SealingKey::from_base64(KEY).unwrap()).unwrap();
    assert_eq!(store.registry().agents.len(), 1);
}

#[tokio::test]
async fn what_is_there_is_refused_or_put_aside_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    backup(dir.path()).await;
    restore(&options(dir.path(), false), &env(KEY), 5).unwrap();
    let refused = restore(&options(dir.path(), false), &env(KEY), 6).unwrap_err();
    assert!(matches!(&refused, RestoreError::NotEmpty { found, .. } if found == "registry"), "{refused}");
    let restored = restore(&options(dir.path(), true), &env(KEY), 7).unwrap();
    assert_eq!(restored.replaced, Some(dir.path().join("data/registry.before-7")));
    assert!(dir.path().join("data/registry.before-7/db").exists());
    let again = restore(&options(dir.path(), true), &env(KEY), 7).unwrap();
    assert_eq!(again.replaced, Some(dir.path().join("data/registry.before-7-2")), "in the same second");
}

#[tokio::test]
async fn a_directory_with_a_running_server_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    backup(dir.path()).await;
    restore(&options(dir.path(), false), &env(KEY), 5).unwrap();
    let key = SealingKey::from_base64(KEY).unwrap();
    let _running = Store::open(&dir.path().join("data/registry"), &key).unwrap();
    let refused = restore(&options(dir.path(), true), &env(KEY), 6).unwrap_err();
    assert!(matches!(refused, RestoreError::InUse(_)), "{refused}");
}

#[tokio::test]
async fn without_its_key_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    backup(dir.path()).await;
    let other = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let refused = restore(&options(dir.path(), false), &env(other), 5).unwrap_err();
    assert!(refused.to_string().contains("was not made with this sealing key"), "{refused}");
    let none = RestoreOptions { key: None, ..options(dir.path(), false) };
    assert!(matches!(restore(&none, &env(KEY), 5), Err(RestoreError::NoKey(_))));
    assert!(!dir.path().join("data").exists());
}
