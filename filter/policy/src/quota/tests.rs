//! Buckets under every sequence of times and spenders: workers of one Envoy, each with its purse, over one shared memory.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;

use super::bucket::{Bucket, Terms};
use super::*;
use crate::token::Caller;

/// A minute, microseconds.
const MINUTE: u64 = 60_000_000;
/// When tests begin.
const START: UnixMicros = 1_767_225_600_000_000;

/// A host's shared memory.
#[derive(Default)]
struct Memory {
    values: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    /// Writes that fail before the next succeeds.
    stale: RefCell<u32>,
}

impl SharedMemory for Memory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.values.borrow().get(key).cloned()
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<(), Stale> {
        let mut values = self.values.borrow_mut();
        let known = values.get(key).map_or(0, |(_, version)| *version);
        let mut stale = self.stale.borrow_mut();
        if *stale > 0 || (version.is_some_and(|version| version != known) && known != 0) {
            *stale = stale.saturating_sub(1);
            return Err(Stale);
        }
        values.insert(key.to_owned(), (value.to_vec(), known + 1));
        Ok(())
    }
}

fn quota(client: &str, rate: u32, burst: u32) -> Arc<Quota> {
    let limit = Limit::Bucket { requests_per_minute: rate.try_into().unwrap(), burst: burst.try_into().unwrap() };
    Payment::new(limit, Caller::sample(client, &[]).key(), "weather", None).quota().unwrap().clone()
}

fn spent(purse: &mut Purse, quota: &Arc<Quota>, memory: &Memory, now: UnixMicros, times: u32) -> usize {
    (0..times).filter(|_| purse.spend(quota, memory, now).is_ok()).count()
}

/// Whether some stretch of time admitted more than `burst` and what that time and `more` bring.
fn exceeds(admitted: &[UnixMicros], rate: u32, burst: u32, more: u64) -> bool {
    (0..admitted.len()).any(|from| {
        (from..admitted.len()).any(|to| {
            let window = admitted[to] - admitted[from] + more;
            (to - from + 1) as u64 > u64::from(burst) + (window * u64::from(rate)).div_ceil(MINUTE)
        })
    })
}

#[test]
fn a_new_caller_has_the_burst_and_then_the_rate() {
    let (memory, mut purse, quota) = (Memory::default(), Purse::default(), quota("app", 60, 10));
    assert_eq!(spent(&mut purse, &quota, &memory, START, 50), 10);
    assert_eq!(spent(&mut purse, &quota, &memory, START + 999_999, 5), 0);
    assert_eq!(spent(&mut purse, &quota, &memory, START + 1_000_000, 5), 1);
    assert_eq!(spent(&mut purse, &quota, &memory, START + MINUTE, 50), 10);
}

#[test]
fn who_is_refused_is_told_when_to_come_back() {
    let (memory, mut purse, quota) = (Memory::default(), Purse::default(), quota("app", 1, 1));
    let allowance = purse.spend(&quota, &memory, START).unwrap();
    assert_eq!(allowance.header(), "\"default\";r=0;t=60");
    for seconds in [0, 1, 59] {
        let exhausted = purse.spend(&quota, &memory, START + seconds * 1_000_000).unwrap_err();
        assert_eq!(exhausted.retry_after, 60 - seconds, "{seconds}");
        assert_eq!(exhausted.header(), format!("\"default\";r=0;t={}", 60 - seconds));
    }
    assert!(purse.spend(&quota, &memory, START + MINUTE).is_ok());
}

#[test]
fn callers_do_not_spend_each_others_tokens() {
    let (memory, mut purse) = (Memory::default(), Purse::default());
    assert_eq!(spent(&mut purse, &quota("a", 60, 10), &memory, START, 100), 10);
    assert_eq!(spent(&mut purse, &quota("b", 60, 10), &memory, START, 100), 10);
}

