//! Pages of a sorted listing: `?limit=&cursor=`. A cursor is the last key of the page before, so pages stay right while the registry
//! changes.

use super::ApiError;

/// Most items on a page.
const MAX_LIMIT: usize = 1000;

/// A page asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Page {
    /// `None`: all there are.
    limit: Option<usize>,
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
    /// A parameter that is unknown or cannot be read.
    pub(crate) fn read(query: &[(String, String)], others: &[&str]) -> Result<Self, ApiError> {
        let mut page = Self::default();
        for (name, value) in query {
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    let fault = || ApiError::field("INVALID_QUERY", "limit", "limit must be from 1 to 1000");
                    page.limit = Some(limit.ok_or_else(fault)?);
                }
                "cursor" => page.after = Some(value.clone()),
                other if others.contains(&other) => {}
                other => return Err(ApiError::field("INVALID_QUERY", other, format!("{other} is unknown"))),
            }
        }
        Ok(page)
    }

    /// The page of `items`, which are sorted by `key`.
    pub(crate) fn cut<'a, T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> &'a str) -> Cut<T>
    where
        T: 'a,
    {
        let mut left = items.skip_while(|item| self.after.as_deref().is_some_and(|after| key(item) <= after));
        let items: Vec<T> = left.by_ref().take(self.limit.unwrap_or(usize::MAX)).collect();
        let next = left.next().and_then(|_| items.last()).map(|item| key(item).to_owned());
        Cut { items, next }
    }
}
