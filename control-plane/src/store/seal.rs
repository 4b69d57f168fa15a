//! Seals what must not be readable on disk: inline secrets and private keys, with XChaCha20-Poly1305. A sealed value is bound to
//! its place (table, key, field), so that it cannot be moved to another record.

use std::{fmt, io, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    AeadCore, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, OsRng, Payload},
};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// The key that seals. `Debug` prints nothing of it.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why there is no sealing key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file cannot be read or made.
    #[error("the sealing key's file cannot be used")]
    File(#[source] io::Error),
    /// Not a key.
    #[error("a sealing key is 32 bytes in base64")]
    Shape,
    /// Others can read it.
    #[error("the sealing key's file must be readable by its owner alone (mode 0600)")]
    Exposed,
}

/// Where a sealed value belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) key: &'a str,
    pub(super) field: &'static str,
}

/// A sealed value did not open: another key sealed it, it was moved, or it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unopened;

impl SealingKey {
    /// Reads the key at `path`, or makes one there (mode 0600) if there is no such file.
    ///
    /// # Errors
    /// The file cannot be used, is readable by others, or holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                check_mode(path)?;
                Self::from_base64(&Zeroizing::new(text))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(SealError::File(error)),
        }
    }

    /// Reads a key written in base64.
    ///
    /// # Errors
    /// Not base64, or not 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| SealError::Shape)?);
        let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| SealError::Shape)?;
        Ok(Self(Zeroizing::new(key)))
    }

    fn create(path: &Path) -> Result<Self, SealError> {
        let key = Self(Zeroizing::new(XChaCha20Poly1305::generate_key(&mut OsRng).into()));
        let text = Zeroizing::new(BASE64_STANDARD.encode(key.0.as_slice()) + "\n");
        crate::secrets::write_private(path, text.as_bytes()).map_err(SealError::File)?;
        Ok(key)
    }

    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8]) -> String {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let aad = place.aad();
        let sealed = self.cipher().encrypt(&nonce, Payload { msg: plain, aad: &aad });
        let sealed = sealed.expect("a secret is far below the cipher's 256 GiB");
        BASE64_STANDARD.encode([nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let bytes = BASE64_STANDARD.decode(sealed).map_err(|_| Unopened)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(Unopened)?;
        let aad = place.aad();
        let plain = self.cipher().decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad });
        plain.map(Zeroizing::new).map_err(|_| Unopened)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Place<'_> {
    /// NUL separates the parts; no key holds one.
    fn aad(&self) -> Vec<u8> {
        [self.table, self.key, self.field].join("\0").into_bytes()
    }
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), SealError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_err(SealError::File)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(SealError::Exposed) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), SealError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Place, SealError, SealingKey, Unopened};

    const PLACE: Place<'static> = Place { table: "agents", key: "weather", field: "key" };

    fn key() -> (tempfile::TempDir, SealingKey) {
        let dir = tempfile::tempdir().unwrap();
        let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
        (dir, key)
    }

    #[test]
    fn a_sealed_value_opens_only_at_its_place_and_with_its_key() {
        let (_dir, key) = key();
        let sealed = key.seal(PLACE, b"secret");
        assert_eq!(key.open(PLACE, &sealed).unwrap().as_slice(), b"secret");
        let elsewhere = [
            Place { table: "clients", ..PLACE },
            Place { key: "calculator", ..PLACE },
            Place { field: "token", ..PLACE },
        ];
        for place in elsewhere {
            assert_eq!(key.open(place, &sealed), Err(Unopened));
        }
        assert_eq!(self::key().1.open(PLACE, &sealed), Err(Unopened));
    }

    #[test]
    fn no_changed_or_cut_value_opens() {
        let (_dir, key) = key();
        let sealed = key.seal(PLACE, b"secret");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.open(PLACE, &changed), Err(Unopened), "changed at {at}");
            assert_eq!(key.open(PLACE, &sealed[..at]), Err(Unopened), "cut at {at}");
        }
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_found_again() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, key) = key();
        let path = dir.path().join("key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SealingKey::load_or_create(&path).unwrap().0, key.0);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(SealingKey::load_or_create(&path), Err(SealError::Exposed)));
        assert!(matches!(SealingKey::from_base64("c2hvcnQ="), Err(SealError::Shape)));
    }
}