#[test]
fn workers_spend_from_one_bucket_and_return_what_lies_idle() {
    let (memory, quota) = (Memory::default(), quota("app", 1, 320));
    let (mut busy, mut idle) = (Purse::default(), Purse::default());
    let first = spent(&mut idle, &quota, &memory, START, 3);
    idle.tidy(&memory, START);
    idle.tidy(&memory, START);
    assert_eq!(first + spent(&mut busy, &quota, &memory, START, 400), 320);
}

#[test]
fn a_share_of_a_burst_too_small_to_share_is_one_token() {
    let shares = [1, 3, 1000].map(|nodes: u32| {
        let terms = Terms::new(&quota("app", 60, 10), Share { nodes: nodes.try_into().unwrap(), ..Share::ALL });
        Bucket::full(START).held(&terms)
    });
    assert_eq!(shares, [10, 3, 1]);
}

#[test]
fn nobody_passes_because_the_memory_cannot_be_written() {
    let (memory, mut purse) = (Memory::default(), Purse::default());
    *memory.stale.borrow_mut() = u32::MAX;
    assert_eq!(spent(&mut purse, &quota("app", 60, 10), &memory, START, 20), 0);
}

#[test]
fn memory_does_not_grow_with_callers_and_few_of_them_are_forgotten() {
    let (memory, mut purse) = (Memory::default(), Purse::default());
    let mut now = START;
    for caller in 0..100_000 {
        now += 50;
        assert!(purse.spend(&quota(&caller.to_string(), 100, 100), &memory, now).is_ok());
        if caller % 10_000 == 0 {
            purse.tidy(&memory, now);
        }
    }
    let bytes: usize = memory.values.borrow().iter().map(|(key, (value, _))| key.len() + value.len()).sum();
    assert!(bytes < 4 << 20, "{bytes}");
}

fn gate(most: u32) -> Gate {
    Gate::new(BucketId::everyone("weather"), most.try_into().unwrap())
}

#[test]
fn workers_count_together_what_is_under_way() {
    let (memory, one, two) = (Memory::default(), &mut Flight::new(1), &mut Flight::new(2));
    let gates = [gate(3)];
    let first = one.enter(gates.iter(), &memory, 10).unwrap();
    let rest = [two.enter(gates.iter(), &memory, 10).unwrap(), one.enter(gates.iter(), &memory, 10).unwrap()];
    assert!(one.enter(gates.iter(), &memory, 10).is_none() && two.enter(gates.iter(), &memory, 10).is_none());
    one.leave(first, &memory, 11);
    assert!(two.enter(gates.iter(), &memory, 11).is_some());
    drop(rest);
}

#[test]
fn who_is_refused_at_the_second_gate_holds_nothing_of_the_first() {
    let (memory, flight) = (Memory::default(), &mut Flight::new(1));
    let narrow = Gate::new(BucketId::everyone("other"), NonZeroU32::MIN);
    let both = [gate(2), narrow];
    let _inside = flight.enter(both.iter(), &memory, 10).unwrap();
    assert!(flight.enter(both.iter(), &memory, 10).is_none());
    assert!(flight.enter(both[..1].iter(), &memory, 10).is_some());
    assert!(flight.enter(both[..1].iter(), &memory, 10).is_none());
}

#[test]
fn a_dead_workers_requests_end_with_it_and_a_living_ones_do_not() {
    let (memory, dead, alive) = (Memory::default(), &mut Flight::new(1), &mut Flight::new(2));
    let gates = [gate(2)];
    let _lost = dead.enter(gates.iter(), &memory, 100).unwrap();
    let _held = alive.enter(gates.iter(), &memory, 100).unwrap();
    for now in 101..120 {
        alive.sign(&memory, now);
    }
    assert!(alive.enter(gates.iter(), &memory, 120).is_some());
    assert!(alive.enter(gates.iter(), &memory, 120).is_none());
}

