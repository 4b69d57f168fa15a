//! The credentials that backends want: fixed ones from where their secrets stand, tokens from backends' authorisation servers, fetched
//! ahead of expiry and shared by agents that would get the same. Says what each agent's credential is; how it travels to Envoy is
//! `xds`' business, when, the reconciler's.

mod bindings;
mod exchange;
mod headers;
mod identity;
mod source;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{AgentChanges, AgentId, BackendAuth, UnixSeconds},
    outbound::Outbound,
    secrets::{SecretError, SecretSource},
    xds::CredentialValue,
};
use bindings::Bindings;
use exchange::TokenEndpoint;
use source::TokenSource;

/// How often secrets in files are looked at, and unused tokens are let go.
const ROUND: Duration = Duration::from_secs(2);
/// Longest wait for a token that a card's fetch needs.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// The broker. Clones share it; [`Broker::run`] must run for tokens to come.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Arc<dyn TokenEndpoint>,
    secrets: SecretSource,
    edge: Edges,
    bindings: Mutex<Bindings>,
    changed: watch::Sender<u64>,
    started: mpsc::UnboundedSender<Arc<TokenSource>>,
    starting: Mutex<Option<mpsc::UnboundedReceiver<Arc<TokenSource>>>>,
}

/// The world's facts, as arguments.
#[derive(Debug, Clone, Copy)]
pub struct Edges {
    /// The time.
    pub clock: fn() -> UnixSeconds,
    /// A number in `0.0..1.0`, so that renewals do not come in herds.
    pub jitter: fn() -> f64,
}

/// How an agent's credential stands, for the operator. Nothing of the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialStatus {
    /// In a word.
    pub state: CredentialState,
    /// When the token in use expires; `None`: it does not, or does not say.
    pub expires_at: Option<UnixSeconds>,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    /// The backend wants none.
    NotNeeded,
    /// There is one, and it is valid.
    Ready,
    /// The first is on its way.
    Pending,
    /// There is none.
    Failed,
    /// The last one expired and could not be renewed.
    Expired,
}

/// Why there is no credential to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// Its secret cannot be read.
    #[error("{0}")]
    Secret(String),
    /// The token endpoint gave none.
    #[error("the token endpoint gave no token: {0}")]
    Token(String),
    /// The secret has bytes that no header may have.
    #[error("the credential cannot be written as a header")]
    NotAHeader,
}

impl Broker {
    /// A broker that knows no agent yet.
    #[must_use]
    pub fn new(outbound: Outbound, secrets: SecretSource, edge: Edges) -> Self {
        Self::with_endpoint(Arc::new(outbound), secrets, edge)
    }

    fn with_endpoint(endpoint: Arc<dyn TokenEndpoint>, secrets: SecretSource, edge: Edges) -> Self {
        let (started, starting) = mpsc::unbounded_channel();
        let shared = Shared {
            endpoint,
            secrets,
            edge,
            bindings: Mutex::default(),
            changed: watch::Sender::new(0),
            started,
            starting: Mutex::new(Some(starting)),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Says what became of the agents. Those that are gone are forgotten, and so are tokens nobody wants any more.
    pub fn follow(&self, changes: &AgentChanges) {
        let fresh = self.lock().follow(changes, &self.shared.secrets);
        self.start(fresh);
    }

    /// What an agent's credential is now.
    #[must_use]
    pub fn credential(&self, agent: &AgentId) -> CredentialValue {
        self.lock().credential(agent)
    }

    /// How an agent's credential stands; `None`: no such agent.
    #[must_use]
    pub fn status(&self, agent: &AgentId) -> Option<CredentialStatus> {
        self.lock().status(agent)
    }

    /// Changes whenever some agent's credential may have.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// The header that a request of our own to a backend needs; `None`: none. Waits for a token if there is none yet.
    ///
    /// # Errors
    /// When there is no credential.
    pub async fn header(&self, auth: &BackendAuth) -> Result<Option<(HeaderName, HeaderValue)>, BrokerError> {
        let BackendAuth::OAuthClientCredentials(client) = auth else {
            return headers::fixed(auth, &self.shared.secrets)
                .and_then(|header| header.map(headers::parse).transpose());
        };
        let secret = self.shared.secrets.resolve(&client.client_secret).map_err(unreadable)?;
        let (source, fresh) = self.lock().source(client, &secret);
        self.start(fresh);
        let value = tokio::time::timeout(HEADER_PATIENCE, source.token()).await;
        let value =
            value.map_err(|_| BrokerError::Token("no answer in time".to_owned()))?.map_err(BrokerError::Token)?;
        headers::parse((headers::AUTHORIZATION, value)).map(Some)
    }

    /// Fetches and renews until `stopping`.
    ///
    /// # Panics
    /// When it runs already.
    pub async fn run(self, stopping: CancellationToken) {
        let mut starting = self.starting().take().expect("a broker runs once");
        let mut sources = JoinSet::new();
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                Some(source) = starting.recv() => {
                    let shared = self.shared.clone();
                    sources.spawn(async move { source.run(&*shared.endpoint, &shared.changed, &shared.edge).await });
                }
                _ = round.tick() => self.round(),
                Some(_) = sources.join_next() => {}
            }
        }
    }

    /// Looks at files again and lets go of unused tokens.
    fn round(&self) {
        let (fresh, changed) = self.lock().round(&self.shared.secrets);
        self.start(fresh);
        if changed {
            self.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn start(&self, sources: Vec<Arc<TokenSource>>) {
        for source in sources {
            // Nobody receives after the end: then nobody wants tokens either.
            let _ = self.shared.started.send(source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bindings> {
        self.shared.bindings.lock().expect("no holder of this lock panics")
    }

    fn starting(&self) -> MutexGuard<'_, Option<mpsc::UnboundedReceiver<Arc<TokenSource>>>> {
        self.shared.starting.lock().expect("no holder of this lock panics")
    }
}

impl Broker {
    /// `agent`'s backend answered 401: its credential is fetched anew, before it expires.
    pub fn backend_refused(&self, agent: &AgentId) {
        let (fresh, changed) = self.lock().refused(agent, &self.shared.secrets);
        self.start(fresh);
        if changed {
            self.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

fn unreadable(error: SecretError) -> BrokerError {
    BrokerError::Secret(error.to_string())
}
