//! The filter's counters, `tollgate_*`. Labels stand in the names (`.outcome.allowed.`) until `stats_tags` of the bootstrap takes them
//! out; none depends on a caller, an agent or a path. What every request adds to is counted here and told to the host once a second.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tollgate_policy::{Denial, Reason};

use crate::host::{Counter, Gauge};

/// The counters of one configuration. The host keeps one value per name, whichever configuration or worker adds to it.
#[derive(Clone, Copy)]
pub(crate) struct Metrics {
    allowed: Counter,
    unauthenticated: Counter,
    forbidden: Counter,
    not_found: Counter,
    bad_request: Counter,
    rate_limited: Counter,
    overloaded: Counter,
    unavailable: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    /// Signatures the host verified.
    pub(crate) host_signatures: Counter,
    /// Signatures the host was asked for and could not verify: they were verified in the module.
    pub(crate) module_signatures: Counter,
    /// Exchanges with the fleet's ledger that it answered.
    pub(crate) exchanges_answered: Counter,
    /// Exchanges that it did not.
    pub(crate) exchanges_failed: Counter,
    /// 1: the ledger answers; 0: it has not for two seconds, and buckets are filled by this Envoy's fair share, or not at all.
    pub(crate) ledger_healthy: Gauge,
    /// Envoys that share a limit, as far as this one knows.
    pub(crate) fleet_nodes: Gauge,
    /// Streams of revoked callers that were reset.
    pub(crate) streams_ended: Counter,
    /// Configurations taken, counted once per VM.
    pub(crate) accepted: Counter,
    /// Configurations refused, counted once per VM.
    pub(crate) refused: Counter,
}

impl Metrics {
    /// Defines every counter.
    pub(crate) fn define() -> Self {
        let outcome = |name: &str| Counter::define(&format!("tollgate_requests.outcome.{name}.total"));
        let lookup = |name: &str| Counter::define(&format!("tollgate_token_cache.result.{name}.total"));
        let signature = |name: &str| Counter::define(&format!("tollgate_signatures.by.{name}.total"));
        let configuration = |name: &str| Counter::define(&format!("tollgate_configurations.result.{name}.total"));
        let exchange = |name: &str| Counter::define(&format!("tollgate_ledger_exchanges.result.{name}.total"));
        Self {
            allowed: outcome("allowed"),
            unauthenticated: outcome("unauthenticated"),
            forbidden: outcome("forbidden"),
            not_found: outcome("not_found"),
            bad_request: outcome("bad_request"),
            rate_limited: outcome("rate_limited"),
            overloaded: outcome("overloaded"),
            unavailable: outcome("unavailable"),
            cache_hits: lookup("hit"),
            cache_misses: lookup("miss"),
            host_signatures: signature("host"),
            module_signatures: signature("module"),
            exchanges_answered: exchange("answered"),
            exchanges_failed: exchange("failed"),
            ledger_healthy: Gauge::define("tollgate_ledger_healthy"),
            fleet_nodes: Gauge::define("tollgate_fleet_nodes"),
            streams_ended: Counter::define("tollgate_revoked_streams_ended_total"),
            accepted: configuration("accepted"),
            refused: configuration("refused"),
        }
    }

    /// Counts a denied request by its HTTP status, and by its code where that says more.
    pub(crate) fn count_denied(&self, denial: &Denial) {
        let counter = match denial.status() {
            _ if denial.code() == Reason::Overloaded.code() => self.overloaded,
            401 => self.unauthenticated,
            403 => self.forbidden,
            404 => self.not_found,
            429 => self.rate_limited,
            500.. => self.unavailable,
            _ => self.bad_request,
        };
        counter.add(1);
    }
}

/// What a worker counted and the host does not know yet. Admitted requests and token lookups are too many for a host call each.
#[derive(Default)]
pub(crate) struct Tally {
    allowed: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Tally {
    /// Counts an admitted request.
    pub(crate) fn count_allowed(&self) {
        self.allowed.fetch_add(1, Relaxed);
    }

    /// Tells the host what happened since the last time. `hits` and `misses` are the token cache's counts since the VM began.
    pub(crate) fn report(&self, metrics: &Metrics, hits: u64, misses: u64) {
        metrics.allowed.add(self.allowed.swap(0, Relaxed));
        metrics.cache_hits.add(hits.saturating_sub(self.hits.swap(hits, Relaxed)));
        metrics.cache_misses.add(misses.saturating_sub(self.misses.swap(misses, Relaxed)));
    }
}