proptest! {
    #[test]
    fn never_more_under_way_than_the_gate_allows(most in 1..5u32, steps in prop::collection::vec((0..3usize, any::<bool>()), 1..80)) {
        let memory = Memory::default();
        let mut workers = [Flight::new(1), Flight::new(2), Flight::new(3)];
        let mut inside: [Vec<Passage>; 3] = Default::default();
        let gates = [gate(most)];
        for (worker, enters) in steps {
            let under_way = inside.iter().map(Vec::len).sum::<usize>();
            if enters {
                let passage = workers[worker].enter(gates.iter(), &memory, 50);
                prop_assert_eq!(passage.is_some(), under_way < most as usize);
                inside[worker].extend(passage);
            } else if let Some(passage) = inside[worker].pop() {
                workers[worker].leave(passage, &memory, 50);
            }
        }
    }

    #[test]
    fn no_stretch_of_time_admits_more_than_burst_and_refill(
        rate in 1..2_000u32, burst in 1..50u32, steps in prop::collection::vec((0..400_000u64, 0..3usize, 1..8u32, any::<bool>()), 1..120),
    ) {
        let memory = Memory::default();
        let mut purses = [Purse::default(), Purse::default(), Purse::default()];
        let (quota, mut now, mut admitted) = (quota("app", rate, burst), START, Vec::new());
        for (step, worker, times, tidies) in steps {
            now += step;
            let purse = &mut purses[worker];
            let count = spent(purse, &quota, &memory, now, times);
            admitted.extend(std::iter::repeat_n(now, count));
            if tidies {
                purse.tidy(&memory, now);
            }
        }
        // What is brought while a worker holds tokens: a 64th of a burst, or in 50 ms.
        let held = (u64::from(burst) * MINUTE / u64::from(rate) / 64).clamp(50_000, 1_000_000);
        prop_assert!(!exceeds(&admitted, rate, burst, held));
    }

    #[test]
    fn one_bucket_alone_keeps_to_the_microsecond_and_loses_nothing(
        rate in 1..5_000u32, burst in 1..20u32, steps in prop::collection::vec((0..200_000u64, 1..6u32), 1..120),
    ) {
        let terms = Terms::new(&quota("app", rate, burst), Share::ALL);
        let (mut bucket, mut now, mut admitted) = (Bucket::full(START), START, Vec::new());
        let mut expected = u64::from(burst) * MINUTE;
        for (step, times) in steps {
            now += step;
            expected = (expected + step * u64::from(rate)).min(u64::from(burst) * MINUTE);
            bucket.refill_by(&terms, now);
            for _ in 0..times {
                prop_assert_eq!(u64::from(bucket.held(&terms)), expected / MINUTE);
                if expected >= MINUTE {
                    bucket.take(&terms, 1);
                    expected -= MINUTE;
                    admitted.push(now);
                }
            }
        }
        prop_assert!(!exceeds(&admitted, rate, burst, 0));
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing(steps in prop::collection::vec(-20_000_000..20_000_000i64, 1..60)) {
        let terms = Terms::new(&quota("app", 60, 1_000), Share::ALL);
        let (mut bucket, mut now, mut forward) = (Bucket { spent: i64::MAX / 2, at: START, full_at: 0 }, START, 0i64);
        for step in steps {
            now = now.saturating_add_signed(step);
            forward += step.max(0);
            bucket.refill_by(&terms, now);
        }
        prop_assert!(i64::MAX / 2 - bucket.spent <= forward * 60);
        // However far back it went, time goes on bringing tokens from there, after five seconds at most.
        let before = bucket.spent;
        bucket.refill_by(&terms, now + 5_000_001);
        prop_assert!(before - bucket.spent > 0);
    }

    #[test]
    fn shares_together_are_no_more_than_the_whole(rate in 1..5_000u32, nodes in 1..12u32, more in 0..50u32, time in 0..200_000_000u64) {
        let burst = nodes + more;
        let quota = quota("app", rate, burst);
        let terms = Terms::new(&quota, Share { nodes: nodes.try_into().unwrap(), ..Share::ALL });
        let mut bucket = Bucket::full(START);
        let first = bucket.held(&terms);
        bucket.take(&terms, first);
        bucket.refill_by(&terms, START + time);
        let all = u64::from(nodes) * u64::from(first + bucket.held(&terms));
        prop_assert!(all <= u64::from(burst) + (time * u64::from(rate)).div_ceil(MINUTE));
    }
}

/// One Envoy: its memory, one worker with a purse, and the books of the worker that leads.
#[derive(Default)]
struct Envoy {
    memory: Memory,
    purse: Purse,
    books: Books,
}

impl Envoy {
    /// One exchange, the ledger lending `lent` of what is asked for; what was asked for the only bucket.
    fn exchange(&mut self, now: UnixMicros, nodes: u32, lent: impl Fn(u64) -> u64) -> u64 {
        self.answered(now, nodes, tollgate_proto::quota::v1::LeaseState::Leasing, lent)
    }

    /// One exchange with a ledger that has just begun.
    fn begin_anew(&mut self, now: UnixMicros, nodes: u32) {
        self.answered(now, nodes, tollgate_proto::quota::v1::LeaseState::FairShare, |_| 0);
    }

    fn answered(
        &mut self,
        now: UnixMicros,
        nodes: u32,
        state: tollgate_proto::quota::v1::LeaseState,
        lent: impl Fn(u64) -> u64,
    ) -> u64 {
        self.purse.post(&self.memory, now);
        let share = Share::read(&self.memory);
        self.books.collect(&self.memory, share, now, 100_000);
        let reports = self.books.report(&self.memory, share, now);
        let wanted = reports.first().map_or(0, |report| report.wanted);
        let answer = tollgate_proto::quota::v1::SyncResponse {
            nodes,
            state: state.into(),
            granted: reports.iter().map(|report| lent(report.wanted)).collect(),
        };
        self.books.answered(&answer, &self.memory, share, now);
        let share = self.books.share(share, crate::document::QuotaAway::FairShare, now);
        share.write(&self.memory);
        self.purse.share(share);
        wanted
    }
}

#[test]
fn an_envoy_of_three_spends_its_share_and_then_what_it_is_lent() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 600, 30));
    assert_eq!(envoy.exchange(START, 3, |_| 0), 0);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START, 100), 10);
    // A hundred in a tenth of a second: as much as the bucket holds would be spent before the ledger can be asked thrice.
    assert_eq!(envoy.exchange(START + 100_000, 3, |_| 7), 30);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START + 110_000, 100), 7);
    // Time alone brings nothing while the ledger lends.
    assert_eq!(envoy.exchange(START + 200_000, 3, |_| 0), 30);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START + 20_000_000, 100), 0);
}

