//! Streams under way on this worker and whose they are, so that a revoked caller's can be ended.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use tollgate_policy::{Policy, document::RevokedStreams, token::Caller};

use crate::host;

/// Streams by the host's number for them.
#[derive(Default)]
pub(crate) struct Streams {
    under_way: RefCell<HashMap<u32, Arc<Caller>>>,
}

impl Streams {
    /// A stream of `caller` begins.
    pub(crate) fn begin(&self, stream: u32, caller: &Arc<Caller>) {
        self.under_way.borrow_mut().insert(stream, Arc::clone(caller));
    }

    /// It is over.
    pub(crate) fn end(&self, stream: u32) {
        self.under_way.borrow_mut().remove(&stream);
    }

    /// Resets the streams of callers who are cut off; answers with their number. `own` is the calling context, `now`
    /// in seconds. Only in `on_tick`.
    pub(crate) fn cut_off(&self, policy: &Policy, own: u32, now: u64) -> u64 {
        if policy.revocations().is_empty() || policy.gateway().revoked_streams == RevokedStreams::Finish {
            return 0;
        }
        let mut under_way = self.under_way.borrow_mut();
        let cut: Vec<u32> = under_way
            .iter()
            .filter(|(_, caller)| policy.revocations().cuts_off(caller, now))
            .map(|(stream, _)| *stream)
            .collect();
        let mut count = 0_u64;
        for stream in cut {
            under_way.remove(&stream);
            host::reset_stream(stream, own);
            count = count.saturating_add(1);
        }
        count
    }
}
