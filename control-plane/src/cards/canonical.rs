//! What exactly is signed of a card: its canonical form, RFC 8785 (JCS) over the card without `signatures`, after A2A's presence rules
//! (A2A v1.0 section 8.4.1). Works on JSON values, so that fields nobody here knows are signed with the rest. Who signs and who
//! verifies is the business of `signer` and `verifier`.

mod legacy;
mod model;
mod uncovered;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use crate::domain::CardForm as Form;
use model::{CARD, Field, Kind, Message, Presence};
pub use uncovered::uncovered;

/// The bytes that a signature over `card` in this form is over. `None` if it is no JSON object.
#[must_use]
pub fn canonical(card: &Value, form: Form) -> Option<Vec<u8>> {
    let mut fields = card.as_object()?.clone();
    fields.shift_remove("signatures");
    let value = match form {
        Form::Whole => present(fields, &CARD, Unknown::Kept),
        Form::Known => present(fields, &CARD, Unknown::Dropped),
        Form::Sdk => {
            legacy::upgrade(&mut fields);
            without_empties(present(fields, &CARD, Unknown::Dropped)).unwrap_or_default()
        }
    };
    Some(jcs(&value))
}

/// RFC 8785.
#[must_use]
pub fn jcs(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a JSON value has string keys and finite numbers only")
}

/// What becomes of members that the data model does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Kept,
    Dropped,
}

/// An object by the presence rules of its message.
fn present(fields: Map<String, Value>, message: &Message, unknown: Unknown) -> Value {
    let kept = fields.into_iter().filter_map(|(name, value)| match message.field(&name) {
        None if unknown == Unknown::Kept => Some((name, value)),
        None => None,
        Some(field) => field_value(value, field, unknown).map(|value| (name, value)),
    });
    Value::Object(kept.collect())
}

/// A member's value; `None`: it is as good as absent.
fn field_value(value: Value, field: &Field, unknown: Unknown) -> Option<Value> {
    // ProtoJSON: null is unset, whatever the type.
    if value.is_null() || (field.presence == Presence::Implicit && is_default(&value)) {
        return None;
    }
    Some(match (field.kind, value) {
        (Kind::One(message), Value::Object(fields)) => present(fields, message, unknown),
        (Kind::Many(message), Value::Array(items)) => {
            Value::Array(items.into_iter().map(|item| nested(item, message, unknown)).collect())
        }
        (Kind::Named(message), Value::Object(entries)) => {
            let entries = entries.into_iter().map(|(name, item)| (name, nested(item, message, unknown)));
            Value::Object(entries.collect())
        }
        (_, value) => value,
    })
}

fn nested(item: Value, message: &Message, unknown: Unknown) -> Value {
    match item {
        Value::Object(fields) => present(fields, message, unknown),
        other => other,
    }
}

fn is_default(value: &Value) -> bool {
    *value == Value::Bool(false) || is_empty(value)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `_clean_empty` of `a2a-sdk` 1.3.0: no null, empty text, list or object at any depth, nor what becomes empty by that.
fn without_empties(value: Value) -> Option<Value> {
    let value = match value {
        Value::Array(items) => Value::Array(items.into_iter().filter_map(without_empties).collect()),
        Value::Object(fields) => {
            let kept = fields.into_iter().filter_map(|(name, value)| Some((name, without_empties(value)?)));
            Value::Object(kept.collect())
        }
        value => value,
    };
    (!is_empty(&value)).then_some(value)
}
