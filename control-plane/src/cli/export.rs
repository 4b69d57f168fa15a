//! `tollgate export`: agents and permission rows as YAML that `tollgate apply` takes back unchanged. A secret that the server keeps itself is
//! never in it: a comment stands in its place, and applying the record keeps it.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{
    Connection,
    output::{self, Format},
    session::{CliError, Session},
};

/// Where to.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    connection: Connection,
    /// The file to write, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(command: Export, out: &mut Vec<u8>) -> Result<(), CliError> {
    let session = Session::open(&command.connection).await?;
    let answer = session.get("/admin/export").await?;
    let text = match session.format {
        Format::Json => format!("{answer:#}"),
        Format::Text => yaml(&answer),
    };
    match command.output {
        None => output::print(out, text.trim_end()),
        Some(path) => std::fs::write(&path, text)
            .map_err(|error| CliError::Usage(format!("{} cannot be written: {error}", path.display())))?,
    }
    Ok(())
}

fn yaml(answer: &Value) -> String {
    let mut text =
        format!("# Exported at generation {}. Take it back with: tollgate apply -f FILE\n", answer["generation"]);
    let withheld = |agent: &Value| {
        let secrets = answer["withheldSecrets"].as_array().into_iter().flatten();
        let of_agent = secrets.filter(|it| it["agentId"] == agent["agentId"]);
        of_agent.filter_map(|it| it["field"].as_str()).collect::<Vec<_>>()
    };
    for list in ["agents", "permissions"] {
        let records = answer[list].as_array().map(Vec::as_slice).unwrap_or_default();
        text += &format!("{list}:{}\n", if records.is_empty() { " []" } else { "" });
        for record in records {
            for field in withheld(record) {
                text += &format!("# {field} is not exported: applying this record keeps the one there is\n");
            }
            write_item(record, 0, &mut text);
        }
    }
    text
}

/// A list's item in block form: `- ` and the first field on one line.
fn write_item(value: &Value, indent: usize, text: &mut String) {
    let mut item = String::new();
    write(value, indent + 2, &mut item);
    let marked = item.strip_prefix(&" ".repeat(indent + 2)).map(str::to_owned).unwrap_or(item);
    *text += &format!("{}- {marked}", " ".repeat(indent));
}

/// A value in block form, on lines of its own. Scalars and empty things are JSON, which YAML 1.2 contains.
fn write(value: &Value, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let name = if is_plain(name) { name.clone() } else { Value::from(name.as_str()).to_string() };
                if is_inline(value) {
                    *text += &format!("{margin}{name}: {}\n", scalar(value));
                } else {
                    *text += &format!("{margin}{name}:\n");
                    write(value, indent + 2, text);
                }
            }
        }
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|item| write_item(item, indent, text)),
        value => *text += &format!("{margin}{}\n", scalar(value)),
    }
}

/// Lists of plain things stand on one line.
fn is_inline(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
        _ => true,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}

/// Words that no reader of YAML, old or new, takes for anything but text.
fn is_plain(text: &str) -> bool {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    let others = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    is_word && !others.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cli::apply::read_yaml;

    fn check(agents: Value) -> String {
        let text = yaml(&json!({"generation": 3, "agents": agents, "permissions": []}));
        let read = read_yaml(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        assert_eq!(read, json!({"agents": agents, "permissions": []}), "{text}");
        text
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = check(json!([
            {"agentId": "a", "backends": [{"url": "http://a:1/", "weight": 2}, {"url": "http://b/"}], "tags": ["x", "no", "1"]},
            {"agentId": "b", "description": "two\nlines: # and - signs", "skills": [{"name": "s", "tools": []}], "nested": [[1], {}]},
        ]));
        assert!(text.contains("- agentId: a\n  backends:\n    - url: \"http://a:1/\"\n      weight: 2\n"), "{text}");
        assert!(text.contains("  tags: [x, \"no\", \"1\"]\n"), "{text}");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[-a-z0-9.:~#{}\\[\\]!&*,'\" ]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_a_record_holds_is_read_again(record in prop::collection::vec(value(), 1..3)) {
            check(record.into());
        }
    }
}
