//! Which agent uses which credential. Pure but for reading secrets, which is its argument.

use std::{collections::HashMap, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{CredentialState, CredentialStatus, headers, identity::TokenIdentity, source::TokenSource};
use crate::{
    domain::{Agent, AgentChanges, AgentId, BackendAuth, OAuthClient, Secret, SecretText},
    secrets::SecretSource,
    xds::CredentialValue,
};

/// How long a token that no agent uses is kept: a card was fetched with it, and its agent may be about to be registered.
const UNUSED_PATIENCE: Duration = Duration::from_secs(120);

/// Agents and their credentials.
#[derive(Default)]
pub(super) struct Bindings {
    agents: HashMap<AgentId, Binding>,
    sources: HashMap<TokenIdentity, Kept>,
}

struct Binding {
    agent: Arc<Agent>,
    credential: Bound,
}

enum Bound {
    None,
    Fixed(Result<SecretText, String>),
    Token {
        identity: TokenIdentity,
        source: Arc<TokenSource>,
        /// Until `source` has its first: what was used before a secret changed.
        before: Option<SecretText>,
    },
}

struct Kept {
    source: Arc<TokenSource>,
    used: Instant,
}

/// Sources that have to be started, and whether some credential changed.
pub(super) type Consequences = (Vec<Arc<TokenSource>>, bool);

impl Bindings {
    pub(super) fn follow(&mut self, changes: &AgentChanges, secrets: &SecretSource) -> Vec<Arc<TokenSource>> {
        changes.gone.iter().for_each(|id| drop(self.agents.remove(id)));
        let mut fresh = Vec::new();
        for agent in &changes.written {
            match self.agents.get_mut(&agent.id) {
                Some(binding) if binding.agent.auth == agent.auth => binding.agent = agent.clone(),
                _ => {
                    let credential = self.bind(&agent.auth, None, secrets, &mut fresh);
                    self.agents.insert(agent.id.clone(), Binding { agent: agent.clone(), credential });
                }
            }
        }
        fresh
    }

    pub(super) fn credential(&self, agent: &AgentId) -> CredentialValue {
        match self.agents.get(agent).map(|binding| &binding.credential) {
            None | Some(Bound::None | Bound::Fixed(Err(_))) => CredentialValue::Missing,
            Some(Bound::Fixed(Ok(value))) => CredentialValue::Ready(value.clone()),
            Some(Bound::Token { source, before, .. }) => match (source.value(), before) {
                (CredentialValue::Awaited | CredentialValue::Missing, Some(before)) => {
                    CredentialValue::Ready(before.clone())
                }
                (value, _) => value,
            },
        }
    }

    pub(super) fn status(&self, agent: &AgentId) -> Option<CredentialStatus> {
        let plain = |state, last_error| CredentialStatus { state, expires_at: None, last_error };
        Some(match &self.agents.get(agent)?.credential {
            Bound::None => plain(CredentialState::NotNeeded, None),
            Bound::Fixed(Ok(_)) => plain(CredentialState::Ready, None),
            Bound::Fixed(Err(error)) => plain(CredentialState::Failed, Some(error.clone())),
            Bound::Token { source, .. } => source.status(),
        })
    }

    /// The source of a client's token, used from now on.
    pub(super) fn source(
        &mut self,
        client: &OAuthClient,
        secret: &SecretText,
    ) -> (Arc<TokenSource>, Vec<Arc<TokenSource>>) {
        let mut fresh = Vec::new();
        let kept = self.sources.entry(TokenIdentity::of(client, secret)).or_insert_with(|| {
            let source = Arc::new(TokenSource::new(client.clone(), secret.clone()));
            fresh.push(source.clone());
            Kept { source, used: Instant::now() }
        });
        kept.used = Instant::now();
        (kept.source.clone(), fresh)
    }

    /// Reads secrets in files again, and ends sources that nobody uses.
    pub(super) fn round(&mut self, secrets: &SecretSource) -> Consequences {
        let in_files = |(id, binding): (&AgentId, &Binding)| reads_file(&binding.agent.auth).then(|| id.clone());
        let ids: Vec<_> = self.agents.iter().filter_map(in_files).collect();
        let mut consequences = (Vec::new(), false);
        for id in ids {
            consequences.1 |= self.rebind(&id, secrets, &mut consequences.0);
        }
        self.end_unused();
        consequences
    }

    /// A backend answered 401: its credential may have been replaced behind our back.
    pub(super) fn refused(&mut self, agent: &AgentId, secrets: &SecretSource) -> Consequences {
        let mut fresh = Vec::new();
        let changed = self.rebind(agent, secrets, &mut fresh);
        if let Some(Binding { credential: Bound::Token { source, .. }, .. }) = self.agents.get(agent) {
            source.refused();
        }
        (fresh, changed)
    }

    /// Reads an agent's secret again. Whether its credential changed.
    fn rebind(&mut self, id: &AgentId, secrets: &SecretSource, fresh: &mut Vec<Arc<TokenSource>>) -> bool {
        let before = match self.credential(id) {
            CredentialValue::Ready(value) => Some(value),
            _ => None,
        };
        let Some(auth) = self.agents.get(id).map(|binding| binding.agent.auth.clone()) else { return false };
        let credential = self.bind(&auth, before.clone(), secrets, fresh);
        let Some(binding) = self.agents.get_mut(id) else { return false };
        // A file that is being replaced is missing for a moment: what was read before stays in use.
        if binding.credential.is_same(&credential) || before.is_some() && credential.is_unreadable() {
            return false;
        }
        binding.credential = credential;
        true
    }

    fn bind(
        &mut self,
        auth: &BackendAuth,
        before: Option<SecretText>,
        secrets: &SecretSource,
        fresh: &mut Vec<Arc<TokenSource>>,
    ) -> Bound {
        let BackendAuth::OAuthClientCredentials(client) = auth else {
            let value = headers::fixed(auth, secrets).map_err(|error| error.to_string());
            return match value.map(|header| header.map(|(_, value)| value)) {
                Ok(None) => Bound::None,
                Ok(Some(value)) => Bound::Fixed(Ok(value)),
                Err(error) => Bound::Fixed(Err(error)),
            };
        };
        match secrets.resolve(&client.client_secret) {
            Ok(secret) => {
                let (source, started) = self.source(client, &secret);
                fresh.extend(started);
                Bound::Token { identity: TokenIdentity::of(client, &secret), source, before }
            }
            Err(error) => Bound::Fixed(Err(error.to_string())),
        }
    }

    fn end_unused(&mut self) {
        let now = Instant::now();
        for binding in self.agents.values() {
            if let Bound::Token { identity, .. } = &binding.credential
                && let Some(kept) = self.sources.get_mut(identity)
            {
                kept.used = now;
            }
        }
        self.sources.retain(|_, kept| {
            let keep = now.duration_since(kept.used) < UNUSED_PATIENCE;
            if !keep {
                kept.source.end();
            }
            keep
        });
    }
}

impl Bound {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Fixed(one), Self::Fixed(other)) => one == other,
            (Self::Token { source: one, .. }, Self::Token { source: other, .. }) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn is_unreadable(&self) -> bool {
        matches!(self, Self::Fixed(Err(_)))
    }
}

fn reads_file(auth: &BackendAuth) -> bool {
    let secret = match auth {
        BackendAuth::None => return false,
        BackendAuth::OAuthClientCredentials(client) => &client.client_secret,
        BackendAuth::ApiKey { key, .. } => key,
        BackendAuth::Bearer { token } => token,
        BackendAuth::Basic { password, .. } => password,
    };
    matches!(secret, Secret::File(_))
}
