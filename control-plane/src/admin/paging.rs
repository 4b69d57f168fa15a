//! Pages of a sorted listing: `?limit=&cursor=`. A cursor is the last key of the page before, so pages stay right while the registry
//! changes: what was there throughout comes exactly once. Clients see it encoded, so that nobody builds one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::ApiError;

/// Most items on a page.
const MAX_LIMIT: usize = 1000;
/// Longest cursor: longer than the encoding of any key.
const MAX_CURSOR: usize = 4096;

/// A page asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Page {
    /// `None`: all there are.
    limit: Option<usize>,
    /// The key that the page comes after.
    after: Option<String>,
}

/// A page found.
pub(crate) struct Cut<T> {
    pub(crate) items: Vec<T>,
    /// Cursor of the next page; `None`: this is the last.
    pub(crate) next: Option<String>,
}

impl Page {
    /// Reads the query; parameters besides `limit` and `cursor` must be among `others`.
    ///
    /// # Errors
    /// A parameter that is unknown, stands twice or cannot be read.
    pub(crate) fn read(query: &[(String, String)], others: &[&str]) -> Result<Self, ApiError> {
        let mut page = Self::default();
        for (name, value) in query {
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    let limit = limit.ok_or_else(|| fault("limit", "must be from 1 to 1000"))?;
                    once(&mut page.limit, name, limit)?;
                }
                "cursor" => {
                    let wrong = || fault("cursor", "is none that this listing gave: begin again without it");
                    once(&mut page.after, name, decoded(value).ok_or_else(wrong)?)?;
                }
                other if others.contains(&other) => {}
                other => return Err(fault(other, "is unknown")),
            }
        }
        Ok(page)
    }

    /// The key that the page comes after.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The page of `items`, which are sorted by `key`.
    pub(crate) fn cut<'a, T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> &'a str) -> Cut<T>
    where
        T: 'a,
    {
        let mut left = items.skip_while(|item| self.after.as_deref().is_some_and(|after| key(item) <= after));
        let items: Vec<T> = left.by_ref().take(self.limit.unwrap_or(usize::MAX)).collect();
        let next = left.next().and_then(|_| items.last()).map(|item| encoded(key(item)));
        Cut { items, next }
    }
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), ApiError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(fault(name, "stands twice")),
    }
}

fn fault(name: &str, message: &str) -> ApiError {
    ApiError::field("INVALID_QUERY", name, format!("{name} {message}"))
}

fn encoded(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn decoded(cursor: &str) -> Option<String> {
    let bytes = Some(cursor).filter(|cursor| (1..=MAX_CURSOR).contains(&cursor.len()))?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn page(query: &[(&str, &str)]) -> Result<Page, ApiError> {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Page::read(&query, &["tag"])
    }

    #[test]
    fn what_cannot_be_read_names_its_parameter() {
        for (query, name, problem) in [
            (vec![("limit", "0")], "limit", "limit must be from 1 to 1000"),
            (vec![("limit", "1001")], "limit", "limit must be from 1 to 1000"),
            (vec![("limit", "2"), ("limit", "2")], "limit", "limit stands twice"),
            (vec![("cursor", "YQ"), ("cursor", "YQ")], "cursor", "cursor stands twice"),
            (vec![("colour", "red")], "colour", "colour is unknown"),
        ] {
            assert_eq!(page(&query), Err(ApiError::field("INVALID_QUERY", name, problem)), "{query:?}");
        }
        for cursor in ["", "!", "YQ==", "YR", "_w", &"A".repeat(MAX_CURSOR + 4)] {
            assert!(page(&[("cursor", cursor)]).is_err(), "{cursor}");
        }
        assert!(page(&[("tag", "a"), ("tag", "b"), ("limit", "1000"), ("cursor", "YQ")]).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_queries_never_panic(query in prop::collection::vec(("(limit|cursor|tag|[a-z]{1,3})", any::<String>()), 0..4)) {
            let _ = Page::read(&query, &["tag"]);
        }

        /// Between two pages anything may come and go.
        #[test]
        fn what_is_there_throughout_comes_once_and_nothing_comes_twice(
            stays in prop::collection::btree_set("[a-c]{1,4}", 0..12),
            comes_and_goes in prop::collection::vec(prop::collection::btree_set("[a-c]{1,4}", 0..12), 40),
            limit in 1_usize..5,
        ) {
            let (mut seen, mut cursor, mut rounds) = (Vec::new(), None, comes_and_goes.into_iter());
            loop {
                let there: BTreeSet<String> = stays.union(&rounds.next().unwrap_or_default()).cloned().collect();
                let mut query = vec![("limit".to_owned(), limit.to_string())];
                query.extend(cursor.map(|cursor: String| ("cursor".to_owned(), cursor)));
                let cut = Page::read(&query, &[]).unwrap().cut(there.iter(), |key| key.as_str());
                prop_assert!(cut.items.len() <= limit);
                seen.extend(cut.items.into_iter().cloned());
                cursor = cut.next;
                if cursor.is_none() { break; }
            }
            let distinct: BTreeSet<String> = seen.iter().cloned().collect();
            prop_assert_eq!(distinct.len(), seen.len(), "something came twice: {:?}", &seen);
            prop_assert!(stays.is_subset(&distinct), "lost: {:?}", stays.difference(&distinct).collect::<Vec<_>>());
        }
    }
}
