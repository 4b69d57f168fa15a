//! One resource type on one stream, whichever the protocol: what the client wants, what it holds, what is on the way, what it refused.
//! Pure: snapshots and requests in, changes out. Which type may speak when is the session's business.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
    sync::Arc,
};

use super::{Resource, ResourceKind, Snapshot, snapshot::Sight};
use crate::domain::Generation;

/// The state of one type.
pub(super) struct Channel {
    pub(super) kind: ResourceKind,
    wildcard: Wildcard,
    names: BTreeSet<Arc<str>>,
    /// Names asked for since the last look: an answer is owed even if nothing changed.
    asked: BTreeSet<Arc<str>>,
    held: HashMap<Arc<str>, Held>,
    /// Versions the client refused; not sent again.
    refused: HashMap<Arc<str>, String>,
    /// Since when a held resource is gone from the snapshots.
    absent_since: HashMap<Arc<str>, Generation>,
    in_flight: VecDeque<Sent>,
    acked: Generation,
    look: Look,
    /// What the client has all of: as long as snapshots say the same, nothing is due. `None`: it asked for something since, or was sent
    /// something.
    finished: Option<Sight>,
    /// Whether the client waits for a name that is on its way.
    waits: Waits,
    /// The resource whose turn it is not yet.
    held_back: Option<Box<str>>,
    /// Whether the client would have had it otherwise: what it acknowledges meanwhile is not the whole generation.
    withholds: Withholds,
}

/// Whether something due was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Withholds {
    Nothing,
    Something,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    No,
    Yes,
}

/// Whether something may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    Due,
}

/// Whether a name the client asked for is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    No,
    Yes,
}

/// What the client has under a name.
#[derive(Debug, Clone)]
enum Held {
    /// What it said when it connected.
    Reported(String),
    /// What this stream sent.
    Sent(Resource),
}

impl Held {
    fn version(&self) -> &str {
        match self {
            Self::Reported(version) => version,
            Self::Sent(resource) => resource.version(),
        }
    }
}

/// A response on the way.
struct Sent {
    nonce: String,
    generation: Generation,
    /// With what each replaced, to go back to on a refusal.
    resources: Vec<(Resource, Option<Held>)>,
}

/// What a client is to be told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Due {
    pub(super) upserts: Vec<Resource>,
    pub(super) removed: Vec<Arc<str>>,
}

/// A client's answer to a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    /// In Envoy's words.
    Refused(String),
}

/// What an answer means for the node table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Not the answer to anything on the way.
    Stale,
    Accepted,
    Refused {
        generation: Generation,
        resources: Vec<String>,
        reason: String,
    },
}

impl Channel {
    pub(super) fn new(kind: ResourceKind) -> Self {
        Self {
            kind,
            wildcard: Wildcard::No,
            names: BTreeSet::new(),
            asked: BTreeSet::new(),
            held: HashMap::new(),
            refused: HashMap::new(),
            absent_since: HashMap::new(),
            in_flight: VecDeque::new(),
            acked: Generation::default(),
            look: Look::Due,
            finished: None,
            waits: Waits::No,
            held_back: None,
            withholds: Withholds::Nothing,
        }
    }

    pub(super) fn subscribe_all(&mut self) {
        self.wildcard = Wildcard::Yes;
        self.look_anew();
    }

    pub(super) fn unsubscribe_all(&mut self) {
        self.wildcard = Wildcard::No;
        self.finished = None;
        let names = &self.names;
        self.held.retain(|name, _| names.contains(name));
    }

    /// Asking again for a name asks for it to be sent again.
    pub(super) fn subscribe(&mut self, name: &str) {
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        self.held.remove(&name);
        self.asked.insert(name);
        self.look_anew();
    }

    pub(super) fn unsubscribe(&mut self, name: &str) {
        self.names.remove(name);
        self.asked.remove(name);
        self.finished = None;
        if self.wildcard == Wildcard::No {
            self.held.remove(name);
        }
    }

    /// Takes the client's word for what it has from an earlier stream.
    pub(super) fn reports(&mut self, name: &str, version: &str) {
        let name: Arc<str> = name.into();
        self.asked.remove(&name);
        self.held.insert(name, Held::Reported(version.to_owned()));
        self.look_anew();
    }

