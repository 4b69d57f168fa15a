//! Rewritten cards, ready to serve: bytes and `ETag`. A card is rewritten once, and again when the record holds another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use sha2::{Digest, Sha256};

use super::{BackendCard, CardGateway};
use crate::domain::{Agent, AgentId, Card};

/// A card as callers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCard {
    /// The document, JSON.
    pub body: String,
    /// Strong entity tag of `body`, with its quotes (RFC 9110 section 8.8.3).
    pub etag: String,
}

/// Rewritten cards by agent. Clones share them.
#[derive(Clone)]
pub struct CardShelf {
    gateway: CardGateway,
    cards: Arc<Mutex<HashMap<AgentId, Shelved>>>,
}

struct Shelved {
    source: Weak<Card>,
    served: Arc<ServedCard>,
}

impl CardShelf {
    /// An empty shelf.
    #[must_use]
    pub fn new(gateway: CardGateway) -> Self {
        Self { gateway, cards: Arc::default() }
    }

    /// The gateway that the cards are rewritten for.
    #[must_use]
    pub fn gateway(&self) -> &CardGateway {
        &self.gateway
    }

    /// The agent's card as callers get it; `None` if what is kept is no card.
    #[must_use]
    pub fn card(&self, agent: &Agent) -> Option<Arc<ServedCard>> {
        let mut cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        let kept =
            cards.get(&agent.id).filter(|shelved| std::ptr::eq(shelved.source.as_ptr(), Arc::as_ptr(&agent.card)));
        if let Some(shelved) = kept {
            return Some(shelved.served.clone());
        }
        let served = Arc::new(self.make(agent)?);
        // Agents that are gone have no card left to be the source of.
        cards.retain(|_, shelved| shelved.source.strong_count() > 0);
        let source = Arc::downgrade(&agent.card);
        cards.insert(agent.id.clone(), Shelved { source, served: served.clone() });
        Some(served)
    }

    fn make(&self, agent: &Agent) -> Option<ServedCard> {
        let backend = &agent.backends.first()?.url;
        let offer = self.gateway.offer(agent);
        let (document, paths) = (&agent.card.document, &agent.card.paths);
        let card = BackendCard { agent: &agent.id, document, paths, backend, offer: &offer };
        let body = self.gateway.rewrite(card)?.to_string();
        let digest = Sha256::digest(body.as_bytes());
        let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(ServedCard { body, etag: format!("\"{tag}\"") })
    }
}
