//! One ADS stream: its channels, and the order between them. What is named goes before what names it: an agent's cluster, and the
//! secrets it asks for, before the policy that leads to it; on the way out the policy first.

use super::{
    ResourceKind, Snapshot,
    channel::{Answer, Channel, Due, Outcome, Settled},
    filter,
    nodes::Connection,
};
use crate::domain::Generation;

/// The state of a stream, without its protocol.
pub(super) struct Session {
    channels: [Option<Channel>; ResourceKind::ALL.len()],
    connection: Connection,
    next_nonce: u64,
}

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        Self { channels: Default::default(), connection, next_nonce: 1 }
    }

    pub(super) fn channel(&self, kind: ResourceKind) -> Option<&Channel> {
        self.channels[kind.index()].as_ref()
    }

    /// The channel of a kind, opened by the first request for it.
    pub(super) fn open(&mut self, kind: ResourceKind) -> &mut Channel {
        self.channels[kind.index()].get_or_insert_with(|| Channel::new(kind))
    }

    /// A new snapshot is there.
    pub(super) fn wake(&mut self) {
        self.channels.iter_mut().flatten().for_each(Channel::wake);
    }

    /// Takes the answer to a response; gives the resources that it refuses by name.
    pub(super) fn answer(
        &mut self,
        kind: ResourceKind,
        nonce: &str,
        answer: Answer,
        snapshot: &Snapshot,
    ) -> Vec<String> {
        let channel = self.open(kind);
        let outcome = channel.answer(nonce, answer);
        let (acked, clean) = (channel.acked(), channel.is_clean(snapshot));
        match outcome {
            Outcome::Stale => {}
            Outcome::Accepted if clean => self.connection.accepted(kind, acked),
            Outcome::Accepted => self.connection.acked(kind, acked),
            Outcome::Refused { generation, resources, reason } => {
                tracing::warn!(kind = kind.as_str(), ?resources, reason, "Envoy refused a configuration");
                self.connection.rejected(kind, generation, resources.clone(), reason);
                return resources;
            }
        }
        Vec::new()
    }

    /// The next thing to send, in order; `None`: nothing for now.
    pub(super) fn next(&mut self, snapshot: &Snapshot) -> Option<(ResourceKind, Due, String)> {
        loop {
            let mut progress = Settled::Unchanged;
            for kind in ResourceKind::ALL {
                let Some(due) = self.due(kind, snapshot) else { continue };
                if due != Due::default() {
                    let nonce = self.next_nonce.to_string();
                    self.next_nonce = self.next_nonce.wrapping_add(1);
                    return Some((kind, due, nonce));
                }
                if self.open(kind).settle(snapshot) == Settled::Now {
                    self.connection.acked(kind, snapshot.generation());
                    progress = Settled::Now;
                }
            }
            // A policy that has settled lets removed clusters go: look once more.
            if progress == Settled::Unchanged {
                return None;
            }
        }
    }

    /// Notes that what [`Self::next`] gave went out.
    pub(super) fn sent(&mut self, kind: ResourceKind, due: Due, nonce: String, generation: Generation) {
        self.open(kind).sent(due, nonce, generation);
        self.connection.sent(kind, generation);
    }

    /// `None`: it is not this kind's turn.
    fn due(&mut self, kind: ResourceKind, snapshot: &Snapshot) -> Option<Due> {
        let busy = |kind| self.channel(kind).is_some_and(Channel::is_busy);
        if kind.sends_one_at_a_time() && busy(kind) {
            return None;
        }
        // Envoy asks for a new cluster's secrets, and for the translation in it, before it acknowledges the cluster, and they are
        // answered at once: when the acknowledgement is here, so is all that the policy leads to.
        let is_held = kind == ResourceKind::Extension && busy(ResourceKind::Cluster);
        let held = is_held.then_some(filter::NAME);
        let removable = match kind {
            ResourceKind::Cluster | ResourceKind::Endpoints | ResourceKind::Secret => self.policy_settled(),
            _ => Generation::LAST,
        };
        self.channels[kind.index()].as_mut().map(|channel| channel.due(snapshot, removable, held))
    }

    fn policy_settled(&self) -> Generation {
        self.channel(ResourceKind::Extension).map_or(Generation::LAST, Channel::acked)
    }
}
