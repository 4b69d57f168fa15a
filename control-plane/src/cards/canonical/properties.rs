//! Properties of the canonical form, over documents that no test author thought of.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Form, canonical, jcs};

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter("JSON", |it| it.is_finite()).prop_map(Value::from),
        any::<i64>().prop_map(Value::from)
    ]
}

/// Any JSON, with the names that mean something in a card.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number(),
        ".{0,8}".prop_map(Value::from),
        Just(Value::from("")),
    ];
    let known = prop::sample::select(vec![
        "name",
        "description",
        "skills",
        "tags",
        "examples",
        "capabilities",
        "streaming",
        "extensions",
        "params",
        "securitySchemes",
        "security",
        "securityRequirements",
        "schemes",
        "list",
        "url",
        "supportedInterfaces",
        "additionalInterfaces",
        "type",
        "in",
        "provider",
        "iconUrl",
        "signatures",
        "oauth2SecurityScheme",
        "flows",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let name = prop_oneof![3 => known.clone().prop_map(str::to_owned), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..7).prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(reversed).collect(),
        value => value.clone(),
    }
}

proptest! {
    #[test]
    fn the_order_of_members_is_never_signed(card in any_json()) {
        for form in Form::ALL {
            prop_assert_eq!(canonical(&card, form), canonical(&reversed(&card), form));
        }
    }

    #[test]
    fn signatures_are_never_signed(card in any_json(), other in any_json()) {
        let mut signed = card.clone();
        if let Some(fields) = signed.as_object_mut() {
            fields.insert("signatures".to_owned(), other);
        }
        for form in Form::ALL {
            prop_assert_eq!(canonical(&card, form), canonical(&signed, form));
        }
    }

    #[test]
    fn what_is_canonical_stays_so(card in any_json()) {
        for form in [Form::Whole, Form::Known] {
            let Some(once) = canonical(&card, form) else { continue };
            let read: Value = serde_json::from_slice(&once).unwrap();
            prop_assert_eq!(canonical(&read, form), Some(once));
        }
    }

    #[test]
    fn jcs_says_the_same_value_again(value in any_json()) {
        let once = jcs(&value);
        prop_assert_eq!(jcs(&serde_json::from_slice(&once).unwrap()), once);
    }
}
