//! A backup gives back what there was; and nothing but a whole one, with its key, gives anything.

use std::path::Path;

use proptest::prelude::*;

use super::{BackupError, FrameError, ended, is_in_use, read_backup};
use crate::store::{
    SealingKey, Store,
    tests::{check_same, key, one_of_each, open, put},
};

async fn backup(dir: &Path) -> (Store, Vec<u8>) {
    let store = open(dir);
    put(&store, one_of_each()).await;
    let bytes = store.backup(7).flatten().collect();
    (store, bytes)
}

fn whole() -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(backup(dir.path())).1
}

#[tokio::test]
async fn what_is_restored_is_what_there_was() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, bytes) = backup(dir.path()).await;
    let restorable = read_backup(&bytes, &key()).unwrap();
    check_same(&store.registry(), restorable.registry());
    assert_eq!(restorable.created_at(), 7);
    restorable.write(&to.path().join("registry")).unwrap();
    check_same(&store.registry(), &open(&to.path().join("registry")).registry());
}

#[tokio::test]
async fn a_backup_is_of_its_generation_whatever_is_written_while_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, one_of_each()).await;
    let before = store.registry();
    let mut lines = store.backup(7);
    let first = lines.next().unwrap();
    let gone = before.agents.keys().map(|id| crate::store::Change::DeleteAgent(id.clone())).collect();
    put(&store, gone).await;
    let bytes: Vec<u8> = std::iter::once(first).chain(lines).flatten().collect();
    check_same(&before, read_backup(&bytes, &key()).unwrap().registry());
}

#[tokio::test]
async fn no_secret_stands_in_a_backup_and_another_key_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let (_, bytes) = backup(dir.path()).await;
    assert!(!String::from_utf8_lossy(&bytes).contains("planted-secret"));
    let other = SealingKey::from_base64("AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    assert!(matches!(read_backup(&bytes, &other), Err(BackupError::OtherKey)));
}

#[tokio::test]
async fn an_open_registry_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!is_in_use(dir.path()));
    let store = open(dir.path());
    assert!(is_in_use(dir.path()));
    drop(store);
}

#[test]
fn other_files_versions_and_schemas_are_named() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = String::from_utf8(whole()).unwrap();
        let end = text.trim_end().rfind('\n').unwrap() + 1;
        let changed = text[..end].replacen(from, to, 1);
        let bytes = ended(changed.into_bytes(), &key());
        let error = read_backup(&bytes, &key()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("tollgate-backup", "another-backup", "is not a backup");
    check("\"version\":1", "\"version\":9", "version 9");
    check("\"schema\":3", "\"schema\":99", "schema 99");
    check("\"records\":", "\"records\":1", "records, and holds");
    check("\"table\":\"agents\"", "\"table\":\"angels\"", "there is no such kind of record");
    check("\"key\":\"agent-2\"", "\"key\":\"agent-9\"", "does not open");
    assert!(matches!(read_backup(b"", &key()), Err(BackupError::Frame(FrameError::Format))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_cut_backup_is_read(at in any::<prop::sample::Index>()) {
        let bytes = whole();
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(matches!(read_backup(cut, &key()), Err(BackupError::Frame(_))));
    }

    #[test]
    fn no_altered_backup_is_read(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = whole();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(read_backup(&bytes, &key()).is_err(), "byte {} bit {}", at, bit);
    }
}
