//! The exchange with the fleet's ledger: one worker of this Envoy tells it, several times a second, what all workers' callers spent and
//! will need, and spreads what it answers. Never on a request's path. The service is `tollgate.quota.v1.QuotaService`; the frames of gRPC
//! are the policy crate's business.

use std::{sync::Mutex, time::Duration};

use tollgate_policy::{
    document::QuotaDocument,
    quota::{Books, Leader, Purse, Share, SharedMemory, UnixMicros, framed, read_answer, worker_number},
};
use tollgate_proto::quota::v1 as wire;

use crate::{
    host::{self, CallId, Shared},
    service::lock,
};

/// Time between two exchanges, microseconds.
const PERIOD: UnixMicros = 100_000;
/// How long the ledger may take. Past it, what it answers is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// A call that was never answered, not even by the host, is given up after so long, microseconds.
const LOST: UnixMicros = 2_000_000;
/// Names this Envoy process, in shared memory: every worker must find the same.
const INSTANCE_KEY: &str = "tollgate.instance";

/// A worker's side of it. Most workers only listen.
pub(crate) struct Ledger {
    leader: Leader,
    /// Random.
    seed: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    books: Books,
    /// Whether this worker led when it last looked.
    leads: bool,
    /// The call that is not answered yet, and since when.
    waits_for: Option<(CallId, UnixMicros)>,
    exchanged: UnixMicros,
}

/// What a thread does in the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It may speak for its Envoy, if nobody else does.
    MayLead,
    /// It posts what its callers did and takes over the share in force.
    Follows,
}

/// What came of an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// The ledger answered.
    Answered,
    /// It did not.
    Failed,
    /// That call was none of the ledger's.
    Other,
}

/// How the fleet's limits stand for this Envoy.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) share: Share,
    /// Whether this worker leads, and then whether the ledger answers.
    pub(crate) healthy: Option<bool>,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        Self { leader: Leader { worker: worker_number(seed) }, seed, state: Mutex::default() }
    }

    /// Does what is due: posts what this worker's callers did, exchanges if this worker leads, and takes over the share in force.
    pub(crate) fn tick(&self, quota: &QuotaDocument, part: Part, purse: &mut Purse, now: UnixMicros) -> Standing {
        purse.post(&Shared, now);
        let mut share = Share::read(&Shared);
        let mut healthy = None;
        let mut state = lock(&self.state);
        let leads = part == Part::MayLead && self.leader.leads(&Shared, now);
        let led = std::mem::replace(&mut state.leads, leads);
        if leads {
            if !led {
                state.books.take_over(share, now);
            }
            let next = state.books.share(share, quota.when_away, now);
            if next != share {
                share = next;
                share.write(&Shared);
            }
            state.exchange(quota, share, self.instance(), now);
            healthy = Some(state.books.is_healthy(now));
        }
        purse.share(share);
        Standing { share, healthy }
    }

    /// The answer to a call of this plugin's.
    pub(crate) fn answered(&self, call: CallId, body: &[u8], now: UnixMicros) -> Exchange {
        let mut state = lock(&self.state);
        if state.waits_for.is_none_or(|(waits_for, _)| waits_for != call) {
            return Exchange::Other;
        }
        state.waits_for = None;
        let Some(answer) = read_answer(body) else {
            state.books.unanswered();
            return Exchange::Failed;
        };
        let share = Share::read(&Shared);
        state.books.answered(&answer, &Shared, share, now);
        Exchange::Answered
    }

    /// The number that tells this Envoy process from the one before.
    fn instance(&self) -> u64 {
        let read = || Shared.get(INSTANCE_KEY).and_then(|(bytes, _)| bytes.first_chunk().copied());
        if read().is_none() {
            let _ = Shared.set(INSTANCE_KEY, &self.seed.to_le_bytes(), None);
        }
        read().map_or(self.seed, u64::from_le_bytes)
    }
}

impl State {
    fn exchange(&mut self, quota: &QuotaDocument, share: Share, instance: u64, now: UnixMicros) {
        let elapsed = now.abs_diff(self.exchanged);
        if self.waits_for.is_some_and(|(_, since)| now.abs_diff(since) < LOST) || elapsed < PERIOD {
            return;
        }
        if self.waits_for.take().is_some() {
            self.books.unanswered();
        }
        self.exchanged = now;
        self.books.collect(&Shared, share, now, elapsed);
        let request =
            wire::SyncRequest { node_id: host::node_id(), instance, buckets: self.books.report(&Shared, share, now) };
        match host::post(&quota.cluster, wire::SYNC_PATH, &framed(&request), PATIENCE) {
            Some(call) => self.waits_for = Some((call, now)),
            None => self.books.unanswered(),
        }
    }
}
