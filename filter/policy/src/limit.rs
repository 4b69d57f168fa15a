//! How often a caller may call: the values and how they merge. Spending belongs to [`crate::quota`].

use std::num::NonZeroU32;

use crate::document::{LimitDocument, OperationClass};

/// A token bucket's size and refill. Ordered by generosity: refill first, then burst, `Unlimited` above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// A bucket.
    Bucket {
        /// Refill, requests per minute.
        requests_per_minute: NonZeroU32,
        /// Size, requests.
        burst: NonZeroU32,
    },
    /// No limit, said out loud in the document.
    Unlimited,
}

/// What rows say of one caller on one agent, merged. Of everything said, the most generous holds, in whatever order it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of every class that has no limit of its own; `None`: no row says one.
    pub shared: Option<Limit>,
    /// Of single classes, in the order of [`OperationClass`].
    pub(crate) own: [Option<Limit>; 3],
    /// Requests at once; `None`: any number.
    pub max_concurrent: Option<NonZeroU32>,
}

/// Why a limit in a document means nothing. The message is for the field's author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Neither or both of the two ways to say it.
    #[error("needs exactly one of requestsPerMinute and unlimited: true")]
    NotOne,
    /// `requestsPerMinute` is zero.
    #[error("requestsPerMinute must be at least 1; to forbid, grant nothing")]
    ZeroRate,
    /// `burst` is zero.
    #[error("burst must be at least 1")]
    ZeroBurst,
    /// `burst` beside `unlimited`.
    #[error("burst means nothing beside unlimited: true")]
    BurstOfUnlimited,
}

impl Limit {
    /// Where nothing in the document names a limit: 100 requests a minute, and as many at once.
    pub const DEFAULT: Self = match NonZeroU32::new(100) {
        Some(hundred) => Self::Bucket { requests_per_minute: hundred, burst: hundred },
        None => Self::Unlimited,
    };

    /// The more generous of two.
    #[must_use]
    pub fn most_generous(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Limits {
    /// The same with a limit of its own for `class`.
    #[must_use]
    pub fn with_own(mut self, class: OperationClass, limit: Limit) -> Self {
        if let Some(own) = self.own.get_mut(class as usize) {
            *own = Some(limit);
        }
        self
    }

    /// The limit that `class` has for itself alone.
    #[must_use]
    pub fn own(&self, class: OperationClass) -> Option<Limit> {
        self.own.get(class as usize).copied().flatten()
    }

    /// Whether every class is limited together with the others: what an operation is need not be known then.
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.own.iter().all(Option::is_none)
    }

    /// Merges the rows that grant an agent. Where one of them limits a class by itself, the others count for that class with what
    /// they say of it, or else of everything.
    #[must_use]
    pub fn merged<'a>(rows: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut merged = Self {
            shared: rows.clone().filter_map(|row| row.shared).reduce(Limit::most_generous),
            max_concurrent: rows.clone().filter_map(|row| row.max_concurrent).max(),
            own: [None; 3],
        };
        for class in [OperationClass::Read, OperationClass::Write, OperationClass::Push] {
            if rows.clone().any(|row| row.own(class).is_some()) {
                let said = rows.clone().filter_map(|row| row.own(class).or(row.shared));
                if let Some(limit) = said.reduce(Limit::most_generous) {
                    merged = merged.with_own(class, limit);
                }
            }
        }
        merged
    }
}

impl TryFrom<&LimitDocument> for Limit {
    type Error = LimitError;