#[test]
fn with_the_ledger_away_an_envoy_goes_on_with_its_fair_share() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 600, 30));
    envoy.exchange(START, 3, |_| 0);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START, 100), 10);
    let away = START + 3_000_000;
    assert!(!envoy.books.is_healthy(away));
    let fair = envoy.books.share(Share::read(&envoy.memory), crate::document::QuotaAway::FairShare, away);
    envoy.purse.share(fair);
    // From then on, not from when the tokens were spent: 600 a minute by three is a token each 300 ms.
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, away, 100), 0);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, away + 1_000_000, 100), 3);
    let refusing = envoy.books.share(fair, crate::document::QuotaAway::Refuse, away + 1_000_000);
    envoy.purse.share(refusing);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, away + 60_000_000, 100), 0);
}

#[test]
fn who_is_heard_first_by_a_ledger_that_forgot_does_not_take_itself_to_be_alone() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 60, 30));
    envoy.exchange(START, 3, |_| 0);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START, 5), 5);
    let restarted = START + 100_000;
    envoy.begin_anew(restarted, 1);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, restarted, 100), 5, "its share, and not the whole burst");
    envoy.begin_anew(restarted + 100_000, 4);
    assert_eq!(Share::read(&envoy.memory).nodes.get(), 4, "more are believed at once");
    envoy.exchange(restarted + 3_000_000, 1, |_| 0);
    assert_eq!(Share::read(&envoy.memory).nodes.get(), 1, "and fewer by the time it lends");
}

