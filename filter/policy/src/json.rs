//! Strict JSON reading without building a tree: one value, UTF-8, no name twice at any depth, bounded nesting.
//! What two parsers could read differently is refused here; what the members mean is the business of a [`Reader`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Deepest nesting read.
pub const MAX_DEPTH: u8 = 64;

/// Why bytes are not the JSON they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON, not UTF-8, cut off, or followed by something else.
    #[error("is not one well-formed JSON value in UTF-8")]
    Malformed,
    /// A name stands twice in one object.
    #[error("has a name twice in one object")]
    DuplicateName,
    /// Deeper than [`MAX_DEPTH`].
    #[error("is nested deeper than 64 levels")]
    TooDeep,
}

/// A value as a [`Reader`] is told of it. Containers are told before their members.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that is an integer within 64 bits.
    Integer(i128),
    /// Any other number.
    Fraction,
    /// A string.
    Text(&'a str),
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Told of every value, and where it stands. `Place` is the reader's own notion of "where".
pub trait Reader {
    /// Where a value stands.
    type Place: Copy;
    /// The place of what is of no interest: elements of arrays among others.
    const ELSEWHERE: Self::Place;
    /// The place of the member `name` of the object at `parent`.
    fn enter(&mut self, parent: Self::Place, name: &str) -> Self::Place;
    /// A value at `place`.
    fn value(&mut self, place: Self::Place, shape: Shape<'_>);
}

/// Reads all of `bytes`, telling `reader`, whose findings count only if this succeeds.
///
/// # Errors
/// Why the bytes are refused.
pub fn read<R: Reader>(bytes: &[u8], root: R::Place, reader: &mut R) -> Result<(), JsonFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonFault::Malformed)?;
    let mut fault = JsonFault::Malformed;
    let mut json = serde_json::Deserializer::from_str(text);
    let walk = Walk { reader, fault: &mut fault, place: root, depth: 0 };
    match walk.deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => Ok(()),
        Err(_) => Err(fault),
    }
}

struct Walk<'r, R: Reader> {
    reader: &'r mut R,
    /// What to report if reading fails.
    fault: &'r mut JsonFault,
    place: R::Place,
    depth: u8,
}

impl<R: Reader> Walk<'_, R> {
    fn deeper<E: Error>(&mut self) -> Result<u8, E> {
        self.depth.checked_add(1).filter(|depth| *depth <= MAX_DEPTH).ok_or_else(|| {
            *self.fault = JsonFault::TooDeep;
            E::custom(JsonFault::TooDeep)
        })
    }

    fn tell<E>(self, shape: Shape<'_>) -> Result<(), E> {
        self.reader.value(self.place, shape);
        Ok(())
    }
}

impl<'de, R: Reader> DeserializeSeed<'de> for Walk<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Reader> Visitor<'de> for Walk<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.tell(Shape::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.tell(Shape::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.tell(Shape::Integer(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.tell(Shape::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.tell(Shape::Fraction)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.tell(Shape::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        self.reader.value(self.place, Shape::Array);
        let (reader, fault) = (self.reader, self.fault);
        while let Some(()) =
            access.next_element_seed(Walk { reader: &mut *reader, fault: &mut *fault, place: R::ELSEWHERE, depth })?
        {
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        self.reader.value(self.place, Shape::Object);
        let (reader, fault) = (self.reader, self.fault);
        let mut names = Vec::new();
        while let Some(Name(name)) = access.next_key_seed(Name(Cow::Borrowed("")))? {
            let place = reader.enter(self.place, &name);
            names.push(name);
            access.next_value_seed(Walk { reader: &mut *reader, fault: &mut *fault, place, depth })?;
        }
        // Sorted rather than hashed: no choice of names makes this slow.
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            *fault = JsonFault::DuplicateName;
            return Err(A::Error::custom(JsonFault::DuplicateName));
        }
        Ok(())
    }
}

/// A member's name, borrowed from the text where no escape stands in it.
struct Name<'a>(Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Name<'de> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Nobody;

    impl Reader for Nobody {
        type Place = ();
        const ELSEWHERE: () = ();
        fn enter(&mut self, (): (), _: &str) {}
        fn value(&mut self, (): (), _: Shape<'_>) {}
    }

    fn check(bytes: impl AsRef<[u8]>, expect: Result<(), JsonFault>) {
        assert_eq!(read(bytes.as_ref(), (), &mut Nobody), expect, "{:?}", String::from_utf8_lossy(bytes.as_ref()));
    }

    #[test]
    fn reads_any_value() {
        for text in ["null", " [1, -2, 3.5, true] ", r#"{"a":{"b":[{}]},"c":"\ud83d\ude00"}"#] {
            check(text, Ok(()));
        }
    }

    #[test]
    fn refuses_a_name_twice_at_any_depth_however_it_is_written() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"x":{"b":1,"c":2,"b":3}}]"#] {
            check(text, Err(JsonFault::DuplicateName));
        }
    }

    #[test]
    fn refuses_what_is_not_one_value() {
        for text in ["", "{", "{} {}", "[1,]", "\u{feff}{}", "NaN", r#""\ud800""#, "{'a':1}", "01", "// c\n1"] {
            check(text, Err(JsonFault::Malformed));
        }
        check(b"\"\xff\"", Err(JsonFault::Malformed));
    }

    #[test]
    fn bounds_nesting() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check(nested(64), Ok(()));
        check(nested(65), Err(JsonFault::TooDeep));
        check("[".repeat(100_000), Err(JsonFault::TooDeep));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, (), &mut Nobody);
        }

        #[test]
        fn never_accepts_what_serde_json_refuses(text in r#"[\[\]{}:,"a1\\ -]{0,24}"#) {
            if read(text.as_bytes(), (), &mut Nobody).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}
