//! The id of an agent that nobody named: made of its card's name and host, the same each time.

use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::AgentId;

/// Longest id, in bytes.
const MAX_ID: usize = 63;
/// What it may be cut to, so that a mark fits behind it.
const MAX_MARKED: usize = 54;

/// The id, or the one to use where that is taken: the same with a mark made of the card's place.
pub(super) fn ids(name: &str, card_url: &Url) -> [AgentId; 2] {
    let host = slug(card_url.host_str().unwrap_or_default());
    let name = slug(name);
    let parts: Vec<&str> = [name.as_str(), host.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    let plain = if parts.is_empty() { "agent".to_owned() } else { parts.join("-") };
    let digest = Sha256::digest(card_url.as_str().as_bytes());
    let mark: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let marked = format!("{}-{mark}", plain[..plain.len().min(MAX_MARKED)].trim_end_matches('-'));
    // A cut name is not its own any more.
    let first = if plain.len() > MAX_ID { marked.clone() } else { plain };
    [first, marked].map(|id| AgentId::try_from(id).expect("a slug is an id"))
}

/// Lower-case letters, digits, and single hyphens between them.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(name: &str, url: &str, expect: &str) {
        let [first, marked] = ids(name, &Url::parse(url).unwrap());
        assert_eq!(first.as_str(), expect);
        assert!(marked.as_str().len() <= MAX_ID && marked != first || expect.len() > MAX_MARKED, "{marked}");
    }

    #[test]
    fn an_id_is_made_of_name_and_host() {
        check("Weather Agent", "https://agents.example.com/card", "weather-agent-agents-example-com");
        check("  --Crème brûlée!! ", "http://[::1]:9/card", "cr-me-br-l-e-1");
        check("天気", "https://tenki.example/card", "tenki-example");
        check("register", "http://127.0.0.1:9/x", "register-127-0-0-1");
    }

    #[test]
    fn a_long_name_is_cut_and_marked_so_that_two_do_not_meet() {
        let name = "x".repeat(200);
        let [one, _] = ids(&name, &Url::parse("https://a.example/1").unwrap());
        let [other, _] = ids(&name, &Url::parse("https://a.example/2").unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), MAX_MARKED + 9);
    }

    proptest! {
        #[test]
        fn any_name_gives_the_same_ids_each_time(name in any::<String>(), host in "[a-z0-9]{1,40}(\\.[a-z]{1,20}){0,3}") {
            let url = Url::parse(&format!("https://{host}/card")).unwrap();
            prop_assert_eq!(ids(&name, &url), ids(&name, &url));
        }
    }
}
