//! Counters and gauges that Envoy keeps, of one configuration.
#![allow(unsafe_code, reason = "a host's functions")]

use std::ptr;

use crate::{
    abi::{self, ConfigPtr, ModuleBuffer, abi},
    config,
};

/// A metric of the configuration at an address. Defined for as long as the configuration is there.
#[derive(Clone, Copy)]
struct Metric {
    config: usize,
    id: usize,
}

impl Metric {
    fn config(self) -> ConfigPtr {
        ptr::with_exposed_provenance_mut(self.config)
    }
}

/// A counter the host keeps, shared by all workers.
#[derive(Clone, Copy)]
pub struct Counter(Option<Metric>);

/// A gauge the host keeps, shared by all workers.
#[derive(Clone, Copy)]
pub struct Gauge(Option<Metric>);

type Define = unsafe extern "C" fn(ConfigPtr, ModuleBuffer, *const ModuleBuffer, usize, *mut usize) -> u32;

/// Only while a configuration is made.
fn define(how: impl FnOnce(&abi::Abi) -> Define, name: &str) -> Option<Metric> {
    let (config, abi) = (config()?, abi().ok()?);
    let mut id = 0;
    let name = ModuleBuffer::of(name.as_bytes());
    // SAFETY: the configuration is valid (`in_config`), and so is the place for the answer.
    let result = unsafe { how(abi)(config, name, ptr::null(), 0, &raw mut id) };
    (result == abi::SUCCESS).then(|| Metric { config: config.expose_provenance(), id })
}

impl Counter {
    /// Defines the counter, or finds it. Only while a configuration is made ([`crate::in_config`]).
    pub fn define(name: &str) -> Self {
        Self(define(|abi| abi.http_filter_config_define_counter, name))
    }

    /// Adds `count`. Not after its configuration is gone.
    pub fn add(self, count: u64) {
        if let (Some(metric), Ok(abi), 1..) = (self.0, abi(), count) {
            // SAFETY: the configuration is there: this is a hook of it, or of one of its streams (`tollgate-module`).
            unsafe { (abi.http_filter_config_increment_counter)(metric.config(), metric.id, ptr::null(), 0, count) };
        }
    }
}

impl Gauge {
    /// Defines the gauge, or finds it. Only while a configuration is made ([`crate::in_config`]).
    pub fn define(name: &str) -> Self {
        Self(define(|abi| abi.http_filter_config_define_gauge, name))
    }

    /// Sets it. Not after its configuration is gone.
    pub fn set(self, value: u64) {
        if let (Some(metric), Ok(abi)) = (self.0, abi()) {
            // SAFETY: that of `Counter::add`.
            unsafe { (abi.http_filter_config_set_gauge)(metric.config(), metric.id, ptr::null(), 0, value) };
        }
    }
}
