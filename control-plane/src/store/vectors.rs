//! What models made of agents' texts, beside the registry: no part of its generation, and made again when it is lost. Flushed with the
//! registry's next write.

use std::{collections::BTreeSet, sync::Arc};

use sled::Tree;

use super::StoreError;
use crate::domain::{AgentId, Vector};

pub(super) const TREE: &[u8] = b"search-vectors";
/// First byte of a stored vector: its form.
const FORM: u8 = 1;
const DIGEST_BYTES: usize = 32;

/// Vectors by agent. Clones share them.
#[derive(Clone)]
pub struct Vectors(pub(super) Tree);

impl Vectors {
    /// The agent's vector; `None` if there is none, or what is there is none.
    #[must_use]
    pub fn get(&self, id: &AgentId) -> Option<Vector> {
        read(&self.0.get(id.as_str()).ok()??)
    }

    /// Keeps a vector.
    ///
    /// # Errors
    /// The disk's.
    pub fn put(&self, id: &AgentId, vector: &Vector) -> Result<(), StoreError> {
        self.0.insert(id.as_str(), written(vector)).map(drop).map_err(StoreError::Database)
    }

    /// Forgets a vector. One that stays is forgotten later.
    pub fn remove(&self, id: &AgentId) {
        let _ = self.0.remove(id.as_str());
    }

    /// Whose vectors are kept.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<AgentId> {
        let keys = self.0.iter().keys().filter_map(Result::ok);
        keys.filter_map(|key| AgentId::try_from(std::str::from_utf8(&key).ok()?).ok()).collect()
    }
}

/// Form, length of the embedder's id, the id, the text's digest, the numbers: little-endian.
fn written(vector: &Vector) -> Vec<u8> {
    let id = vector.embedder.as_bytes();
    let mut bytes = vec![FORM];
    bytes.extend_from_slice(&u16::try_from(id.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend_from_slice(&id[..id.len().min(usize::from(u16::MAX))]);
    bytes.extend_from_slice(&vector.digest);
    bytes.extend(vector.values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn read(bytes: &[u8]) -> Option<Vector> {
    let (form, rest) = bytes.split_first()?;
    if *form != FORM {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (id, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let (digest, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let (numbers, rest) = rest.as_chunks::<4>();
    let values: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    let is_whole = rest.is_empty() && !values.is_empty() && values.iter().all(|value| value.is_finite());
    let embedder: Arc<str> = std::str::from_utf8(id).ok()?.into();
    is_whole.then_some(Vector { embedder, digest: *digest, values })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_vector_is_read_as_it_was_written(id in "[a-z:0-9]{1,40}", values in prop::collection::vec(-1.0_f32..1.0, 1..64)) {
            let vector = Vector { embedder: id.as_str().into(), digest: [7; 32], values };
            prop_assert_eq!(read(&written(&vector)), Some(vector));
        }

        #[test]
        fn what_is_no_vector_is_none_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Some(vector) = read(&bytes) {
                prop_assert_eq!(written(&vector), bytes);
            }
        }
    }

    #[test]
    fn a_vector_that_was_cut_off_is_none() {
        let whole = written(&Vector { embedder: "e".into(), digest: [0; 32], values: vec![0.5; 4] });
        for length in 0..whole.len() {
            let is_shorter_vector = length > 36 && (length - 36) % 4 == 0;
            assert_eq!(read(&whole[..length]).is_some(), is_shorter_vector, "{length}");
        }
        let broken = written(&Vector { embedder: "e".into(), digest: [0; 32], values: vec![f32::NAN] });
        assert_eq!(read(&broken), None);
    }
}
