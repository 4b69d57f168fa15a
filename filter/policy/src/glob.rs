//! Globs over agent ids, as permission rows use them, and over host names: `*` stands for any run of characters, everything else for itself.

use crate::ids::MAX_AGENT_ID;

/// A well-formed glob: lower-case letters, digits, hyphens and `*`, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Box<str>);

impl Glob {
    /// The glob `text` spells, or `None` where it could match no agent id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'*';
        let fits = !text.is_empty() && text.len() <= MAX_AGENT_ID.saturating_add(1);
        (fits && !text.starts_with('-') && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The glob over host names that `text` spells: letters in lower case, digits, hyphens, dots, underscores, colons and `*`, at most
    /// 253 bytes (RFC 1035 section 2.3.4). `None` where it could match no host.
    #[must_use]
    pub fn of_hosts(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:*".contains(&b);
        (!text.is_empty() && text.len() <= 253 && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The id this glob names, where it has no `*`.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether the whole of `id` matches. Linear in `id` for each `*`: no backtracking beyond the last one.
    #[must_use]
    pub fn matches(&self, id: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(rest) = pieces.next().and_then(|first| id.strip_prefix(first)) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        let Some(mut rest) = rest.strip_suffix(last) else { return false };
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(glob: &str, id: &str, expect: bool) {
        assert_eq!(Glob::parse(glob).unwrap().matches(id), expect, "{glob} against {id}");
    }

    #[test]
    fn matches_whole_ids_only() {
        check("weather", "weather", true);
        check("weather", "weather-2", false);
        check("weather", "my-weather", false);
        check("*", "anything", true);
        check("team-*", "team-a", true);
        check("team-*", "team", false);
        check("*-dev", "a-dev", true);
        check("a*a", "a", false);
        check("a*a", "aa", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("*b*", "b", true);
        check("**", "x", true);
    }

    #[test]
    fn refuses_what_could_match_no_id() {
        for text in ["", "-a", "A", "a/b", "a.b", "a?", "ä", &"a".repeat(65)] {
            assert_eq!(Glob::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_recursive_matcher(glob in "[ab*]{1,8}", id in "[ab]{1,8}") {
            fn plain(glob: &[u8], id: &[u8]) -> bool {
                match (glob.split_first(), id.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), None) => plain(rest, id),
                    (Some((b'*', rest)), Some((_, tail))) => plain(rest, id) || plain(glob, tail),
                    (Some((g, rest)), Some((i, tail))) => g == i && plain(rest, tail),
                    _ => false,
                }
            }
            prop_assert_eq!(Glob::parse(&glob).unwrap().matches(&id), plain(glob.as_bytes(), id.as_bytes()));
        }
    }
}
