//! The configurations that Envoy has now: for each filter's name the newest, and those before it that streams still hold on to.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tollgate_filter::Configured;
use tollgate_native_host::{CallsOf, ConfigScheduler};

static NEXT: AtomicU64 = AtomicU64::new(0);
static LIVE: Mutex<Vec<Live>> = Mutex::new(Vec::new());

/// A configuration, as Envoy keeps it for its streams.
pub(crate) struct Config {
    /// No other has had it in this process.
    pub(crate) number: u64,
    pub(crate) configured: Arc<Configured>,
    pub(crate) calls: CallsOf,
}

struct Live {
    number: u64,
    /// `filter_name`.
    name: Vec<u8>,
    main_thread: ConfigScheduler,
}

/// Notes a new configuration of the filter called `name`.
pub(crate) fn begin(name: &[u8], configured: Configured, main_thread: ConfigScheduler, calls: CallsOf) -> Config {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    live().push(Live { number, name: name.to_vec(), main_thread });
    Config { number, configured: Arc::new(configured), calls }
}

/// Envoy drops a configuration, on whichever thread its last stream ended.
pub(crate) fn end(number: u64) {
    live().retain(|live| live.number != number);
}

/// Whether a configuration is there.
pub(crate) fn is_live(number: u64) -> bool {
    live().iter().any(|live| live.number == number)
}

/// Sends the main thread an event for the newest configuration of each name. Those before it are in force no more.
pub(crate) fn wake() {
    let live = live();
    let mut woken: Vec<&[u8]> = Vec::new();
    for live in live.iter().rev() {
        if !woken.contains(&live.name.as_slice()) {
            woken.push(&live.name);
            live.main_thread.commit();
        }
    }
}

fn live() -> MutexGuard<'static, Vec<Live>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