    pub(super) fn names(&self) -> &BTreeSet<Arc<str>> {
        &self.names
    }

    /// A look at whatever the snapshot says: what the client wants or has changed.
    fn look_anew(&mut self) {
        self.finished = None;
        self.look = Look::Due;
    }

    /// The snapshot may have changed: look at the next opportunity.
    pub(super) fn wake(&mut self) {
        self.look = Look::Due;
    }

    /// Forgets that one good resource was sent: the state-of-the-world response that goes out for it carries all of them.
    pub(super) fn send_again(&mut self) {
        let good = |held: &&Held| match held {
            Held::Sent(resource) => !self.refused.contains_key(resource.name()),
            Held::Reported(_) => false,
        };
        if let Some(Held::Sent(resource)) = self.held.values().find(good).cloned() {
            self.held.remove(resource.name());
        }
        self.look_anew();
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Everything up to here is answered, one way or the other.
    pub(super) fn acked(&self) -> Generation {
        self.acked
    }

    /// What is to be sent now. Resources gone since later than `removable` stay for the time being; the one called `held` is not sent
    /// yet.
    pub(super) fn due(&mut self, snapshot: &Snapshot, removable: Generation, held: Option<&str>) -> Due {
        self.held_back = held.map(Into::into);
        if mem::replace(&mut self.look, Look::Nothing) == Look::Nothing {
            return Due::default();
        }
        let sight = snapshot.sight(self.kind);
        if self.finished.as_ref() == Some(&sight) {
            return Due::default();
        }
        let waits = self.names.iter().any(|name| snapshot.awaits(self.kind, name));
        self.waits = if waits { Waits::Yes } else { Waits::No };
        let news: Vec<Resource> = self.wanted(snapshot).filter(|resource| self.is_news(resource)).cloned().collect();
        let (later, upserts): (Vec<_>, Vec<_>) = news.into_iter().partition(|resource| self.is_held_back(resource));
        self.withholds = if later.is_empty() { Withholds::Nothing } else { Withholds::Something };
        if self.withholds == Withholds::Something {
            self.look = Look::Due;
        }
        let removed = self.removed(snapshot, removable);
        let due = Due { upserts, removed };
        let is_finished = due == Due::default() && self.look == Look::Nothing && self.waits == Waits::No;
        self.finished = is_finished.then_some(sight);
        due
    }

    /// Everything the client wants, as a state-of-the-world response lists it: refused versions stand back behind the last good one,
    /// and what may not go yet is still there.
    pub(super) fn full(&self, snapshot: &Snapshot) -> Vec<Resource> {
        let is_late = |resource: &Resource| self.is_refused(resource) || self.is_held_back(resource);
        let good = |resource: &Resource| match (is_late(resource), self.held.get(resource.name())) {
            (false, _) => Some(resource.clone()),
            (true, Some(Held::Sent(last))) => Some(last.clone()),
            (true, _) => None,
        };
        let kept = self.held.iter().filter_map(|(name, held)| match held {
            Held::Sent(resource) if self.absent_since.contains_key(name) => Some(resource.clone()),
            _ => None,
        });
        let mut all: Vec<_> = self.wanted(snapshot).filter_map(good).chain(kept).collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all
    }

    fn is_held_back(&self, resource: &Resource) -> bool {
        self.held_back.as_deref() == Some(resource.name())
    }

    /// Notes that `due` went out under `nonce`.
    pub(super) fn sent(&mut self, due: Due, nonce: String, generation: Generation) {
        for name in &due.removed {
            self.held.remove(name);
            self.absent_since.remove(name);
        }
        let resources = due.upserts.into_iter().map(|resource| {
            let before = self.held.insert(resource.shared_name(), Held::Sent(resource.clone()));
            (resource, before)
        });
        let resources = resources.collect();
        self.in_flight.push_back(Sent { nonce, generation, resources });
    }

    /// Takes the client's answer to the response `nonce`.
    pub(super) fn answer(&mut self, nonce: &str, answer: Answer) -> Outcome {
        let Some(at) = self.in_flight.iter().position(|sent| sent.nonce == nonce) else { return Outcome::Stale };
        let sent = self.in_flight.remove(at).expect("just found there");
        self.look_anew();
        let outcome = match answer {
            Answer::Accepted => Outcome::Accepted,
            Answer::Refused(reason) => self.refuse(&sent, reason),
        };
        let is_all = self.waits == Waits::No && self.withholds == Withholds::Nothing;
        if self.in_flight.is_empty() && is_all {
            self.acked = self.acked.max(sent.generation);
        }
        outcome
    }

    /// Notes, when nothing is due or on the way, that the client is up to date.
    pub(super) fn settle(&mut self, snapshot: &Snapshot) -> Settled {
        let unfinished = self.is_busy() || self.look == Look::Due || self.waits == Waits::Yes;
        if unfinished || self.acked >= snapshot.generation() {
            return Settled::Unchanged;
        }
        self.acked = snapshot.generation();
        Settled::Now
    }

    /// Whether no refused version is current any more.
    pub(super) fn is_clean(&self, snapshot: &Snapshot) -> bool {
        let current = |name: &Arc<str>, version: &String| {
            snapshot.resource(self.kind, name).is_some_and(|resource| resource.version() == version)
        };
        !self.refused.iter().any(|(name, version)| current(name, version))
    }

    fn wanted<'a>(&'a self, snapshot: &'a Snapshot) -> Box<dyn Iterator<Item = &'a Resource> + 'a> {
        match self.wildcard {
            Wildcard::Yes => Box::new(snapshot.set(self.kind).values()),
            Wildcard::No => Box::new(self.names.iter().filter_map(|name| snapshot.resource(self.kind, name))),
        }
    }

