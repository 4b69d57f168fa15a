//! The memory that all workers of a host share, and the one way to change it: read, work, write if nobody else wrote meanwhile.

/// Tries against other workers that write the same value. Each failure means that another one succeeded.
const TRIES: usize = 64;

/// Memory that all workers of a host share: whole values by key, written if nobody else wrote meanwhile.
pub trait SharedMemory {
    /// The value and its version; `None`: it was never written.
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)>;

    /// Writes a value over the one of `version`; `None`: over whatever is there.
    ///
    /// # Errors
    /// Someone else wrote since.
    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<(), Stale>;

    /// Writes nothing where nothing was ever written. A host that cannot tell may write over what another writes just then.
    fn create(&self, key: &str) {
        let _ = self.set(key, &[], None);
    }
}

/// The value was written by someone else meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale;

/// What a look at a value led to.
pub(super) enum Outcome<T> {
    /// This is to stand there.
    Write(Vec<u8>, T),
    /// It stays as it is.
    Leave(T),
}

/// Shows `work` the value of `key`, empty at first, and writes what it makes of it. `None`: others wrote first every time.
pub(super) fn update<T>(
    shared: &dyn SharedMemory,
    key: &str,
    mut work: impl FnMut(Vec<u8>) -> Outcome<T>,
) -> Option<T> {
    for _ in 0..TRIES {
        let Some((bytes, version)) = shared.get(key) else {
            // Two first writers both succeed: neither may put anything in before it has read.
            shared.create(key);
            continue;
        };
        match work(bytes) {
            Outcome::Leave(result) => return Some(result),
            Outcome::Write(bytes, result) if shared.set(key, &bytes, Some(version)).is_ok() => return Some(result),
            Outcome::Write(..) => {}
        }
    }
    None
}
