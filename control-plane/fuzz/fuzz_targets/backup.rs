//! Whatever stands in a backup file: reading it never panics, what is refused is refused before anything is written, and what is read is
//! what its first line says. Bytes are tried as they are, and as the body of a file whose checksum and seal are right, so that the reader of
//! records is reached too.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tollgate::store::{SealingKey, ended, read_backup};

fn key() -> &'static SealingKey {
    static KEY: OnceLock<SealingKey> = OnceLock::new();
    KEY.get_or_init(|| SealingKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").expect("a key"))
}

fuzz_target!(|bytes: &[u8]| {
    // Nobody without the key can have written one.
    assert!(read_backup(bytes, key()).is_err());
    let mut body = bytes.to_vec();
    if body.last() != Some(&b'\n') {
        body.push(b'\n');
    }
    let file = ended(body, key());
    if let Ok(backup) = read_backup(&file, key()) {
        let registry = backup.registry();
        let records = registry.agents.len()
            + registry.permissions.len()
            + registry.clients.len()
            + registry.issuers.len()
            + registry.revocations.len()
            + registry.signing_keys.len()
            + registry.card_keys.len()
            + registry.task_keys.len();
        let lines = file.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(records + 2, lines);
    }
    // Cut anywhere, it is none any more.
    let cut = bytes.len() / 2;
    assert!(read_backup(file.get(..cut).unwrap_or_default(), key()).is_err());
});
