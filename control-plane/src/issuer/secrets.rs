//! Clients' secrets: made, hashed with argon2id, and checked. Checking costs tens of milliseconds by design, so it happens off
//! the runtime's threads, a few at a time, and a success is remembered briefly.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use aws_lc_rs::{hmac, rand};
use tokio::sync::Semaphore;

use super::claims::random_text;
use crate::domain::{Client, ClientSecretHash, SecretText, UnixSeconds};

/// Seconds a success is remembered.
const REMEMBERED_SECONDS: u64 = 60;
const REMEMBERED_MOST: usize = 4096;
/// 19 MiB each: as many at once as a small server can afford.
const AT_ONCE: usize = 2;
/// More than this in line is an attack or an outage; waiting longer than a client does helps nobody.
const IN_LINE: usize = 64;

/// Checks secrets. Clones share what is remembered.
#[derive(Clone)]
pub struct ClientSecrets {
    inner: Arc<Inner>,
}

struct Inner {
    /// Checked for unknown clients, so that they take as long as known ones.
    decoy: ClientSecretHash,
    working: Semaphore,
    line: Semaphore,
    key: hmac::Key,
    remembered: Mutex<HashMap<[u8; 32], UnixSeconds>>,
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Too many checks in line.
    Busy,
}

/// A fresh secret: 256 random bits, base64url.
#[must_use]
pub fn new_secret() -> SecretText {
    SecretText::new(random_text::<32>())
}

/// Hashes a secret with argon2id (RFC 9106; 19 MiB, two passes). Takes tens of milliseconds: not for the runtime's threads.
#[must_use]
pub fn hash_secret(secret: &SecretText) -> ClientSecretHash {
    let mut salt = [0; 16];
    rand::fill(&mut salt).expect("the system has randomness");
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    let hash = hasher().hash_password(secret.expose().as_bytes(), &salt).expect("the parameters are valid");
    ClientSecretHash { phc: hash.to_string(), expires_at: None }
}

impl ClientSecrets {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new() -> Self {
        let mut key = [0; 32];
        rand::fill(&mut key).expect("the system has randomness");
        let inner = Inner {
            decoy: hash_secret(&new_secret()),
            working: Semaphore::new(AT_ONCE),
            line: Semaphore::new(IN_LINE),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            remembered: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether `secret` is one of the client's. `None`: there is no such client, which takes as long.
    pub(super) async fn check(&self, client: Option<&Client>, secret: SecretText, now: UnixSeconds) -> Verdict {
        let current = |hash: &&ClientSecretHash| hash.expires_at.is_none_or(|expires_at| now < expires_at);
        let mut hashes: Vec<ClientSecretHash> =
            client.into_iter().flat_map(|client| client.secrets.iter().filter(current).cloned()).collect();
        let tags: Vec<[u8; 32]> = hashes.iter().map(|hash| self.tag(hash, &secret)).collect();
        if self.remembers(&tags, now) {
            return Verdict::Right;
        }
        if hashes.is_empty() {
            hashes.push(self.inner.decoy.clone());
        }
        let Ok(_place) = self.inner.line.try_acquire() else { return Verdict::Busy };
        let _turn = self.inner.working.acquire().await.expect("the semaphore is never closed");
        let known = !tags.is_empty();
        let check = move || hashes.iter().position(|hash| fits(hash, &secret));
        let found = tokio::task::spawn_blocking(check).await.expect("checking a hash does not panic");
        match found.filter(|_| known).and_then(|at| tags.get(at)) {
            Some(tag) => {
                self.remember(*tag, now);
                Verdict::Right
            }
            None => Verdict::Wrong,
        }
    }

    /// What a success is remembered under: nobody without the key can tell a secret from it, and another hash is another tag.
    fn tag(&self, hash: &ClientSecretHash, secret: &SecretText) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.inner.key);
        context.update(hash.phc.as_bytes());
        context.update(&[0]);
        context.update(secret.expose().as_bytes());
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 is 32 bytes")
    }

    fn remembers(&self, tags: &[[u8; 32]], now: UnixSeconds) -> bool {
        let remembered = self.inner.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        tags.iter().any(|tag| remembered.get(tag).is_some_and(|until| now < *until))
    }

    fn remember(&self, tag: [u8; 32], now: UnixSeconds) {
        let mut remembered = self.inner.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MOST {
            remembered.retain(|_, until| now < *until);
        }
        if remembered.len() < REMEMBERED_MOST {
            remembered.insert(tag, now + REMEMBERED_SECONDS);
        }
    }
}

impl Default for ClientSecrets {
    fn default() -> Self {
        Self::new()
    }
}

fn fits(hash: &ClientSecretHash, secret: &SecretText) -> bool {
    PasswordHash::new(&hash.phc).is_ok_and(|hash| hasher().verify_password(secret.expose().as_bytes(), &hash).is_ok())
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}