    fn try_from(document: &LimitDocument) -> Result<Self, LimitError> {
        match (document.requests_per_minute, document.unlimited) {
            (None, true) if document.burst.is_some() => Err(LimitError::BurstOfUnlimited),
            (None, true) => Ok(Self::Unlimited),
            (Some(rate), false) => {
                let requests_per_minute = NonZeroU32::new(rate).ok_or(LimitError::ZeroRate)?;
                let burst = document
                    .burst
                    .map_or(Ok(requests_per_minute), |burst| NonZeroU32::new(burst).ok_or(LimitError::ZeroBurst))?;
                Ok(Self::Bucket { requests_per_minute, burst })
            }
            (None, false) | (Some(_), true) => Err(LimitError::NotOne),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(json: &str, expect: Result<Limit, LimitError>) {
        let document: LimitDocument = serde_json::from_str(json).unwrap();
        assert_eq!(Limit::try_from(&document), expect, "{json}");
    }

    fn bucket(rate: u32, burst: u32) -> Limit {
        Limit::Bucket { requests_per_minute: NonZeroU32::new(rate).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    #[test]
    fn reads_the_two_ways_to_say_a_limit() {
        check(r#"{"requestsPerMinute":60}"#, Ok(bucket(60, 60)));
        check(r#"{"requestsPerMinute":60,"burst":5}"#, Ok(bucket(60, 5)));
        check(r#"{"unlimited":true}"#, Ok(Limit::Unlimited));
    }

    #[test]
    fn refuses_zero_and_contradiction() {
        check("{}", Err(LimitError::NotOne));
        check(r#"{"burst":5}"#, Err(LimitError::NotOne));
        check(r#"{"requestsPerMinute":1,"unlimited":true}"#, Err(LimitError::NotOne));
        check(r#"{"requestsPerMinute":0}"#, Err(LimitError::ZeroRate));
        check(r#"{"requestsPerMinute":1,"burst":0}"#, Err(LimitError::ZeroBurst));
        check(r#"{"unlimited":true,"burst":3}"#, Err(LimitError::BurstOfUnlimited));
    }

    #[test]
    fn refuses_negative_numbers_when_the_document_is_read() {
        assert!(serde_json::from_str::<LimitDocument>(r#"{"requestsPerMinute":-1}"#).is_err());
    }

    #[test]
    fn the_default_is_a_hundred_a_minute() {
        assert_eq!(Limit::DEFAULT, bucket(100, 100));
    }

    fn any_limit() -> impl Strategy<Value = Limit> {
        prop_oneof![Just(Limit::Unlimited), (1..9u32, 1..9u32).prop_map(|(rate, burst)| bucket(rate, burst))]
    }

    fn any_limits() -> impl Strategy<Value = Limits> {
        let limit = || prop::option::of(any_limit());
        (limit(), [limit(), limit(), limit()], prop::option::of(1..9u32)).prop_map(|(shared, own, concurrent)| Limits {
            shared,
            own,
            max_concurrent: concurrent.and_then(NonZeroU32::new),
        })
    }

    #[test]
    fn a_class_with_a_limit_of_its_own_in_one_row_has_one_for_all() {
        let free = Limits::default().with_own(OperationClass::Read, Limit::Unlimited);
        let row = Limits { shared: Some(bucket(60, 5)), ..free };
        let narrow = Limits { shared: Some(bucket(10, 1)), ..Limits::default() };
        let merged = Limits::merged([row, narrow].iter());
        assert_eq!(merged.own(OperationClass::Read), Some(Limit::Unlimited));
        assert_eq!((merged.own(OperationClass::Write), merged.shared), (None, Some(bucket(60, 5))));
        assert!(!merged.is_uniform() && Limits::merged([narrow, narrow].iter()).is_uniform());
    }

    proptest! {
        #[test]
        fn merging_rows_does_not_depend_on_order(mut rows in prop::collection::vec(any_limits(), 0..6), turn in 0..6usize) {
            let merged = Limits::merged(rows.iter());
            let by = turn.checked_rem(rows.len()).unwrap_or_default();
            rows.rotate_left(by);
            rows.reverse();
            prop_assert_eq!(Limits::merged(rows.iter()), merged);
        }

        #[test]
        fn merging_does_not_depend_on_order(mut limits in prop::collection::vec(any_limit(), 1..6), turn in 0..6usize) {
            let merged = limits.iter().copied().reduce(Limit::most_generous);
            let by = turn % limits.len();
            limits.rotate_left(by);
            prop_assert_eq!(limits.iter().copied().rev().reduce(Limit::most_generous), merged);
        }
    }
}
