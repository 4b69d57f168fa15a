//! The gateway's two processes: stopped, killed and started again.

use std::sync::{MutexGuard, PoisonError};

use super::{Gateway, launch};
use crate::{process::Process, wait};

impl Gateway {
    /// `kill -9` of the control plane.
    pub fn kill_control(&self) {
        self.control().kill();
    }

    /// SIGTERM to the control plane; returns when it has ended.
    pub fn stop_control(&self) {
        self.control().terminate();
    }

    /// Starts the control plane again on the same data and ports.
    pub fn restart_control(&self) {
        self.restart_control_with(&[]);
    }

    /// Starts it again with these variables besides.
    pub fn restart_control_with(&self, more: &[(&str, &str)]) {
        let mut settings = self.settings.clone();
        settings.variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        *self.control() = launch::control(&self.directory, &settings);
        self.wait_for_control();
    }

    /// `kill -9` of Envoy.
    pub fn kill_envoy(&self) {
        self.running_envoy().kill();
    }

    /// Kills Envoy and starts another that knows nothing; returns when it serves.
    pub fn restart_envoy(&self) {
        self.running_envoy().kill();
        *self.running_envoy() = launch::envoy(self.ports, &self.directory, &self.settings);
        self.wait_for_envoy();
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Process> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running_envoy(&self) -> MutexGuard<'_, Process> {
        self.envoy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_for_control(&self) {
        wait::until("the control plane's token endpoint", || {
            assert!(self.control().is_running(), "the control plane ended at start:\n{}", self.control().log());
            self.admin_token_request().try_send().filter(|response| response.status == 200)
        });
    }

    pub(super) fn wait_for_envoy(&self) {
        wait::until("Envoy with a policy", || {
            assert!(self.running_envoy().is_running(), "Envoy ended at start:\n{}", self.running_envoy().log());
            let listing = self.request("GET", "/agents").bearer(&self.token("agents:none:read"));
            listing.try_send().filter(|response| response.status == 200)
        });
    }
}
