//! An AI catalogue (AI Catalog 1.0) read for the agents in it. Catalogues within catalogues are not followed: whoever wants one makes
//! it a source, and so no catalogue can lead in a circle.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::Skipped;

const CARD_TYPE: &str = "application/a2a-agent-card+json";
/// Longest URL taken, in bytes.
const MAX_URL: usize = 2048;

/// An entry that says it is an A2A agent's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// Its card is there.
    At(Url),
    /// It does not say where its card is.
    Unusable(Skipped),
}

/// The agents of a catalogue at `place`, each place once, in the catalogue's order; entries of other types are none of our business.
/// `None`: it is no catalogue.
#[must_use]
pub fn candidates(document: &Value, place: &Url) -> Option<Vec<Candidate>> {
    let entries = document.as_object()?.get("entries")?.as_array()?;
    let mut seen = BTreeSet::new();
    let cards = entries.iter().filter(|entry| is_card(entry)).map(|entry| candidate(entry, place));
    let once = cards.filter(|candidate| match candidate {
        Candidate::At(url) => seen.insert(url.to_string()),
        Candidate::Unusable(_) => true,
    });
    Some(once.collect())
}

/// `type` was called `mediaType` before.
fn is_card(entry: &Value) -> bool {
    let named = ["type", "mediaType"].iter().filter_map(|field| entry.get(field)?.as_str());
    let mut kinds = named.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.any(|kind| kind.eq_ignore_ascii_case(CARD_TYPE))
}

fn candidate(entry: &Value, place: &Url) -> Candidate {
    let Some(text) = entry.get("url").and_then(Value::as_str) else {
        return Candidate::Unusable(Skipped::new(place, "an entry has no url: cards within a catalogue are not taken"));
    };
    let url = Some(text).filter(|text| text.len() <= MAX_URL).and_then(|text| place.join(text).ok());
    let is_plain =
        |url: &Url| matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    match url.filter(is_plain) {
        Some(mut url) => {
            url.set_fragment(None);
            Candidate::At(url)
        }
        None => Candidate::Unusable(Skipped::new(place, "an entry's url is no http or https URL without credentials")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(document: Value, expect: Option<&[&str]>) {
        let place = Url::parse("https://host.example/.well-known/ai-catalog.json").unwrap();
        let found = candidates(&document, &place);
        let found = found.map(|found| {
            let text = |candidate| match candidate {
                Candidate::At(url) => Url::to_string(&url),
                Candidate::Unusable(skipped) => skipped.reason,
            };
            found.into_iter().map(text).collect::<Vec<_>>()
        });
        assert_eq!(found, expect.map(|urls| urls.iter().map(ToString::to_string).collect()), "{document}");
    }

    #[test]
    fn cards_are_found_by_type_under_both_its_names() {
        let entry = |field: &str, kind: &str, url: &str| json!({field: kind, "url": url});
        check(
            json!({"specVersion": "1.0", "entries": [
                entry("type", CARD_TYPE, "https://a.example/card"),
                entry("mediaType", CARD_TYPE, "/b/card#there"),
                entry("type", "Application/A2A-Agent-Card+JSON; v=1", "https://c.example/card"),
                entry("type", "application/mcp-server-card+json", "https://d.example/"),
                entry("type", "application/ai-catalog+json", "https://host.example/.well-known/ai-catalog.json"),
                entry("type", CARD_TYPE, "https://a.example/card"),
                json!(5), json!({}), json!({"type": 5, "url": []}),
            ]}),
            Some(&["https://a.example/card", "https://host.example/b/card", "https://c.example/card"]),
        );
    }

    #[test]
    fn what_has_no_usable_place_is_named() {
        let no_url = "an entry has no url: cards within a catalogue are not taken";
        let bad_url = "an entry's url is no http or https URL without credentials";
        check(json!({"entries": [{"type": CARD_TYPE, "data": {"name": "A"}}]}), Some(&[no_url]));
        for url in ["file:///etc/passwd", "https://u:p@a.example/", "https://", &format!("/{}", "x".repeat(MAX_URL))] {
            check(json!({"entries": [{"type": CARD_TYPE, "url": url}]}), Some(&[bad_url]));
        }
    }

    #[test]
    fn what_has_no_list_of_entries_is_no_catalogue() {
        for document in [json!({}), json!([]), json!(5), json!({"entries": 5}), json!({"name": "A", "skills": []})] {
            check(document, None);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_urls_never_panic(url in any::<String>()) {
            let place = Url::parse("https://host.example/").unwrap();
            for candidate in candidates(&json!({"entries": [{"type": CARD_TYPE, "url": url}]}), &place).unwrap() {
                if let Candidate::At(url) = candidate {
                    prop_assert!(matches!(url.scheme(), "http" | "https"));
                }
            }
        }
    }
}
