//! A card as fetched, the versions before it, and what is known of its signatures.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::{Agent, CardPaths, Skill, UnixSeconds};

/// How many versions of a card a record keeps, the current one among them.
pub const CARD_VERSIONS: usize = 5;

/// A card as fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The document: unknown fields survive.
    pub document: Value,
    /// The document as it came, byte for byte.
    pub text: Arc<str>,
    /// Its number: one more than that of the card before it.
    pub version: u64,
    /// When it was fetched.
    pub fetched_at: UnixSeconds,
    /// The backend's `ETag`, for the next fetch.
    pub etag: Option<String>,
    /// What its signatures are worth.
    pub signature: SignatureOutcome,
    /// Where the backend's interfaces are, taken from the document.
    pub paths: CardPaths,
}

/// A card that was, or is, in force.
#[derive(Debug, Clone, PartialEq)]
pub struct CardVersion {
    /// Its number, from 1.
    pub number: u64,
    /// The document as it came.
    pub text: Arc<str>,
    /// When it was fetched last.
    pub fetched_at: UnixSeconds,
    /// The backend's `ETag`.
    pub etag: Option<String>,
    /// What its signatures were worth then.
    pub signature: SignatureOutcome,
    /// The skills that the record added to it.
    pub skills: Vec<Skill>,
}

/// What is asked of an agent's card.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CardSignatures {
    /// Whether it must be signed.
    pub policy: SignaturePolicy,
    /// By whom.
    pub keys: CardKeySource,
}

/// Whether a card must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignaturePolicy {
    /// Signatures are not looked at.
    #[default]
    Ignore,
    /// A card without signatures is taken; of those a signed one has, one must be valid.
    VerifyIfPresent,
    /// One must be valid.
    Require,
}

/// Whose signatures are believed.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum CardKeySource {
    /// Nobody's, unless the server's settings trust the place that a signature names.
    #[default]
    None,
    /// A JWK set given with the record.
    Inline(Value),
    /// A JWK set that is fetched each time it is needed.
    Url(Url),
}

/// What a card's signatures are worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SignatureOutcome {
    /// Nobody has looked: the card is from before signatures were.
    #[default]
    Unchecked,
    /// It has none.
    Unsigned,
    /// It has some, and the policy is to ignore them.
    Ignored,
    /// One is valid.
    Verified(VerifiedSignature),
}

/// A valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// `kid`.
    pub key_id: String,
    /// `alg`.
    pub algorithm: String,
    /// Which of the card's members it is over.
    pub form: CardForm,
    /// Members of the card that it says nothing about, by JSON pointer.
    pub uncovered: Vec<String>,
}

/// Which members of a card are signed. A verifier that reads cards into its own types sees no others than those it knows, so the
/// same card has more than one canonical form in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardForm {
    /// Every member, by the specification's presence rules (A2A v1.0 section 8.4.1).
    Whole,
    /// The members of the v1.0 data model alone, by the same rules.
    Known,
    /// What `a2a-sdk` 1.3.0 signs: the members it knows, v0.3 ones read as their v1.0 counterparts, everything empty left out,
    /// required or not.
    Sdk,
}

impl CardForm {
    /// Every form, the widest first.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Known, Self::Sdk];

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Known => "known_fields",
            Self::Sdk => "sdk",
        }
    }
}

impl SignaturePolicy {
    /// Every policy, the mildest first.
    pub const ALL: [Self; 3] = [Self::Ignore, Self::VerifyIfPresent, Self::Require];

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::VerifyIfPresent => "verify_if_present",
            Self::Require => "require",
        }
    }
}

impl Card {
    /// The card as one of the versions, with the skills that the record adds to it.
    #[must_use]
    pub fn to_version(&self, skills: &[Skill]) -> CardVersion {
        CardVersion {
            number: self.version,
            text: self.text.clone(),
            fetched_at: self.fetched_at,
            etag: self.etag.clone(),
            signature: self.signature.clone(),
            skills: skills.to_vec(),
        }
    }
}

impl Agent {
    /// The same with the card that was fetched now. Where it says something else than the one before, that one becomes an earlier
    /// version, and the oldest goes.
    #[must_use]
    pub fn with_card(self, fetched: Card) -> Self {
        let skills = self.skills.clone();
        self.with_card_and_skills(fetched, skills)
    }

    /// The same with that card and those skills. Callers read both in one document, so another skill is another version too.
    #[must_use]
    pub fn with_card_and_skills(self, fetched: Card, skills: Vec<Skill>) -> Self {
        let (version, mut earlier_cards) = (self.card.version, self.earlier_cards);
        if fetched.document == self.card.document && skills == self.skills {
            return Self { card: Card { version, ..fetched }.into(), earlier_cards, ..self };
        }
        earlier_cards.push(Arc::new(self.card.to_version(&self.skills)));
        let surplus = (earlier_cards.len() + 1).saturating_sub(CARD_VERSIONS);
        earlier_cards.drain(..surplus);
        Self { card: Card { version: version + 1, ..fetched }.into(), earlier_cards, skills, ..self }
    }

    /// The card's versions, oldest first, the current one last.
    #[must_use]
    pub fn card_versions(&self) -> Vec<CardVersion> {
        let earlier = self.earlier_cards.iter().map(|version| (**version).clone());
        earlier.chain(std::iter::once(self.card.to_version(&self.skills))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Agent, CARD_VERSIONS, Card};
    use crate::{
        domain::{BackendAuth, Skill},
        xds::fixtures,
    };

    fn agent() -> Agent {
        fixtures::agent("a", &["http://a.example"], BackendAuth::None)
    }

    fn card(number: usize) -> Card {
        let document = json!({"name": number});
        let card = (*agent().card).clone();
        Card { text: document.to_string().into(), document, ..card }
    }

    fn numbers(agent: &Agent) -> Vec<u64> {
        agent.card_versions().iter().map(|version| version.number).collect()
    }

    #[test]
    fn the_last_versions_are_kept_and_the_oldest_goes() {
        let mut agent = agent();
        for number in 0..CARD_VERSIONS + 2 {
            agent = agent.with_card(card(number));
        }
        assert_eq!(numbers(&agent), [4, 5, 6, 7, 8]);
        assert_eq!(&*agent.card_versions()[0].text, r#"{"name":2}"#);
    }

    #[test]
    fn the_same_document_in_other_words_is_the_same_version() {
        let agent = agent().with_card(card(1));
        let again = Card { text: "{ \"name\": 1 }".into(), fetched_at: 9, ..card(1) };
        let agent = agent.with_card(again);
        assert_eq!((numbers(&agent), agent.card.fetched_at), (vec![1, 2], 9));
        assert_eq!(&*agent.card.text, "{ \"name\": 1 }");
    }

    #[test]
    fn other_skills_are_another_version_of_the_same_document() {
        let skill = |name: &str| {
            let name = name.to_owned();
            Skill { name, description: String::new(), instructions: String::new(), tools: Vec::new() }
        };
        let agent = agent().with_card_and_skills(card(1), vec![skill("a")]);
        let agent = agent.with_card_and_skills(card(1), vec![skill("a")]);
        assert_eq!(numbers(&agent), [1, 2]);
        let agent = agent.with_card_and_skills(card(1), vec![skill("b")]);
        assert_eq!(numbers(&agent), [1, 2, 3]);
        let skills: Vec<Vec<Skill>> = agent.card_versions().into_iter().map(|version| version.skills).collect();
        assert_eq!(skills, [vec![], vec![skill("a")], vec![skill("b")]]);
        assert_eq!(agent.with_card(card(2)).skills, [skill("b")], "a fetched card brings none");
    }
}
