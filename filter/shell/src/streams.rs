//! Streams under way on this worker and whose they are, so that a revoked caller's can be ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tollgate_policy::{Policy, document::RevokedStreams, token::Caller};

use crate::{host::StreamId, service::lock};

/// Streams by the host's number for them.
#[derive(Default)]
pub(crate) struct Streams {
    under_way: Mutex<HashMap<StreamId, Arc<Caller>>>,
}

impl Streams {
    /// A stream of `caller` begins.
    pub(crate) fn begin(&self, stream: StreamId, caller: &Arc<Caller>) {
        lock(&self.under_way).insert(stream, Arc::clone(caller));
    }

    /// It is over.
    pub(crate) fn end(&self, stream: StreamId) {
        lock(&self.under_way).remove(&stream);
    }

    /// Takes out the streams of callers who are cut off. `now` in seconds.
    pub(crate) fn cut_off(&self, policy: &Policy, now: u64) -> Vec<StreamId> {
        if policy.revocations().is_empty() || policy.gateway().revoked_streams == RevokedStreams::Finish {
            return Vec::new();
        }
        let mut under_way = lock(&self.under_way);
        under_way.extract_if(|_, caller| policy.revocations().cuts_off(caller, now)).map(|(stream, _)| stream).collect()
    }
}
