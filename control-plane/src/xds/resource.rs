//! One resource as it is sent: its name, its bytes and the version that follows from them.

use std::{fmt, sync::Arc};

use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};
use sha2::{Digest, Sha256};

use super::any;

/// A resource, shared by every stream that sends it. `Debug` shows no bytes: some resources are secrets.
#[derive(Clone)]
pub struct Resource(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    version: Box<str>,
    body: Any,
    stand_in: StandIn,
}

/// Whether a resource only keeps the place of one that does not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandIn {
    /// The real thing.
    No,
    /// Goes only to a client that holds nothing under the name: it must not replace what an earlier control plane delivered.
    Yes,
}

impl Resource {
    /// Packs a message; the version is a hash of its bytes, so that it is the same after a restart.
    pub(super) fn new<M: Message + Name>(name: &str, message: &M) -> Self {
        let body = any::pack(message);
        let version = version_of(&[&body.value]);
        Self::with_version(name, version, body)
    }

    /// Takes a body whose version is known by cheaper means.
    pub(super) fn with_version(name: &str, version: String, body: Any) -> Self {
        Self(Arc::new(Inner { name: name.into(), version: version.into(), body, stand_in: StandIn::No }))
    }

    /// The same, marked as a stand-in.
    pub(super) fn stand_in<M: Message + Name>(name: &str, message: &M) -> Self {
        let body = any::pack(message);
        let version: Box<str> = version_of(&[b"stand-in", &body.value]).into();
        Self(Arc::new(Inner { name: name.into(), version, body, stand_in: StandIn::Yes }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        self.0.name.clone()
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Its bytes under their type URL.
    #[must_use]
    pub fn body(&self) -> &Any {
        &self.0.body
    }

    pub(super) fn is_stand_in(&self) -> bool {
        self.0.stand_in == StandIn::Yes
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("name", &self.name()).field("version", &self.version()).finish_non_exhaustive()
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name() == other.name() && self.version() == other.version())
    }
}

/// 64 bits of SHA-256 over the parts, each preceded by its length: enough to tell versions apart, short enough for 10,000 names.
pub(super) fn version_of(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
