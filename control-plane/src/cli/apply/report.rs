//! What a run did, or would do: a line for each record that changes, below it what changes of one that is there already.

use serde_json::Value;

use crate::cli::output::{self, Format};

/// Prints the answer.
pub(super) fn print(format: Format, answer: &Value, out: &mut Vec<u8>) {
    if format == Format::Json {
        return format.record(out, answer);
    }
    let is_planned = answer["status"] == "planned";
    for change in items(answer, "changes") {
        output::print(out, &format!("{} {} {}", text(change, "change"), text(change, "kind"), text(change, "id")));
        // What is new was said in the file just now.
        if is_planned || change["change"] == "updated" {
            items(change, "differences").for_each(|difference| output::print(out, &line(difference)));
        }
    }
    for warning in items(answer, "warnings") {
        let (kind, id, message) = (text(warning, "kind"), text(warning, "id"), text(warning, "message"));
        output::print(out, &format!("warning: {kind} {id}: {message}; the card there was is kept"));
    }
    let count = |name: &str| answer["summary"][name].as_u64().unwrap_or_default();
    let (created, updated, deleted, unchanged) =
        (count("created"), count("updated"), count("deleted"), count("unchanged"));
    let mut sentence = format!("{created} created, {updated} updated, {deleted} deleted, {unchanged} unchanged");
    if is_planned {
        sentence = format!("dry run, nothing is written: {sentence}");
    }
    format.done(out, answer, &sentence);
}

fn line(difference: &Value) -> String {
    let field = text(difference, "field");
    if difference["secret"].is_string() {
        return format!("  {field}: another secret");
    }
    match (&difference["before"], &difference["after"]) {
        (Value::Null, after) => format!("  {field}: {after}"),
        (before, Value::Null) => format!("  {field}: {before} -> gone"),
        (before, after) => format!("  {field}: {before} -> {after}"),
    }
}

fn items<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    value[list].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
