//! What of an agent is searched: the words of its record and of its card, and the text that stands for it in a model.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwapOption;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::terms::{Term, name_terms, terms, whole};
use crate::domain::{Agent, AgentId, TextDigest, Vector};

/// How often a name counts.
const NAME_WEIGHT: u32 = 2;
/// Longest text that is given to a model, in bytes: more than any model here reads.
const MAX_TEXT: usize = 4096;
/// Most terms kept of one agent: a card that repeats a dictionary costs no more than others.
const MAX_TERMS: usize = 4096;

/// An agent as search sees it.
#[derive(Debug)]
pub struct Document {
    /// Whose it is.
    pub(super) id: AgentId,
    /// Each term and how often it stands there.
    pub(super) terms: Vec<(Term, u32)>,
    /// How many terms, with repetitions.
    pub(super) length: u32,
    /// What a model reads.
    pub(super) text: String,
    pub(super) digest: TextDigest,
    /// What a model made of it: of this text, or, until that is there, of the one before.
    pub(super) vector: ArcSwapOption<Vector>,
}

impl Document {
    /// Whose it is.
    #[must_use]
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// Reads an agent: as `before`, if it says the same. Else what a model made of the version before goes on standing for it until its
    /// successor is there.
    pub(super) fn read(agent: &Agent, before: Option<&Arc<Self>>) -> Arc<Self> {
        let mut counted: BTreeMap<Term, u32> = BTreeMap::new();
        let mut room = MAX_TERMS;
        let mut count = |found: Vec<Term>, weight: u32| {
            for term in found.into_iter().take(room) {
                *counted.entry(term).or_default() += weight;
                room = room.saturating_sub(1);
            }
        };
        count(vec![whole(agent.id.as_str())], NAME_WEIGHT);
        count(name_terms(agent.id.as_str()), 1);
        for name in names(agent) {
            count(name_terms(name), NAME_WEIGHT);
        }
        for part in prose(agent) {
            count(terms(part), 1);
        }
        let text = model_text(agent);
        let digest = Sha256::digest(text.as_bytes()).into();
        let terms: Vec<(Term, u32)> = counted.into_iter().collect();
        if let Some(before) = before.filter(|before| before.digest == digest && before.terms == terms) {
            return before.clone();
        }
        Arc::new(Self {
            id: agent.id.clone(),
            length: terms.iter().map(|(_, times)| times).sum(),
            terms,
            text,
            digest,
            vector: ArcSwapOption::new(before.and_then(|before| before.vector.load_full())),
        })
    }
}

/// The record's name, and its card's where that is another.
fn names(agent: &Agent) -> Vec<&str> {
    let card = text(&agent.card.document, "name").filter(|name| *name != agent.name);
    std::iter::once(agent.name.as_str()).chain(card).collect()
}

/// Everything else that people wrote about it.
fn prose(agent: &Agent) -> Vec<&str> {
    let card = &agent.card.document;
    let mut parts = vec![agent.description.as_str()];
    parts.extend(text(card, "description").filter(|text| *text != agent.description));
    parts.extend(agent.capabilities.iter().chain(&agent.tags).map(String::as_str));
    for skill in &agent.skills {
        parts.extend([skill.name.as_str(), &skill.description, &skill.instructions]);
        parts.extend(skill.tools.iter().map(String::as_str));
    }
    for skill in card_skills(agent) {
        parts.extend(["id", "name", "description"].iter().filter_map(|field| text(skill, field)));
        parts.extend(["tags", "examples"].iter().flat_map(|field| texts(skill, field)));
    }
    parts
}

/// `name. description Skills: a, b, c`: one vector for all of it finds better than the best of several.
fn model_text(agent: &Agent) -> String {
    let mut text_for_model = names(agent).join(", ");
    let described = text(&agent.card.document, "description").filter(|text| *text != agent.description);
    for description in std::iter::once(agent.description.as_str()).chain(described).filter(|text| !text.is_empty()) {
        text_for_model = format!("{}. {description}", text_for_model.trim_end_matches('.'));
    }
    let own = agent.skills.iter().map(|skill| skill.name.as_str());
    let skills: Vec<&str> = own.chain(card_skills(agent).filter_map(|skill| text(skill, "name"))).collect();
    if !skills.is_empty() {
        text_for_model = format!("{text_for_model} Skills: {}", skills.join(", "));
    }
    text_for_model.truncate(text_for_model.floor_char_boundary_at(MAX_TEXT));
    text_for_model
}

/// `str::floor_char_boundary`, which the oldest compiler that builds this does not have.
trait CharBoundary {
    fn floor_char_boundary_at(&self, most: usize) -> usize;
}

impl CharBoundary for str {
    fn floor_char_boundary_at(&self, most: usize) -> usize {
        (0..=most.min(self.len())).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}

fn card_skills(agent: &Agent) -> impl Iterator<Item = &Value> {
    agent.card.document.get("skills").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

fn texts<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
