//! When key sets are read, and what a bad one does.

use std::{convert::Infallible, time::Duration};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{JwksReader, Refresher, UnknownKeys};
use crate::{
    config::Config,
    domain::{ExternalIssuer, JwksSource, SigningAlgorithm},
    fake_backend::{FakeBackend, Reply},
    issuer::keys::generate,
    outbound::Outbound,
    secrets::SecretSource,
    store::{Change, SealingKey, Store},
};

struct Setup {
    dir: tempfile::TempDir,
    store: Store,
    unknown: UnknownKeys,
    _tasks: JoinSet<()>,
}

fn jwks() -> Value {
    json!({ "keys": [generate(SigningAlgorithm::Es256, 0).unwrap().public_jwk] })
}

fn issuer(name: &str, source: JwksSource) -> ExternalIssuer {
    ExternalIssuer {
        issuer: name.to_owned(),
        audiences: vec!["gw".to_owned()],
        algorithms: Vec::new(),
        claims: tollgate_policy::document::ClaimNames::default(),
        scope_prefix: None,
        source,
        jwks: json!({ "keys": [] }),
        refresh_error: None,
    }
}

async fn setup(issuers: Vec<ExternalIssuer>) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
    let store = Store::open(&dir.path().join("db"), &key).unwrap();
    let changes = issuers.into_iter().map(Change::PutIssuer).collect();
    store.write(move |_| Ok::<_, Infallible>(changes)).await.unwrap();
    let file = format!("[outbound]\nallow_private = [\"127.0.0.0/8\"]\n[secrets]\nfile_dirs = [{:?}]", dir.path());
    let env = std::collections::BTreeMap::new();
    let config = Config::parse(&file, &env).unwrap();
    let files = SecretSource::new(&config.secrets, &env);
    let reader = JwksReader::new(&Outbound::new(config.outbound).unwrap(), files);
    let (refresher, unknown) = Refresher::new(store.clone(), reader, Duration::from_secs(3600));
    let mut tasks = JoinSet::new();
    tasks.spawn(refresher.run());
    Setup { dir, store, unknown, _tasks: tasks }
}

impl Setup {
    /// Waits until the issuer's record is as `expected` says.
    async fn wait_for(&self, name: &str, expected: impl Fn(&ExternalIssuer) -> bool) {
        let mut generations = self.store.subscribe();
        let settled = generations.wait_for(|_| expected(&self.store.registry().issuers[name]));
        tokio::time::timeout(Duration::from_secs(10), settled).await.expect("in time").unwrap();
    }
}

#[tokio::test]
async fn keys_are_read_at_start_and_again_when_one_is_unknown() {
    let (first, second) = (jwks(), jwks());
    let backend = FakeBackend::start(Reply::ok(&first.to_string())).await;
    let setup = setup(vec![issuer("idp", JwksSource::Url(backend.url("/jwks")))]).await;
    setup.wait_for("idp", |issuer| issuer.jwks == first).await;
    backend.answer("/jwks", Reply::ok(&second.to_string()));
    setup.unknown.report("idp");
    setup.wait_for("idp", |issuer| issuer.jwks == second).await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_has_the_set_read_once() {
    let (first, second) = (FakeBackend::start(Reply::ok(&jwks().to_string())).await, jwks());
    let other = FakeBackend::start(Reply::ok(&jwks().to_string())).await;
    let issuers = [("idp", first.url("/jwks")), ("other", other.url("/jwks"))]
        .map(|(name, url)| issuer(name, JwksSource::Url(url)));
    let setup = setup(issuers.to_vec()).await;
    for name in ["idp", "other"] {
        setup.wait_for(name, |issuer| issuer.jwks != json!({ "keys": [] })).await;
    }
    other.answer("/jwks", Reply::ok(&second.to_string()));
    (0..20).for_each(|_| setup.unknown.report("idp"));
    setup.unknown.report("nobody's");
    setup.unknown.report("other");
    setup.wait_for("other", |issuer| issuer.jwks == second).await;
    assert_eq!(first.requests().len(), 2);
}

#[tokio::test]
async fn a_bad_key_set_keeps_the_last_good_one_and_says_why() {
    let good = jwks();
    let backend = FakeBackend::start(Reply::ok(&good.to_string())).await;
    let bad = [
        Reply::status(500),
        Reply::ok("not json"),
        Reply::ok(r#"{"keys":{}}"#),
        Reply::ok(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#),
    ];
    for reply in bad {
        backend.answer("/jwks", Reply::ok(&good.to_string()));
        let setup = setup(vec![issuer("idp", JwksSource::Url(backend.url("/jwks")))]).await;
        setup.wait_for("idp", |issuer| issuer.jwks == good).await;
        backend.answer("/jwks", reply);
        setup.unknown.report("idp");
        setup.wait_for("idp", |issuer| issuer.refresh_error.is_some()).await;
        assert_eq!(setup.store.registry().issuers["idp"].jwks, good);
    }
}

#[tokio::test]
async fn a_file_is_read_from_an_allowed_directory_only() {
    let good = jwks();
    let setup = setup(vec![issuer("outside", JwksSource::File("/etc/hostname".into()))]).await;
    setup
        .wait_for("outside", |issuer| issuer.refresh_error.as_deref().is_some_and(|it| it.contains("file_dirs")))
        .await;
    let path = setup.dir.path().join("jwks.json");
    std::fs::write(&path, good.to_string()).unwrap();
    let inside = issuer("inside", JwksSource::File(path));
    setup.store.write(move |_| Ok::<_, Infallible>(vec![Change::PutIssuer(inside)])).await.unwrap();
    setup.unknown.report("inside");
    setup.wait_for("inside", |issuer| issuer.jwks == good).await;
}
