//! Who is cut off, whatever their tokens say. Asked for every request, so that a token in the cache is cut off as well; costs next to
//! nothing where nobody is, and one look-up for each property of the caller where thousands are.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::document::RevocationDocument;
use crate::fault::ConfigFault;
use crate::token::{Caller, UnixSeconds};

/// The compiled revocations, each under its most particular property.
#[derive(Debug, Default)]
pub struct Revocations {
    by_token_id: Index,
    by_subject: Index,
    by_client: Index,
    by_issuer: Index,
}

type Index = HashMap<Box<str>, Vec<RevocationDocument>, FixedState>;

impl Revocations {
    pub(crate) fn compile(documents: Vec<RevocationDocument>, faults: &mut Vec<ConfigFault>) -> Self {
        let mut revocations = Self::default();
        for (at, document) in documents.into_iter().enumerate() {
            let fault = |field: &str, message: &str| {
                let dot = if field.is_empty() { "" } else { "." };
                ConfigFault::new(format!("revocations[{at}]{dot}{field}"), message)
            };
            let named = [
                ("tokenId", &document.token_id),
                ("subject", &document.subject),
                ("client", &document.client),
                ("issuer", &document.issuer),
            ];
            let empty = named.iter().filter(|(_, value)| value.as_deref() == Some(""));
            faults.extend(empty.map(|(field, _)| fault(field, "must not be empty")));
            let (index, key) = match &document {
                RevocationDocument { token_id: Some(key), .. } => (&mut revocations.by_token_id, key),
                RevocationDocument { subject: Some(key), .. } => (&mut revocations.by_subject, key),
                RevocationDocument { client: Some(key), .. } => (&mut revocations.by_client, key),
                RevocationDocument { issuer: Some(key), .. } => (&mut revocations.by_issuer, key),
                _ => {
                    faults.push(fault("", "must name at least one of issuer, client, subject and tokenId"));
                    continue;
                }
            };
            index.entry(key.as_str().into()).or_default().push(document);
        }
        revocations
    }

    /// Whether nobody is cut off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.by_token_id, &self.by_subject, &self.by_client, &self.by_issuer].into_iter().all(Index::is_empty)
    }

    /// Whether `caller` is cut off at `now`.
    #[must_use]
    pub fn cuts_off(&self, caller: &Caller, now: UnixSeconds) -> bool {
        let cuts = |index: &Index, key: Option<&str>| {
            !index.is_empty()
                && key
                    .and_then(|key| index.get(key))
                    .is_some_and(|of_key| of_key.iter().any(|it| applies(it, caller, now)))
        };
        cuts(&self.by_client, Some(caller.client()))
            || cuts(&self.by_subject, caller.subject())
            || cuts(&self.by_token_id, caller.token_id())
            || cuts(&self.by_issuer, Some(caller.issuer()))
    }

    /// Whether `revocation` alone would cut `caller` off.
    #[must_use]
    pub fn would_cut_off(revocation: &RevocationDocument, caller: &Caller, now: UnixSeconds) -> bool {
        applies(revocation, caller, now)
    }
}

/// Whether everything that `revocation` names is so of `caller`.
fn applies(revocation: &RevocationDocument, caller: &Caller, now: UnixSeconds) -> bool {
    let is = |named: &Option<String>, value: Option<&str>| named.is_none() || named.as_deref() == value;
    is(&revocation.issuer, Some(caller.issuer()))
        && is(&revocation.client, Some(caller.client()))
        && is(&revocation.subject, caller.subject())
        && is(&revocation.token_id, caller.token_id())
        && revocation.until.is_none_or(|until| now < until)
        && revocation.issued_before.is_none_or(|before| caller.issued_at().is_none_or(|at| at < before))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::token::tests::caller;

    fn document(json: &serde_json::Value) -> RevocationDocument {
        serde_json::from_value(json.clone()).unwrap()
    }

    #[track_caller]
    fn check(json: serde_json::Value, now: UnixSeconds, expect: bool) {
        let mut faults = Vec::new();
        let revocations = Revocations::compile(vec![document(&json)], &mut faults);
        assert_eq!(faults, []);
        let caller = caller("i", "app", Some("sam"), Some("t1"), Some(100));
        assert_eq!(revocations.cuts_off(&caller, now), expect, "{json} at {now}");
    }

    #[test]
    fn everything_named_must_be_so() {
        use serde_json::json;
        for (json, expect) in [
            (json!({"client": "app"}), true),
            (json!({"client": "App"}), false),
            (json!({"issuer": "i", "client": "app"}), true),
            (json!({"issuer": "j", "client": "app"}), false),
            (json!({"subject": "sam", "client": "other"}), false),
            (json!({"tokenId": "t1"}), true),
            (json!({"tokenId": "t1", "subject": "eve"}), false),
            (json!({"issuer": "i"}), true),
            (json!({"subject": "sam"}), true),
        ] {
            check(json, 0, expect);
        }
    }

    #[test]
    fn holds_until_its_end_and_for_tokens_from_before() {
        use serde_json::json;
        check(json!({"client": "app", "until": 50}), 49, true);
        check(json!({"client": "app", "until": 50}), 50, false);
        check(json!({"client": "app", "issuedBefore": 101}), 0, true);
        check(json!({"client": "app", "issuedBefore": 100}), 0, false);
    }

    #[test]
    fn a_token_that_does_not_say_when_it_was_issued_is_from_before() {
        let documents = vec![document(&serde_json::json!({"client": "app", "issuedBefore": 1}))];
        let revocations = Revocations::compile(documents, &mut Vec::new());
        assert!(revocations.cuts_off(&caller("i", "app", None, None, None), 0));
    }

    #[test]
    fn faults_name_their_place() {
        let documents =
            vec![RevocationDocument::default(), document(&serde_json::json!({"client": "", "issuer": "i"}))];
        let mut faults = Vec::new();
        Revocations::compile(documents, &mut faults);
        let paths: Vec<String> = faults.iter().map(|fault| fault.path.clone()).collect();
        assert_eq!(paths, ["revocations[0]", "revocations[1].client"]);
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_walk_through_the_list_finds(
            entries in prop::collection::vec((prop::option::of("[ab]"), prop::option::of("[ab]"), prop::option::of("[ab]"), prop::option::of("[ab]")), 0..8),
            (issuer, client, subject, token_id) in ("[ab]", "[ab]", prop::option::of("[ab]"), prop::option::of("[ab]")),
        ) {
            let entries: Vec<RevocationDocument> = entries
                .into_iter()
                .filter(|(a, b, c, d)| a.is_some() || b.is_some() || c.is_some() || d.is_some())
                .map(|(issuer, client, subject, token_id)| RevocationDocument { issuer, client, subject, token_id, ..Default::default() })
                .collect();
            let caller = caller(&issuer, &client, subject.as_deref(), token_id.as_deref(), None);
            let expected = entries.iter().any(|entry| applies(entry, &caller, 0));
            let revocations = Revocations::compile(entries, &mut Vec::new());
            prop_assert_eq!(revocations.cuts_off(&caller, 0), expected);
        }
    }
}
