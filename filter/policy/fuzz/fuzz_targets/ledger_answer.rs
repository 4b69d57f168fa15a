//! The ledger's answer: whatever body comes back, it is read or refused, and no answer brings a bucket more than a burst.
#![no_main]

use std::{cell::RefCell, collections::HashMap, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use prost::Message;
use tollgate_policy::{
    document::QuotaAway,
    quota::{Books, Refill, Share, SharedMemory, Stale, read_answer},
};
use tollgate_proto::quota::v1 as wire;

const NOW: u64 = 1_800_000_000_000_000;
const BURST: u64 = 30;

/// What a worker leaves for the leader: one caller's first request.
static MAILBOX: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = wire::BucketKey { issuer: "i".into(), client: "c".into(), agent: "a".into(), operations: String::new() };
    let limit = wire::Limit { requests_per_minute: 60, burst: BURST as u32 };
    let report =
        wire::BucketReport { key: Some(key), limit: Some(limit), admitted: 1, ..wire::BucketReport::default() };
    report.encode_length_delimited_to_vec()
});

#[derive(Default)]
struct Memory(RefCell<HashMap<String, Vec<u8>>>);

impl SharedMemory for Memory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.borrow().get(key).map(|value| (value.clone(), 1))
    }

    fn set(&self, key: &str, value: &[u8], _version: Option<u32>) -> Result<(), Stale> {
        self.0.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

fuzz_target!(|body: &[u8]| {
    let Some(answer) = read_answer(body) else { return };
    let (memory, mut books) = (Memory::default(), Books::default());
    let mut share = Share { nodes: 3.try_into().unwrap(), refill: Refill::Leases, since: 0 };
    for exchange in 0..2 {
        let now = NOW + exchange * 100_000;
        let _ = memory.set("tollgate.mailbox", &MAILBOX, None);
        books.collect(&memory, share, now, 100_000);
        let reports = books.report(&memory, share, now);
        assert!(reports.iter().all(|report| report.held <= BURST + exchange * BURST), "{reports:?}");
        books.answered(&answer, &memory, share, now);
        share = books.share(share, QuotaAway::FairShare, now);
        share.write(&memory);
        assert_eq!(Share::read(&memory), share);
    }
});
