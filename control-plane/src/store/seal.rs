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