#[test]
fn an_envoy_that_holds_all_that_was_lent_has_one_burst_when_the_others_leave() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 60, 30));
    envoy.exchange(START, 3, |_| 0);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START, 100), 10);
    envoy.exchange(START + 100_000, 3, |wanted| wanted);
    // The last answer lends by the share of three, and says that it is alone.
    envoy.exchange(START + 200_000, 1, |_| 30);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START + 200_000, 200), 30);
}

#[test]
fn an_idle_bucket_is_filled_to_its_share_and_leaves_the_books() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 600, 30));
    envoy.exchange(START, 3, |_| 0);
    spent(&mut envoy.purse, &quota, &envoy.memory, START, 4);
    envoy.exchange(START + 100_000, 3, |_| 0);
    for tenth in 2..100 {
        envoy.exchange(START + tenth * 100_000, 3, |wanted| wanted.min(1));
        envoy.purse.tidy(&envoy.memory, START + tenth * 100_000);
    }
    assert_eq!(envoy.exchange(START + 10_000_000, 3, |_| panic!("nothing is told of it")), 0);
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, START + 10_100_000, 100), 10);
}

#[test]
fn what_was_told_to_no_avail_is_told_again() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 60, 5));
    spent(&mut envoy.purse, &quota, &envoy.memory, START, 7);
    envoy.purse.post(&envoy.memory, START);
    for second in 1..3 {
        let now = START + second * 1_000_000;
        envoy.books.collect(&envoy.memory, Share::ALL, now, 100_000);
        let reports = envoy.books.report(&envoy.memory, Share::ALL, now);
        assert_eq!((reports[0].admitted, reports[0].refused), (5, 2));
        envoy.books.unanswered();
    }
}

#[test]
fn of_more_callers_than_the_mailbox_holds_each_is_told_of_in_time() {
    let (memory, mut purse, mut books) = (Memory::default(), Purse::default(), Books::default());
    let names: Vec<String> = (0..2_000).map(|number| format!("{number:-<200}")).collect();
    for name in &names {
        assert_eq!(spent(&mut purse, &quota(name, 60, 5), &memory, START, 1), 1);
    }
    let mut told = 0;
    for round in 1..5 {
        // They are idle meanwhile, and there is no waiting for another second.
        let now = START + 2_000_000 + round * 100_000;
        purse.tidy(&memory, now);
        purse.post(&memory, now);
        books.collect(&memory, Share::ALL, now, 100_000);
        told += books.report(&memory, Share::ALL, now).iter().map(|report| report.admitted).sum::<u64>();
        books.answered(&tollgate_proto::quota::v1::SyncResponse::default(), &memory, Share::ALL, now);
    }
    assert_eq!(told, names.len() as u64);
}

#[test]
fn what_costs_nothing_is_counted() {
    let (memory, mut purse, mut books) = (Memory::default(), Purse::default(), Books::default());
    let free = Payment::new(Limit::Unlimited, Caller::sample("app", &[]).key(), "weather", None);
    for _ in 0..3 {
        assert_eq!(purse.pay(&free, &memory, START), Ok(None));
    }
    purse.shed(&free);
    purse.unauthorized(&free);
    purse.post(&memory, START);
    books.collect(&memory, Share::ALL, START, 100_000);
    let reports = books.report(&memory, Share::ALL, START);
    let report = &reports[0];
    assert_eq!((report.admitted, report.shed, report.unauthorized, report.wanted), (3, 1, 1, 0));
    assert_eq!(reports[0].limit.map(|limit| limit.requests_per_minute), Some(0));
}

