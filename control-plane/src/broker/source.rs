//! One token, kept fresh: fetched on start, ahead of expiry, and early when a backend refuses it. One task per token, so that there is
//! never more than one request for it.

use std::time::Duration;

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    CredentialState, CredentialStatus, Edges,
    exchange::{ExchangeError, Grant, TokenEndpoint, exchange},
};
use crate::{
    domain::{OAuthClient, SecretText, UnixSeconds},
    xds::CredentialValue,
};

/// How long agents wait for their first token before their calls get 502.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
/// Renewal of a token that does not say how long it lives.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);
/// Least time between fetches that backends' refusals cause.
const REFUSAL_SPACING: Duration = Duration::from_secs(10);
/// Least time between fetches that an operator's requests cause.
const REQUEST_SPACING: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(60);

/// A token's source.
pub(super) struct TokenSource {
    client: OAuthClient,
    secret: SecretText,
    state: watch::Sender<State>,
    sooner: Notify,
    ended: CancellationToken,
}

#[derive(Clone, Default)]
struct State {
    token: Option<Token>,
    last_error: Option<String>,
    /// Fetches that ended, one way or the other.
    attempts: u64,
    /// When the last one began.
    began: Option<Instant>,
    /// Whether the first is taking too long.
    overdue: bool,
    expired: bool,
}

#[derive(Clone)]
struct Token {
    header: SecretText,
    expires: Option<(Instant, UnixSeconds)>,
}

impl TokenSource {
    pub(super) fn new(client: OAuthClient, secret: SecretText) -> Self {
        let state = watch::Sender::new(State::default());
        Self { client, secret, state, sooner: Notify::new(), ended: CancellationToken::new() }
    }

    /// Fetches and renews until [`Self::end`]. `changed` counts up with every change of state.
    pub(super) async fn run(&self, endpoint: &dyn TokenEndpoint, changed: &watch::Sender<u64>, edge: &Edges) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let outcome = tokio::select! {
                () = self.ended.cancelled() => return,
                outcome = self.fetch(endpoint, changed) => outcome,
            };
            let next = match outcome {
                Ok(grant) => {
                    backoff = FIRST_BACKOFF;
                    let renewal = renewal(&grant, (edge.jitter)());
                    self.accept(grant, (edge.clock)());
                    renewal
                }
                Err(error) => {
                    self.fail(&error);
                    let pause = backoff.mul_f64(0.5 + (edge.jitter)() / 2.0);
                    backoff = (backoff * 2).min(LAST_BACKOFF);
                    pause
                }
            };
            count_up(changed);
            if self.pause(Instant::now() + next, changed).await.is_none() {
                return;
            }
        }
    }

    /// Lets go of the token.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// A backend refused the token: fetch another soon, if this one is not brand new.
    pub(super) fn refused(&self) {
        self.hasten(REFUSAL_SPACING);
    }

    /// The token; when there is none, the outcome of the next attempt.
    pub(super) async fn token(&self) -> Result<SecretText, String> {
        let mut states = self.state.subscribe();
        let before = {
            let state = states.borrow_and_update();
            if let Some(header) = state.valid() {
                return Ok(header.clone());
            }
            state.attempts
        };
        if before > 0 {
            self.hasten(REQUEST_SPACING);
        }
        let state = states.wait_for(|state| state.attempts > before).await.map_err(|_| "not available".to_owned())?;
        let failure = || state.last_error.clone().unwrap_or_default();
        state.valid().cloned().ok_or_else(failure)
    }

    pub(super) fn value(&self) -> CredentialValue {
        let state = self.state.borrow();
        match (state.valid(), state.status()) {
            (Some(header), _) => CredentialValue::Ready(header.clone()),
            (None, CredentialState::Expired) => CredentialValue::Expired,
            (None, CredentialState::Pending) => CredentialValue::Awaited,
            (None, _) => CredentialValue::Missing,
        }
    }

    pub(super) fn status(&self) -> CredentialStatus {
        let state = self.state.borrow();
        let expires_at = state.token.as_ref().and_then(|token| Some(token.expires?.1));
        CredentialStatus { state: state.status(), expires_at, last_error: state.last_error.clone() }
    }

    async fn fetch(&self, endpoint: &dyn TokenEndpoint, changed: &watch::Sender<u64>) -> Result<Grant, ExchangeError> {
        self.state.send_modify(|state| state.began = Some(Instant::now()));
        let mut exchange = std::pin::pin!(exchange(endpoint, &self.client, &self.secret));
        if let Ok(outcome) = timeout(FIRST_PATIENCE, &mut exchange).await {
            return outcome;
        }
        self.state.send_modify(|state| {
            state.overdue = true;
            if state.token.is_none() {
                state.last_error.get_or_insert_with(|| "the token endpoint has not answered yet".to_owned());
            }
        });
        count_up(changed);
        exchange.await
    }

    fn accept(&self, grant: Grant, now: UnixSeconds) {
        let expires = grant.lifetime.map(|it| (Instant::now() + it, now.saturating_add(it.as_secs())));
        self.state.send_modify(|state| {
            state.token = Some(Token { header: grant.header, expires });
            state.attempts = state.attempts.wrapping_add(1);
            (state.last_error, state.overdue, state.expired) = (None, false, false);
        });
    }

    /// The token there is stays: it may still be good.
    fn fail(&self, error: &ExchangeError) {
        tracing::warn!(token_url = %self.client.token_url, client_id = self.client.client_id, %error, "no token");
        self.state.send_modify(|state| {
            state.attempts = state.attempts.wrapping_add(1);
            state.last_error = Some(error.to_string());
        });
    }

    /// Waits for the next fetch, and notes when the token expires meanwhile. `None`: the source has ended.
    async fn pause(&self, until: Instant, changed: &watch::Sender<u64>) -> Option<()> {
        loop {
            let expiry = self.state.borrow().next_expiry();
            tokio::select! {
                () = self.ended.cancelled() => return None,
                () = self.sooner.notified() => return Some(()),
                () = sleep_until(until) => return Some(()),
                () = sleep_until(expiry.unwrap_or(until)), if expiry.is_some_and(|it| it < until) => {
                    self.state.send_modify(|state| state.expired = true);
                    count_up(changed);
                }
            }
        }
    }

    fn hasten(&self, spacing: Duration) {
        let began = self.state.borrow().began;
        if began.is_some_and(|began| began.elapsed() >= spacing) {
            self.sooner.notify_one();
        }
    }
}

impl State {
    fn valid(&self) -> Option<&SecretText> {
        self.token.as_ref().filter(|_| !self.expired).map(|token| &token.header)
    }

    fn next_expiry(&self) -> Option<Instant> {
        if self.expired { None } else { self.token.as_ref()?.expires.map(|(at, _)| at) }
    }

    fn status(&self) -> CredentialState {
        match (&self.token, self.attempts) {
            (Some(_), _) if self.expired => CredentialState::Expired,
            (Some(_), _) => CredentialState::Ready,
            (None, 0) if !self.overdue => CredentialState::Pending,
            (None, _) => CredentialState::Failed,
        }
    }
}

/// When a token is renewed: after 70 to 80 % of its life.
fn renewal(grant: &Grant, jitter: f64) -> Duration {
    let lifetime = grant.lifetime.unwrap_or(UNKNOWN_LIFETIME);
    lifetime.mul_f64(0.7 + 0.1 * jitter).max(REQUEST_SPACING)
}

fn count_up(changed: &watch::Sender<u64>) {
    changed.send_modify(|count| *count = count.wrapping_add(1));
}
