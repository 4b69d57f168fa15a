//! Rewritten cards, signed and ready to serve: bytes and `ETag`. A card is made once, and again when the record holds another or
//! another key signs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{BackendCard, CardGateway, CardSigner, Offer};
use crate::domain::{Agent, AgentId, Card, Skill};

/// A card as callers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCard {
    /// The document, JSON, its signatures included.
    pub body: String,
    /// Strong entity tag of `body`, with its quotes (RFC 9110 section 8.8.3).
    pub etag: String,
}

/// Rewritten cards by agent. Clones share them.
#[derive(Clone)]
pub struct CardShelf {
    gateway: CardGateway,
    signer: Option<CardSigner>,
    cards: Arc<Mutex<HashMap<AgentId, Shelved>>>,
}

struct Shelved {
    source: Weak<Card>,
    offer: Offer,
    skills: Vec<Skill>,
    key_id: Option<Arc<str>>,
    served: Arc<ServedCard>,
}

impl CardShelf {
    /// An empty shelf. Without a signer, cards are served unsigned.
    #[must_use]
    pub fn new(gateway: CardGateway, signer: Option<CardSigner>) -> Self {
        Self { gateway, signer, cards: Arc::default() }
    }

    /// The gateway that the cards are rewritten for.
    #[must_use]
    pub fn gateway(&self) -> &CardGateway {
        &self.gateway
    }

    /// The agent's card as callers get it; `None` if what is kept is no card.
    #[must_use]
    pub fn card(&self, agent: &Agent) -> Option<Arc<ServedCard>> {
        let key_id = self.signer.as_ref().and_then(CardSigner::key_id);
        let offer = self.gateway.offer(agent);
        let mut cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |shelved: &&Shelved| {
            std::ptr::eq(shelved.source.as_ptr(), Arc::as_ptr(&agent.card))
                && shelved.key_id == key_id
                && shelved.offer == offer
                && shelved.skills == agent.skills
        };
        if let Some(shelved) = cards.get(&agent.id).filter(is_current) {
            return Some(shelved.served.clone());
        }
        let served = Arc::new(self.make(agent, &agent.card.document)?);
        // Agents that are gone have no card left to be the source of.
        cards.retain(|_, shelved| shelved.source.strong_count() > 0);
        let source = Arc::downgrade(&agent.card);
        let shelved = Shelved { source, offer, skills: agent.skills.clone(), key_id, served: served.clone() };
        cards.insert(agent.id.clone(), shelved);
        Some(served)
    }

    /// Another card of the agent than the one in its record, such as the extended card that it gave one caller: rewritten and signed
    /// like the other, and not kept, but for its signatures. `None` if it is no card.
    #[must_use]
    pub fn extended_card(&self, agent: &Agent, document: &Value) -> Option<ServedCard> {
        self.make(agent, document)
    }

    fn make(&self, agent: &Agent, document: &Value) -> Option<ServedCard> {
        let backend = &agent.backends.first()?.url;
        let offer = self.gateway.offer(agent);
        let (paths, skills) = (&agent.card.paths, &agent.skills);
        let card = BackendCard { agent: &agent.id, document, paths, backend, offer: &offer, skills };
        let card = match (self.gateway.rewrite(card)?, &self.signer) {
            (Value::Object(fields), Some(signer)) => signer.sign(fields),
            (card, _) => card,
        };
        let body = card.to_string();
        let digest = Sha256::digest(body.as_bytes());
        let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(ServedCard { body, etag: format!("\"{tag}\"") })
    }
}