#[test]
fn an_envoy_alone_tells_once_a_second_and_of_a_refused_credential_at_once() {
    let (mut envoy, quota) = (Envoy::default(), quota("app", 60, 30));
    let admitted = |envoy: &mut Envoy, tenths: u64| {
        let now = START + tenths * 100_000;
        assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, now, 1), 1);
        envoy.purse.post(&envoy.memory, now);
        envoy.books.collect(&envoy.memory, Share::ALL, now, 100_000);
        let reports = envoy.books.report(&envoy.memory, Share::ALL, now);
        reports.iter().map(|report| report.admitted).sum::<u64>()
    };
    let told: Vec<u64> = (0..=10).map(|tenths| admitted(&mut envoy, tenths)).collect();
    assert_eq!(told, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]);
    envoy.purse.unauthorized(&Payment::Quota(Arc::clone(&quota)));
    assert_eq!(admitted(&mut envoy, 11), 1);
    // Once there are others, demand is of the time it was posted for: eight requests in a second are no eighty.
    let joined = START + 2_000_000;
    assert_eq!(spent(&mut envoy.purse, &quota, &envoy.memory, joined, 8), 8);
    let share = Share { nodes: 2.try_into().unwrap(), refill: Refill::Leases, since: joined };
    envoy.purse.share(share);
    envoy.purse.post(&envoy.memory, joined);
    envoy.books.collect(&envoy.memory, share, joined, 100_000);
    assert_eq!(envoy.books.report(&envoy.memory, share, joined)[0].demand, 8);
}

#[test]
fn one_worker_leads_until_it_is_not_heard_of() {
    let (memory, one, two) = (Memory::default(), Leader { worker: 1 }, Leader { worker: 2 });
    assert!(one.leads(&memory, START) && !two.leads(&memory, START + 1));
    assert!(!two.leads(&memory, START + 500_000) && one.leads(&memory, START + 900_000));
    assert!(!two.leads(&memory, START + 1_800_000) && two.leads(&memory, START + 2_000_000));
    assert!(!one.leads(&memory, START + 2_000_001));
}

#[test]
fn who_takes_over_leading_keeps_the_share_until_the_ledger_has_had_its_time() {
    let leased = Share { nodes: 3.try_into().unwrap(), refill: Refill::Leases, since: START };
    let (mut books, away) = (Books::default(), crate::document::QuotaAway::FairShare);
    books.take_over(leased, START + 500_000);
    assert_eq!(books.share(leased, away, START + 2_000_000), leased);
    let fair = books.share(leased, away, START + 3_000_000);
    assert_eq!((fair.nodes, fair.refill), (leased.nodes, Refill::Time));
}

#[test]
fn a_name_too_long_for_a_report_is_reported_by_its_beginning_and_its_hash() {
    let (memory, mut purse, mut books) = (Memory::default(), Purse::default(), Books::default());
    let names = ["x".repeat(8_000), format!("{}y", "x".repeat(8_000)), "x".repeat(512)];
    for name in &names {
        assert_eq!(spent(&mut purse, &quota(name, 60, 5), &memory, START, 9), 5, "each has its own bucket");
    }
    purse.post(&memory, START);
    books.collect(&memory, Share::ALL, START, 100_000);
    let reports = books.report(&memory, Share { nodes: 2.try_into().unwrap(), ..Share::ALL }, START);
    let mut clients: Vec<String> = reports.into_iter().map(|report| report.key.unwrap().client).collect();
    clients.sort();
    clients.dedup();
    assert_eq!(clients.len(), names.len());
    assert!(clients.iter().all(|client| client.len() <= 512 && client.starts_with('x')), "{clients:?}");
}

#[test]
fn a_caller_whose_first_request_is_one_too_many_is_counted() {
    let (memory, mut purse, mut books) = (Memory::default(), Purse::default(), Books::default());
    purse.shed(&Payment::Quota(quota("app", 60, 5)));
    purse.post(&memory, START);
    books.collect(&memory, Share::ALL, START, 100_000);
    assert_eq!(books.report(&memory, Share::ALL, START)[0].shed, 1);
}
