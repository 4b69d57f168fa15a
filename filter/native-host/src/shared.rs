//! Memory that all of this Envoy's threads share. What wasm needs the host for is a map here.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use tollgate_policy::quota::{SharedMemory, Stale};

static VALUES: LazyLock<Mutex<HashMap<String, Value>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Value {
    bytes: Vec<u8>,
    version: u32,
}

/// Memory that the workers of this Envoy share. Its keys are never freed.
pub struct Shared;

impl SharedMemory for Shared {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(key).map(|value| (value.bytes.clone(), value.version))
    }

    fn set(&self, key: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Stale> {
        let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get_mut(key) {
            if version.is_some_and(|version| version != value.version) {
                return Err(Stale);
            }
            value.bytes.clear();
            value.bytes.extend_from_slice(bytes);
            value.version = value.version.wrapping_add(1);
            return Ok(());
        }
        if version.is_some() {
            return Err(Stale);
        }
        values.insert(key.to_owned(), Value { bytes: bytes.to_vec(), version: 1 });
        Ok(())
    }

    fn create(&self, key: &str) {
        let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
        values.entry(key.to_owned()).or_insert_with(|| Value { bytes: Vec::new(), version: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_over_the_version_that_was_read_and_no_other() {
        const KEY: &str = "a_value_is_written";
        assert_eq!(Shared.get(KEY), None);
        assert_eq!(Shared.set(KEY, b"0", Some(1)), Err(Stale), "nothing was read");
        Shared.set(KEY, b"a", None).unwrap();
        let (value, version) = Shared.get(KEY).unwrap();
        assert_eq!(value, b"a");
        Shared.set(KEY, b"bc", Some(version)).unwrap();
        assert_eq!(Shared.set(KEY, b"d", Some(version)), Err(Stale));
        Shared.create(KEY);
        assert_eq!(Shared.get(KEY).unwrap().0, b"bc");
        Shared.set(KEY, b"", None).unwrap();
        assert_eq!(Shared.get(KEY).unwrap().0, b"");
    }

    #[test]
    fn of_threads_that_write_at_once_none_is_lost() {
        const KEY: &str = "of_threads_that_write";
        let add = || {
            for _ in 0..1_000 {
                loop {
                    let (value, version) = Shared.get(KEY).map_or((0_u64, None), |(bytes, version)| {
                        (bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)), Some(version))
                    });
                    let Some(version) = version else {
                        Shared.create(KEY);
                        continue;
                    };
                    if Shared.set(KEY, &(value + 1).to_le_bytes(), Some(version)).is_ok() {
                        break;
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(add))));
        assert_eq!(Shared.get(KEY).unwrap().0, 4_000_u64.to_le_bytes());
    }
}
