//! The matrix as a table of `docs/a2a.md`: a row for each client, binding and agent, a column for each operation, and what the numbers
//! in it stand for. The committed table is what the gateway promises; a run must come to the same.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use tollgate_tests::binaries;

use super::cell::{Cell, OPERATIONS, Outcome};

const BEGIN: &str = "<!-- matrix: begin -->\n";
const END: &str = "<!-- matrix: end -->";

/// The names of the codes that occur.
const CODES: [(i64, &str); 10] = [
    (-32001, "TaskNotFound"),
    (-32002, "TaskNotCancelable"),
    (-32003, "PushNotificationNotSupported"),
    (-32004, "UnsupportedOperation"),
    (-32005, "ContentTypeNotSupported"),
    (-32007, "ExtendedAgentCardNotConfigured"),
    (-32009, "VersionNotSupported"),
    (-32601, "method not found"),
    (-32602, "invalid params"),
    (-32603, "internal error"),
];

/// The table and its notes, in Markdown.
pub(super) fn render(cells: &[Cell]) -> String {
    let mut notes = Notes::default();
    let mut table =
        format!("| client | binding | agent | {} |\n", OPERATIONS.map(|name| name.replace('_', " ")).join(" | "));
    let _ = writeln!(table, "|---|---|---|{}", "---|".repeat(OPERATIONS.len()));
    for row in cells.chunks(OPERATIONS.len()) {
        let first = &row[0];
        let _ = write!(table, "| {} | {} | {} |", first.client, first.binding, first.agent);
        for cell in row {
            let _ = write!(table, " {} |", shown(&cell.outcome, &mut notes));
        }
        table.push('\n');
    }
    table + "\n" + &notes.render()
}

fn shown(outcome: &Outcome, notes: &mut Notes) -> String {
    match outcome {
        Outcome::Passed => "✓".to_owned(),
        Outcome::Refused(code) => {
            notes.codes.insert(*code, ());
            code.to_string()
        }
        Outcome::Inexpressible(why) => format!("– ({})", notes.number(why)),
        Outcome::Failed(why) => format!("✗ ({})", notes.number(why)),
    }
}

/// What the table's numbers stand for.
#[derive(Default)]
struct Notes {
    texts: Vec<String>,
    codes: BTreeMap<i64, ()>,
}

impl Notes {
    fn number(&mut self, text: &str) -> usize {
        let known = self.texts.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        }) + 1
    }

    fn render(&self) -> String {
        let mut lines = String::new();
        let named = |code: &i64| match CODES.iter().find(|(known, _)| known == code) {
            Some((_, name)) => name,
            None if (0..=16).contains(code) => "gRPC status",
            None => "HTTP status",
        };
        if !self.codes.is_empty() {
            let codes: Vec<String> = self.codes.keys().map(|code| format!("{code} {}", named(code))).collect();
            let _ = writeln!(lines, "Refusals: {}.\n", codes.join(", "));
        }
        for (index, text) in self.texts.iter().enumerate() {
            let _ = writeln!(lines, "{}. {}", index + 1, text.replace('|', "\\|"));
        }
        lines
    }
}

/// Compares with the committed table, or writes it when `MATRIX_UPDATE` is set.
///
/// # Panics
/// When they differ.
pub(super) fn compare(table: &str) {
    let path = page();
    let text = fs::read_to_string(&path).expect("docs/a2a.md");
    let begin = text.find(BEGIN).expect("where the table begins") + BEGIN.len();
    let end = text.find(END).expect("where the table ends");
    if std::env::var_os("MATRIX_UPDATE").is_some() {
        fs::write(&path, format!("{}{table}{}", &text[..begin], &text[end..])).expect("docs/a2a.md is written");
        return;
    }
    let committed = &text[begin..end];
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(committed), lines(table));
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    let difference: Vec<String> = gone.chain(come).collect();
    assert!(
        committed == table,
        "docs/a2a.md says otherwise; `MATRIX_UPDATE=1 cargo xtask test --package tollgate-tests --test matrix` rewrites it:\n{}",
        difference.join("\n")
    );
}

fn page() -> PathBuf {
    binaries::workspace().join("docs/a2a.md")
}
