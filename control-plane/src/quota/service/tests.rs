//! What the service takes, and what it answers when the ledger does not.

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt, ready};
use tollgate_proto::quota::v1::{
    BucketKey, BucketReport, LeaseState, Limit, SyncRequest, SyncResponse, quota_service_server::QuotaService,
};
use tonic::{Code, Request, Status};

use super::{Quota, Refusals, Service};
use crate::domain::AgentId;
use crate::quota::{FleetTable, Ledger, LedgerError, Lent, MemoryLedger, Micros, NodeKey, Report, UsageTable};

const NOW: Micros = Micros::from_seconds(1_700_000_000);

/// A ledger that gives these answers, last first.
struct Scripted(Mutex<Vec<Result<Lent, LedgerError>>>);

impl Ledger for Scripted {
    fn exchange<'a>(&'a self, _: &'a NodeKey, _: &'a [Report], _: Micros) -> BoxFuture<'a, Result<Lent, LedgerError>> {
        ready(self.0.lock().unwrap().pop().expect("an answer")).boxed()
    }
}

/// Whose backends refused a credential.
#[derive(Default)]
struct Heard(Mutex<Vec<AgentId>>);

impl Refusals for Heard {
    fn backend_refused(&self, agent: &AgentId) {
        self.0.lock().unwrap().push(agent.clone());
    }
}

fn service(ledger: impl Ledger + 'static) -> Service {
    service_heard_by(Arc::default(), ledger)
}

fn service_heard_by(refusals: Arc<Heard>, ledger: impl Ledger + 'static) -> Service {
    let ledger = Arc::new(ledger);
    let quota = Quota { ledger, fleet: FleetTable::default(), usage: UsageTable::default(), clock: || NOW };
    Service { quota, refusals, nodes: 1.into(), away: false.into() }
}

fn request() -> SyncRequest {
    let text = str::to_owned;
    let key = BucketKey { issuer: text("i"), client: text("c"), agent: text("a"), operations: String::new() };
    let limit = Limit { requests_per_minute: 60, burst: 10 };
    let report = BucketReport {
        key: Some(key),
        limit: Some(limit),
        held: 4,
        wanted: 2,
        demand: 1,
        admitted: 6,
        refused: 1,
        shed: 0,
        unauthorized: 0,
    };
    SyncRequest { node_id: text("edge-1"), instance: 7, buckets: vec![report] }
}

async fn sync(service: &Service, request: SyncRequest) -> Result<SyncResponse, Status> {
    service.sync(Request::new(request)).await.map(tonic::Response::into_inner)
}

async fn check(change: impl FnOnce(&mut SyncRequest), field: &str) {
    let mut request = request();
    change(&mut request);
    let refusal = sync(&service(MemoryLedger::default()), request).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.message().split(' ').next().unwrap()), (Code::InvalidArgument, field));
}

fn key(request: &mut SyncRequest) -> &mut BucketKey {
    request.buckets[0].key.as_mut().unwrap()
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused_by_field() {
    check(|it| it.node_id.clear(), "node_id").await;
    check(|it| it.node_id = "n".repeat(1025), "node_id").await;
    check(|it| it.buckets = vec![it.buckets[0].clone(); 5001], "buckets").await;
    check(|it| it.buckets[0].key = None, "buckets[0].key").await;
    check(|it| it.buckets[0].limit = None, "buckets[0].limit").await;
    check(|it| it.buckets[0].limit.as_mut().unwrap().burst = 0, "buckets[0].limit.burst").await;
    check(|it| it.buckets[0].held = 1 << 32, "buckets[0].held").await;
    check(|it| it.buckets[0].wanted = 1 << 32, "buckets[0].wanted").await;
    check(|it| key(it).issuer.clear(), "buckets[0].key.issuer").await;
    check(|it| key(it).client = "c".repeat(1025), "buckets[0].key.client").await;
    check(|it| key(it).agent.clear(), "buckets[0].key.agent").await;
    check(|it| key(it).operations = "delete".to_owned(), "buckets[0].key.operations").await;
}

#[tokio::test]
async fn an_exchange_is_counted_and_remembered() {
    let service = service(MemoryLedger::default());
    let answer = sync(&service, request()).await.unwrap();
    assert_eq!((answer.nodes, answer.state()), (1, LeaseState::FairShare));
    assert_eq!(service.quota.fleet.nodes()["edge-1"].last_seen, NOW);
    let rows = service.quota.usage.rows(NOW);
    assert_eq!((rows.len(), rows[0].total.admitted, rows[0].total.refused), (1, 6, 1));
}

#[tokio::test]
async fn a_backends_refusal_of_the_gateways_credential_is_passed_on() {
    let heard = Arc::new(Heard::default());
    let service = service_heard_by(heard.clone(), MemoryLedger::default());
    let mut refused = request();
    refused.buckets.extend(refused.buckets.clone());
    refused.buckets[1].key.as_mut().unwrap().agent = "b".to_owned();
    refused.buckets[1].unauthorized = 2;
    sync(&service, refused).await.unwrap();
    sync(&service, request()).await.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [AgentId::try_from("b").unwrap()]);
}

#[tokio::test]
async fn while_the_ledger_is_away_everyone_has_the_fair_share_of_the_nodes_last_known() {
    let good = Lent { nodes: 3, lease: crate::quota::Lease::Leasing(vec![2]) };
    let service = service(Scripted(Mutex::new(vec![
        Ok(good.clone()),
        Err(LedgerError::Away("gone".to_owned())),
        Err(LedgerError::Slow),
        Ok(good),
    ])));
    for (state, granted) in [
        (LeaseState::Leasing, vec![2]),
        (LeaseState::FairShare, vec![]),
        (LeaseState::FairShare, vec![]),
        (LeaseState::Leasing, vec![2]),
    ] {
        let answer = sync(&service, request()).await.unwrap();
        assert_eq!((answer.nodes, answer.state(), answer.granted), (3, state, granted));
    }
}
