//! The way from a thread of the module's own to Envoy's: events that a stream's worker, or the main thread, receives.
#![allow(unsafe_code, reason = "a host's functions")]

use crate::abi::{ConfigPtr, ConfigSchedulerPtr, FilterPtr, SchedulerPtr, abi};

/// Leads to the worker of one stream, and nowhere once the stream is destroyed.
pub struct StreamScheduler(SchedulerPtr);

/// Leads to the main thread, and nowhere once the configuration is destroyed.
pub struct ConfigScheduler(ConfigSchedulerPtr);

// SAFETY: `abi.h`: events are committed, and schedulers deleted, on any thread.
unsafe impl Send for StreamScheduler {}
// SAFETY: as above.
unsafe impl Send for ConfigScheduler {}

impl StreamScheduler {
    /// The way to the worker of `filter`'s stream.
    ///
    /// # Safety
    /// `filter` is valid, and the calling thread is its worker's.
    #[must_use]
    pub unsafe fn new(filter: FilterPtr) -> Option<Self> {
        // SAFETY: the caller's.
        let scheduler = unsafe { (abi().ok()?.http_filter_scheduler_new)(filter) };
        (!scheduler.is_null()).then_some(Self(scheduler))
    }

    /// Sends an event.
    pub fn commit(&self) {
        if let Ok(abi) = abi() {
            // SAFETY: it was not deleted: `self` is there.
            unsafe { (abi.http_filter_scheduler_commit)(self.0, 0) };
        }
    }
}

impl Drop for StreamScheduler {
    fn drop(&mut self) {
        if let Ok(abi) = abi() {
            // SAFETY: it is deleted once, here.
            unsafe { (abi.http_filter_scheduler_delete)(self.0) };
        }
    }
}

impl ConfigScheduler {
    /// The way to the main thread, for `config`.
    ///
    /// # Safety
    /// `config` is valid, and the calling thread is the main thread.
    #[must_use]
    pub unsafe fn new(config: ConfigPtr) -> Option<Self> {
        // SAFETY: the caller's.
        let scheduler = unsafe { (abi().ok()?.http_filter_config_scheduler_new)(config) };
        (!scheduler.is_null()).then_some(Self(scheduler))
    }

    /// Sends an event.
    pub fn commit(&self) {
        if let Ok(abi) = abi() {
            // SAFETY: it was not deleted: `self` is there.
            unsafe { (abi.http_filter_config_scheduler_commit)(self.0, 0) };
        }
    }
}

impl Drop for ConfigScheduler {
    fn drop(&mut self) {
        if let Ok(abi) = abi() {
            // SAFETY: it is deleted once, here.
            unsafe { (abi.http_filter_config_scheduler_delete)(self.0) };
        }
    }
}
