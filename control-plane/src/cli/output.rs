//! What a command prints: a table, a record field by field, or the API's JSON.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::Connection;

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// People.
    Text,
    /// Scripts.
    Json,
}

impl Format {
    pub(super) fn of(connection: &Connection) -> Self {
        if connection.json { Self::Json } else { Self::Text }
    }

    /// Prints one line for each item of `answer[list]`: the fields under the columns' names.
    pub(super) fn list(self, out: &mut Vec<u8>, answer: &Value, list: &str, columns: &[(&str, &str)]) {
        if self == Self::Json {
            return print(out, &pretty(answer));
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|(title, _)| *title));
        for item in answer[list].as_array().into_iter().flatten() {
            table.add_row(columns.iter().map(|(_, pointer)| cell(item.pointer(pointer))));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        print(out, &table.trim_fmt());
    }

    /// Prints one record, a field a line.
    pub(super) fn record(self, out: &mut Vec<u8>, answer: &Value) {
        if self == Self::Json {
            return print(out, &pretty(answer));
        }
        for (name, value) in answer.as_object().into_iter().flatten() {
            match value {
                Value::Null => {}
                Value::Object(_) => print(out, &format!("{name}: {}", pretty(value))),
                value => print(out, &format!("{name}: {}", cell(Some(value)))),
            }
        }
    }

    /// Prints a sentence about a write, and how far it is.
    pub(super) fn done(self, out: &mut Vec<u8>, answer: &Value, sentence: &str) {
        if self == Self::Json {
            return print(out, &pretty(answer));
        }
        let generation = cell(answer.get("generation"));
        let reach = match answer["applied"].as_bool() {
            None => String::new(),
            Some(true) => format!(", in force on {} Envoys", answer["nodes"].as_array().map_or(0, Vec::len)),
            Some(false) => format!(", NOT YET in force: {}", pretty(&answer["pending"])),
        };
        print(out, &format!("{sentence} (generation {generation}{reach})"));
    }
}

/// Prints a line.
pub(super) fn print(out: &mut Vec<u8>, line: &str) {
    writeln!(out, "{line}").expect("memory takes what is written");
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value is JSON")
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(",")
        }
        Some(value) => value.to_string(),
    }
}
