//! YAML as JSON values, each of which knows its line: so that what the server says of a record can be found in the file. Anchors and merge
//! keys are followed; a key that is there twice, and what JSON has no form for, are errors.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Spanned, options::DuplicateKeyPolicy};

/// A value and the line it begins on.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) content: Content,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Text, a number, true, false or null.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// Keys with their lines, and values.
    Map(Vec<(String, u64, Node)>),
}

/// Reads every document of a file; empty ones are left out.
///
/// # Errors
/// Line, column and what is wrong there, without the text itself: there may be a secret in it.
pub(super) fn read(text: &str) -> Result<Vec<Node>, String> {
    let budget = serde_saphyr::budget! {
        max_documents: 50_000,
        max_nodes: 10_000_000,
        max_events: 40_000_000,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        // As YAML 1.2 has it: no is a word.
        strict_booleans: true,
        with_snippet: false,
    };
    let documents = serde_saphyr::from_multiple_with_options::<Spanned<Inner>>(text, options);
    let documents = documents.map_err(|error| match error.location() {
        Some(_) => error.to_string(),
        None => format!("{error} (somewhere)"),
    })?;
    Ok(documents.into_iter().map(Node::from).collect())
}

impl Node {
    /// The same without lines.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(fields) => {
                let fields = fields.iter().map(|(name, _, value)| (name.clone(), value.to_json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// The line of what is at `path`, such as `backends[0].url`; of what is around it, where it is missing.
    pub(super) fn line_of(&self, path: &str) -> u64 {
        let path = path.trim_start_matches('.');
        if path.is_empty() {
            return self.line;
        }
        if let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let item = match &self.content {
                Content::List(items) => index.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            return item.map_or(self.line, |item| item.line_of(rest));
        }
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        let Content::Map(fields) = &self.content else { return self.line };
        let field = fields.iter().find(|(key, ..)| key == name);
        field.map_or(self.line, |(_, line, value)| if rest.is_empty() { *line } else { value.line_of(rest) })
    }

    /// The field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let Content::Map(fields) = &self.content else { return None };
        fields.iter().find(|(key, ..)| key == name).map(|(.., value)| value)
    }
}

impl From<Spanned<Inner>> for Node {
    fn from(spanned: Spanned<Inner>) -> Self {
        let line = spanned.referenced.line();
        let content = match spanned.value {
            Inner::Scalar(value) => Content::Scalar(value),
            Inner::List(items) => Content::List(items.into_iter().map(Self::from).collect()),
            Inner::Map(fields) => {
                let field = |(key, value): (Spanned<String>, Spanned<Inner>)| {
                    (key.value, key.referenced.line(), Self::from(value))
                };
                Content::Map(fields.into_iter().map(field).collect())
            }
        };
        Self { line, content }
    }
}

/// What the parser hands over.
enum Inner {
    Scalar(Value),
    List(Vec<Spanned<Inner>>),
    Map(Vec<(Spanned<String>, Spanned<Inner>)>),
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InnerVisitor)
    }
}

struct InnerVisitor;

impl<'de> Visitor<'de> for InnerVisitor {
    type Value = Inner;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has a form for")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Inner, E> {
        Ok(Inner::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Inner, E> {
        Ok(Inner::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Inner, E> {
        Ok(Inner::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Inner, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number that is not finite"))?;
        Ok(Inner::Scalar(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Inner, E> {
        Ok(Inner::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Inner, E> {
        Ok(Inner::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Inner, E> {
        Ok(Inner::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Inner, E> {
        Ok(Inner::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inner, D::Error> {
        Inner::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inner, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Inner::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inner, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Inner::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let text = "agents:\n  - agentId: a\n    backends:\n      - url: http://a\n        priority: 1\n    tags: [x,\n      y]\n";
        let [node] = &read(text).unwrap()[..] else { panic!("one document") };
        let expected =
            json!({"agents": [{"agentId": "a", "backends": [{"url": "http://a", "priority": 1}], "tags": ["x", "y"]}]});
        assert_eq!(node.to_json(), expected);
        let agent = |path: &str| node.field("agents").unwrap().line_of(path);
        assert_eq!((agent("[0]"), agent("[0].backends[0].priority"), agent("[0].tags[1]")), (2, 5, 7));
        assert_eq!((agent("[0].backends[0].weight"), agent("[0].name"), agent("[7]")), (4, 2, 2), "what is around it");
    }

    #[test]
    fn words_are_what_yaml_1_2_says_they_are() {
        let text = "a: no\nb: 012\nc: '1'\nd: 1.5\ne: ~\nf: true\ng: 1e3\n";
        let value = read(text).unwrap()[0].to_json();
        assert_eq!(value["a"], "no");
        assert_eq!(
            (&value["c"], &value["d"], &value["e"], &value["f"]),
            (&json!("1"), &json!(1.5), &json!(null), &json!(true))
        );
    }

    #[test]
    fn documents_follow_each_other_and_empty_ones_say_nothing() {
        assert_eq!(read("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n").unwrap().len(), 2);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn faults_say_where_and_show_nothing_of_the_text() {
        for (text, line) in [
            ("a: 1\na: 2\n", "line 2"),
            ("a: 1\n b: planted-secret\n", "line 2"),
            ("a: [1, 2\nb: planted-secret\n", "line"),
            ("a: .nan\nb: planted-secret\n", "line 1"),
            ("a: *nobody\n", "line 1"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(line) && !fault.contains("planted"), "{text}: {fault}");
        }
    }
}
