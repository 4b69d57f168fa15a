//! JSON that every parser reads the same way: one value, no key twice in an object, bounded depth. Admin bodies and cards go
//! through here; what the values mean is the reader's business.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Deeper nesting is refused.
const MAX_DEPTH: u8 = 64;

/// Not strict JSON. The message carries line and column, and at most the name of a doubled key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StrictJsonError(String);

/// Reads one JSON value.
///
/// # Errors
/// Syntax, anything after the value, a key twice in one object, nesting beyond 64 levels.
pub fn parse(bytes: &[u8]) -> Result<Value, StrictJsonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: MAX_DEPTH }.deserialize(&mut reader).map_err(say)?;
    reader.end().map_err(say)?;
    Ok(value)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn say(error: serde_json::Error) -> StrictJsonError {
    StrictJsonError(error.to_string())
}

#[derive(Clone, Copy)]
struct Strict {
    depth: u8,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} is there twice")));
            }
            object.insert(key, entries.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: Result<Value, &str>) {
        match (parse(text.as_bytes()), expect) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn reads_what_serde_json_reads() {
        check(r#"{"a":[1,-2,0.5,null,true,"x"]}"#, Ok(serde_json::json!({"a": [1, -2, 0.5, null, true, "x"]})));
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        check(r#"{"a":1,"b":{"c":1,"c":2}}"#, Err(r#"the key "c" is there twice"#));
        check(r#"{"a":1,"\u0061":2}"#, Err("there twice"));
        check("{} {}", Err("trailing characters"));
        check("", Err("EOF"));
        check(&"[".repeat(70), Err("nested too deep"));
    }

    proptest! {
        #[test]
        fn never_panics_on_bytes(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_it_accepts_serde_json_reads_the_same(text in r#"[\[\]{}",:0-9a-c .\-eE]{0,40}"#) {
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            }
        }
    }
}
