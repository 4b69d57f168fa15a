//! Tokens over a scripted endpoint in paused time; one exchange over a real socket.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{Broker, CredentialState, Edges, exchange::TokenEndpoint};
use crate::{
    config::{KeySource, SecretSettings},
    domain::{Agent, AgentChanges, AgentId, BackendAuth, OAuthClient, Secret, SecretText, TokenAuthMethod},
    outbound::{Fetched, OutboundError},
    secrets::SecretSource,
    xds::{CredentialValue, fixtures::agent},
};

/// What the token endpoint does next; the last is repeated.
#[derive(Clone)]
enum Does {
    Grant { token: &'static str, expires_in: &'static str },
    Fail(OutboundError),
    Say(u16, &'static str),
    Hang,
}

#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<VecDeque<Does>>>,
    requests: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl TokenEndpoint for Script {
    fn post<'a>(
        &'a self,
        _: &'a Url,
        headers: HeaderMap,
        form: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Fetched, OutboundError>> {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.requests.lock().unwrap().push((headers, form));
        let mut steps = self.steps.lock().unwrap();
        let step = if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() };
        Box::pin(async move {
            let (status, body) = match step.expect("a step") {
                Does::Grant { token, expires_in } => {
                    let lifetime =
                        if expires_in.is_empty() { String::new() } else { format!(r#","expires_in":{expires_in}"#) };
                    (200, format!(r#"{{"access_token":"{token}","token_type":"bearer"{lifetime}}}"#))
                }
                Does::Fail(error) => return Err(error),
                Does::Say(status, body) => (status, body.to_owned()),
                Does::Hang => std::future::pending().await,
            };
            let status = StatusCode::from_u16(status).unwrap();
            Ok(Fetched { status, etag: None, last_modified: None, body: body.into_bytes() })
        })
    }
}

struct Running {
    broker: Broker,
    script: Script,
    agents: Mutex<BTreeMap<AgentId, Arc<Agent>>>,
    _stopping: DropGuard,
}

impl Running {
    /// A broker that runs, with a token endpoint that does these things in turn.
    fn start(steps: &[Does]) -> Self {
        let script = Script { steps: Arc::new(Mutex::new(steps.to_vec().into())), ..Script::default() };
        let broker = Broker::with_endpoint(Arc::new(script.clone()), secrets(&[]), edges());
        let stopping = CancellationToken::new();
        tokio::spawn(broker.clone().run(stopping.clone()));
        Self { broker, script, agents: Mutex::default(), _stopping: stopping.drop_guard() }
    }

    /// From now on, there are these agents and no others.
    fn want(&self, agents: &[(&str, BackendAuth)]) {
        let agents = agents_of(agents);
        let before = mem::replace(&mut *self.agents.lock().unwrap(), agents.clone());
        self.broker.follow(&AgentChanges::between(before.values(), agents.values()));
    }

    /// What `a`'s header would be.
    fn value(&self) -> String {
        match self.broker.credential(&id("a")) {
            CredentialValue::Ready(value) => value.expose().to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn state(&self) -> CredentialState {
        self.broker.status(&id("a")).unwrap().state
    }

    fn fetches(&self) -> usize {
        self.script.requests.lock().unwrap().len()
    }
}

fn edges() -> Edges {
    Edges { clock: || 1000, jitter: || 0.0 }
}

fn secrets(dirs: &[PathBuf]) -> SecretSource {
    let settings = SecretSettings { key: KeySource::DataDir, env: Vec::new(), file_dirs: dirs.to_vec() };
    SecretSource::new(&settings, &BTreeMap::new())
}

fn id(text: &str) -> AgentId {
    AgentId::try_from(text).unwrap()
}

fn agents_of(agents: &[(&str, BackendAuth)]) -> BTreeMap<AgentId, Arc<Agent>> {
    let agent = |(name, auth): &(&str, BackendAuth)| (id(name), Arc::new(agent(name, &["http://b"], auth.clone())));
    agents.iter().map(agent).collect()
}

/// These agents where there were none.
fn new(agents: &[(&str, BackendAuth)]) -> AgentChanges {
    AgentChanges::between([], agents_of(agents).values())
}

fn client(secret: &str) -> OAuthClient {
    OAuthClient {
        token_url: Url::parse("https://login.example/token").unwrap(),
        client_id: "gate:way".to_owned(),
        client_secret: Secret::from_written(secret.to_owned()),
        method: TokenAuthMethod::Basic,
        scopes: vec!["read".to_owned(), "write".to_owned()],
        audience: Some("https://backend".to_owned()),
        resource: None,
    }
}

fn oauth(secret: &str) -> BackendAuth {
    BackendAuth::OAuthClientCredentials(client(secret))
}

fn grant(token: &'static str, expires_in: &'static str) -> Does {
    Does::Grant { token, expires_in }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires() {
    let running = Running::start(&[grant("one", "3600"), grant("two", "3600")]);
    running.want(&[("a", oauth("s"))]);
    assert_eq!(running.value(), "Awaited");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.value(), "Bearer one");
    assert_eq!(running.broker.status(&id("a")).unwrap().expires_at, Some(4600));
    sleep(HOUR * 6 / 10).await;
    assert_eq!(running.value(), "Bearer one");
    sleep(HOUR * 2 / 10).await;
    assert_eq!(running.value(), "Bearer two");
    assert_eq!(running.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn agents_with_the_same_client_share_a_token_and_others_do_not() {
    let running = Running::start(&[grant("one", "3600")]);
    running.want(&[("a", oauth("s")), ("b", oauth("s"))]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.fetches(), 1);
    let mut narrower = client("s");
    narrower.scopes.pop();
    running.want(&[
        ("a", oauth("s")),
        ("b", oauth("other secret")),
        ("c", BackendAuth::OAuthClientCredentials(narrower)),
    ]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failing_endpoint_drops_no_valid_token_and_is_asked_less_and_less() {
    let running = Running::start(&[grant("one", "1000"), Does::Fail(OutboundError::Timeout)]);
    running.want(&[("a", oauth("s"))]);
    sleep(Duration::from_secs(990)).await;
    assert_eq!(running.value(), "Bearer one");
    assert_eq!(running.broker.status(&id("a")).unwrap().last_error.as_deref(), Some("no answer in time"));
    let before = running.fetches();
    assert!(before <= 20, "{before} fetches in 290 s");
    sleep(Duration::from_secs(20)).await;
    assert_eq!((running.value().as_str(), running.state()), ("Expired", CredentialState::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_token_comes_back_after_it_expired() {
    let mut steps = vec![grant("one", "10")];
    steps.extend(std::iter::repeat_n(Does::Say(503, "busy"), 6));
    steps.push(grant("two", "3600"));
    let running = Running::start(&steps);
    running.want(&[("a", oauth("s"))]);
    sleep(Duration::from_secs(300)).await;
    assert_eq!((running.value().as_str(), running.state()), ("Bearer two", CredentialState::Ready));
}

#[tokio::test(start_paused = true)]
async fn a_first_token_that_does_not_come_is_not_waited_for_long() {
    let running = Running::start(&[Does::Hang]);
    running.want(&[("a", oauth("s"))]);
    let mut changes = running.broker.subscribe();
    sleep(Duration::from_secs(4)).await;
    assert_eq!((running.value().as_str(), running.state()), ("Awaited", CredentialState::Pending));
    changes.borrow_and_update();
    sleep(Duration::from_secs(2)).await;
    assert_eq!((running.value().as_str(), running.state()), ("Missing", CredentialState::Failed));
    assert!(changes.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_is_named_by_the_servers_code_and_nothing_else() {
    let running = Running::start(&[Does::Say(401, r#"{"error":"invalid_client","error_description":"key s3cret"}"#)]);
    running.want(&[("a", oauth("s"))]);
    sleep(Duration::from_secs(1)).await;
    let status = running.broker.status(&id("a")).unwrap();
    assert_eq!(status.last_error.as_deref(), Some("the server answered 401 (invalid_client)"));
    assert_eq!(running.value(), "Missing");
}

#[tokio::test(start_paused = true)]
async fn a_backends_refusal_fetches_early_but_not_often() {
    let running = Running::start(&[grant("one", "3600"), grant("two", "3600")]);
    running.want(&[("a", oauth("s"))]);
    sleep(Duration::from_secs(60)).await;
    for _ in 0..50 {
        running.broker.backend_refused(&id("a"));
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((running.value().as_str(), running.fetches()), ("Bearer two", 2));
    running.broker.backend_refused(&id("nobody"));
}

#[tokio::test(start_paused = true)]
async fn lifetimes_are_read_in_every_form_servers_send() {
    for (written, expires_at) in [("\"1800\"", Some(2800)), ("1800.9", Some(2800)), ("", None), ("null", None)] {
        let running = Running::start(&[grant("one", written)]);
        running.want(&[("a", oauth("s"))]);
        sleep(Duration::from_secs(1)).await;
        let status = running.broker.status(&id("a")).unwrap();
        assert_eq!((status.state, status.expires_at), (CredentialState::Ready, expires_at), "{written}");
    }
    for body in [
        r#"{"access_token":"x","expires_in":"soon"}"#,
        r#"{"access_token":"x","expires_in":0}"#,
        r#"{"access_token":"x","expires_in":-5}"#,
        r#"{"access_token":"x\r\ny"}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":"x","token_type":"mac"}"#,
        r#"{"token":"x"}"#,
        "<html>",
    ] {
        let running = Running::start(&[Does::Say(200, body)]);
        running.want(&[("a", oauth("s"))]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(running.state(), CredentialState::Failed, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_lifetime_is_renewed_now_and_then() {
    let running = Running::start(&[grant("one", ""), grant("two", "")]);
    running.want(&[("a", oauth("s"))]);
    sleep(Duration::from_secs(299)).await;
    assert_eq!((running.value().as_str(), running.fetches()), ("Bearer two", 2));
}

#[tokio::test(start_paused = true)]
async fn the_client_authenticates_as_it_is_told_to() {
    let running = Running::start(&[grant("one", "3600")]);
    let mut form = client("p&ss:word");
    form.method = TokenAuthMethod::Form;
    form.resource = Some("https://r".to_owned());
    running.want(&[("a", oauth("p&ss:word"))]);
    sleep(Duration::from_secs(1)).await;
    running.want(&[("a", BackendAuth::OAuthClientCredentials(form))]);
    sleep(Duration::from_secs(1)).await;
    let requests = running.script.requests.lock().unwrap();
    // RFC 6749 section 2.3.1: gate%3Away:p%26ss%3Aword
    assert_eq!(requests[0].0[header::AUTHORIZATION], "Basic Z2F0ZSUzQXdheTpwJTI2c3MlM0F3b3Jk");
    assert_eq!(requests[0].1, "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fbackend");
    assert!(!requests[1].0.contains_key(header::AUTHORIZATION));
    let credentials = "client_id=gate%3Away&client_secret=p%26ss%3Aword";
    let rest = "scope=read+write&audience=https%3A%2F%2Fbackend&resource=https%3A%2F%2Fr";
    assert_eq!(requests[1].1, format!("grant_type=client_credentials&{credentials}&{rest}"));
}

#[tokio::test(start_paused = true)]
async fn a_card_fetch_waits_for_the_token_its_agent_will_use() {
    let running = Running::start(&[Does::Say(503, ""), grant("one", "3600")]);
    let first = running.broker.header(&oauth("s")).await.unwrap_err();
    assert!(first.to_string().contains("503"), "{first}");
    let asked = Instant::now();
    sleep(Duration::from_secs(2)).await;
    let (name, value) = running.broker.header(&oauth("s")).await.unwrap().unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap(), value.is_sensitive()), ("authorization", "Bearer one", true));
    assert!(asked.elapsed() < Duration::from_secs(5), "an operator's request does not wait for the backoff");
    running.want(&[("a", oauth("s"))]);
    assert_eq!((running.value().as_str(), running.fetches()), ("Bearer one", 2));
    assert_eq!(running.broker.header(&BackendAuth::None).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn tokens_nobody_wants_are_let_go() {
    let running = Running::start(&[grant("one", "100")]);
    running.want(&[("a", oauth("s"))]);
    sleep(Duration::from_secs(1000)).await;
    running.want(&[]);
    sleep(Duration::from_secs(150)).await;
    let then = running.fetches();
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(running.fetches(), then);
    assert_eq!(running.broker.status(&id("a")), None);
}

#[tokio::test]
async fn fixed_credentials_follow_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, "first\n").unwrap();
    let broker = Broker::with_endpoint(Arc::new(Script::default()), secrets(&[dir.path().to_owned()]), edges());
    let password = Secret::File(path.clone());
    let key = Secret::Inline(SecretText::new("k".to_owned()));
    broker.follow(&new(&[
        ("a", BackendAuth::Basic { username: "u".to_owned(), password }),
        ("b", BackendAuth::ApiKey { header: "x-key".to_owned(), key }),
        ("c", BackendAuth::None),
        ("d", BackendAuth::Bearer { token: Secret::File(dir.path().join("absent")) }),
    ]));
    let ready = |text: &str| CredentialValue::Ready(SecretText::new(text.to_owned()));
    assert_eq!(broker.credential(&id("a")), ready("Basic dTpmaXJzdA=="));
    assert_eq!(broker.credential(&id("b")), ready("k"));
    assert_eq!(broker.status(&id("c")).unwrap().state, CredentialState::NotNeeded);
    assert_eq!(broker.status(&id("d")).unwrap().state, CredentialState::Failed);

    std::fs::write(&path, "the second").unwrap();
    broker.round();
    assert_eq!(broker.credential(&id("a")), ready("Basic dTp0aGUgc2Vjb25k"));
    std::fs::remove_file(&path).unwrap();
    broker.round();
    assert_eq!(broker.credential(&id("a")), ready("Basic dTp0aGUgc2Vjb25k"), "a file that is being replaced");
}

#[tokio::test(start_paused = true)]
async fn a_changed_client_secret_keeps_the_old_token_until_the_new_one_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "first").unwrap();
    let steps = [grant("one", "3600"), Does::Fail(OutboundError::Timeout), grant("two", "3600")];
    let script = Script { steps: Arc::new(Mutex::new(steps.to_vec().into())), ..Script::default() };
    let broker = Broker::with_endpoint(Arc::new(script), secrets(&[dir.path().to_owned()]), edges());
    let stopping = CancellationToken::new();
    tokio::spawn(broker.clone().run(stopping.clone()));
    let _stopping = stopping.drop_guard();
    broker.follow(&new(&[("a", oauth(&format!("file:{}", path.display())))]));
    sleep(Duration::from_secs(1)).await;
    std::fs::write(&path, "the second").unwrap();
    broker.round();
    sleep(Duration::from_millis(1)).await;
    let ready = |text: &str| CredentialValue::Ready(SecretText::new(text.to_owned()));
    assert_eq!(broker.credential(&id("a")), ready("Bearer one"));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(broker.credential(&id("a")), ready("Bearer two"));
}

#[test]
fn nothing_prints_a_secret() {
    let value = CredentialValue::Ready(SecretText::new("planted".to_owned()));
    assert_eq!(format!("{value:?}"), "Ready([redacted])");
}