    fn is_news(&self, resource: &Resource) -> bool {
        let held = self.held.get(resource.name());
        let known = held.is_some_and(|held| held.version() == resource.version() || resource.is_stand_in());
        !known && !self.is_refused(resource)
    }

    fn is_refused(&self, resource: &Resource) -> bool {
        self.refused.get(resource.name()).is_some_and(|version| version == resource.version())
    }

    fn removed(&mut self, snapshot: &Snapshot, removable: Generation) -> Vec<Arc<str>> {
        let set = snapshot.set(self.kind);
        let awaited = |name: &Arc<str>| snapshot.awaits(self.kind, name);
        let absent: Vec<_> =
            self.held.keys().filter(|name| !set.contains_key(*name) && !awaited(name)).cloned().collect();
        self.absent_since.retain(|name, _| !set.contains_key(name));
        let (mut gone, mut kept) = (Vec::new(), Look::Nothing);
        for name in absent {
            let since = *self.absent_since.entry(name.clone()).or_insert(snapshot.generation());
            if since <= removable { gone.push(name) } else { kept = Look::Due }
        }
        if kept == Look::Due {
            self.look = Look::Due;
        }
        // Names that never were: the client should not wait for them.
        let asked = mem::take(&mut self.asked);
        let (waiting, answered): (BTreeSet<_>, BTreeSet<_>) =
            asked.into_iter().filter(|name| !set.contains_key(name)).partition(awaited);
        self.asked = waiting;
        gone.extend(answered.into_iter().filter(|name| !self.held.contains_key(name)));
        gone
    }

    /// A refusal is the whole response's; Envoy applies the good resources and names the bad ones in its reason.
    fn refuse(&mut self, sent: &Sent, reason: String) -> Outcome {
        let alone = sent.resources.len() == 1;
        let named: Vec<_> = sent.resources.iter().filter(|(it, _)| alone || names(&reason, it.name())).collect();
        for (resource, before) in &named {
            self.refused.insert(resource.shared_name(), resource.version().to_owned());
            match before {
                Some(before) => self.held.insert(resource.shared_name(), before.clone()),
                None => self.held.remove(resource.name()),
            };
        }
        let resources = named.iter().map(|(resource, _)| resource.name().to_owned()).collect();
        Outcome::Refused { generation: sent.generation, resources, reason }
    }
}

/// Whether [`Channel::settle`] changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Now,
    Unchanged,
}

/// Whether `reason` names `name` as a whole word: `agent-a` is not in "agent-a2".
fn names(reason: &str, name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    reason.match_indices(name).any(|(at, _)| {
        let before = reason[..at].chars().next_back().is_some_and(inside);
        let after = reason[at + name.len()..].chars().next().is_some_and(inside);
        !before && !after
    })
}
