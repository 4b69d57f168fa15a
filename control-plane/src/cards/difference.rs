//! What changed between two versions of a card: where (a JSON pointer, RFC 6901), how, and from what to what. Lists are compared
//! item by item after what is equal at their two ends.

use serde_json::Value;

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// JSON pointer. Of something removed it leads through the document before, else through the one after.
    pub pointer: String,
    /// What happened there.
    pub kind: ChangeKind,
    /// What was there; `None` where something was added.
    pub before: Option<Value>,
    /// What is there; `None` where something was removed.
    pub after: Option<Value>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It is there no longer.
    Removed,
    /// It is another value.
    Changed,
}

impl ChangeKind {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// Every difference, in the order of the document before, what was added to an object or a list after what else changed in it.
/// Empty exactly if the two are equal, the order of members aside.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(String::new(), before, after, &mut changes);
    changes
}

fn compare(pointer: String, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let at = format!("{pointer}/{}", escaped(name));
                match new.get(name) {
                    Some(other) => compare(at, value, other, changes),
                    None => changes.push(removed(at, value)),
                }
            }
            let fresh = new.iter().filter(|(name, _)| !old.contains_key(*name));
            changes.extend(fresh.map(|(name, value)| added(format!("{pointer}/{}", escaped(name)), value)));
        }
        (Value::Array(old), Value::Array(new)) => compare_lists(&pointer, old, new, changes),
        _ => {
            let (before, after) = (Some(before.clone()), Some(after.clone()));
            changes.push(Change { pointer, kind: ChangeKind::Changed, before, after });
        }
    }
}

fn compare_lists(pointer: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let shorter = old.len().min(new.len());
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let tail = tail.min(shorter - head);
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let at = |index: usize| format!("{pointer}/{}", head + index);
    for (index, (one, other)) in old.iter().zip(new).enumerate() {
        compare(at(index), one, other, changes);
    }
    let both = old.len().min(new.len());
    changes.extend(old.iter().enumerate().skip(both).map(|(index, value)| removed(at(index), value)));
    changes.extend(new.iter().enumerate().skip(both).map(|(index, value)| added(at(index), value)));
}

fn removed(pointer: String, value: &Value) -> Change {
    Change { pointer, kind: ChangeKind::Removed, before: Some(value.clone()), after: None }
}

fn added(pointer: String, value: &Value) -> Change {
    Change { pointer, kind: ChangeKind::Added, before: None, after: Some(value.clone()) }
}

/// RFC 6901 section 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{ChangeKind, difference};

    fn check(before: Value, after: Value, expect: &[(&str, &str)]) {
        let changes = difference(&before, &after);
        let found: Vec<(&str, &str)> =
            changes.iter().map(|change| (change.kind.as_str(), change.pointer.as_str())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn each_change_is_named_by_its_pointer() {
        check(
            json!({"a": 1, "b": 2}),
            json!({"b": 3, "c/d~e": 4}),
            &[("removed", "/a"), ("changed", "/b"), ("added", "/c~1d~0e")],
        );
        check(json!({"a": {"b": [1, {"c": 1}]}}), json!({"a": {"b": [1, {"c": 2}]}}), &[("changed", "/a/b/1/c")]);
        check(json!([]), json!({}), &[("changed", "")]);
        check(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), &[]);
    }

    #[test]
    fn an_item_put_into_a_list_is_not_a_change_of_all_that_follow() {
        let skill = |id: &str| json!({"id": id});
        check(json!([skill("b"), skill("c")]), json!([skill("a"), skill("b"), skill("c")]), &[("added", "/0")]);
        check(json!([1, 2, 3, 4]), json!([1, 4]), &[("removed", "/1"), ("removed", "/2")]);
        check(json!([1, 1]), json!([1, 1, 1]), &[("added", "/2")]);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), (0..3_i32).prop_map(Value::from), "[a/~]{0,2}".prop_map(Value::from)];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a/~]{0,2}", inner), 0..4)
                    .prop_map(|entries| Value::Object(Map::from_iter(entries))),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_change_leads_to_what_it_says(before in any_json(), after in any_json()) {
            let changes = difference(&before, &after);
            prop_assert_eq!(changes.is_empty(), before == after);
            for change in changes {
                if change.kind != ChangeKind::Added {
                    prop_assert_eq!(before.pointer(&change.pointer), change.before.as_ref());
                }
                if change.kind != ChangeKind::Removed {
                    prop_assert_eq!(after.pointer(&change.pointer), change.after.as_ref());
                }
                prop_assert_ne!(change.before, change.after);
            }
        }
    }
}
