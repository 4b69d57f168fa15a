//! What the demo prints: aligned columns, coloured on a terminal and nowhere else.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _},
    path::Path,
    time::Duration,
};

const TITLE_WIDTH: usize = 40;

/// Standard output, and whether it shows colours.
pub(super) struct Screen {
    coloured: bool,
}

/// The few colours in use, as ANSI codes.
#[derive(Clone, Copy)]
enum Colour {
    Green = 32,
    Red = 31,
    Grey = 90,
}

impl Screen {
    /// Colours on a terminal, unless `NO_COLOR` is set.
    pub(super) fn new() -> Self {
        Self { coloured: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// A program is ready.
    pub(super) fn ready(&self, program: &str, at: &str, after: Duration) {
        println!("{}  {program:<TITLE_WIDTH$}      {:>8}  {at}", self.paint("up", Colour::Green), millis(after));
    }

    /// A step succeeded.
    pub(super) fn done(&self, number: usize, title: &str, status: u16, finding: &str, took: Duration) {
        let number = self.paint(format!("{number:>2}"), Colour::Green);
        println!("{number}  {title:<TITLE_WIDTH$} {status}  {:>8}  {finding}", millis(took));
    }

    /// A step failed; the error says why.
    pub(super) fn failed(&self, number: usize, title: &str) {
        println!(
            "{}  {title:<TITLE_WIDTH$} {}",
            self.paint(format!("{number:>2}"), Colour::Red),
            self.paint("failed", Colour::Red)
        );
    }

    /// The command that repeats a step.
    pub(super) fn command(&self, line: &str) {
        println!("    {}", self.paint(line, Colour::Grey));
    }

    /// One event of a stream, as it arrives.
    pub(super) fn streamed(&self, at: Duration, event: &str) {
        println!("    {:>8}  {event}", millis(at));
    }

    /// A remark.
    pub(super) fn note(&self, text: &str) {
        println!("\n{text}");
    }

    /// The demo stays up.
    pub(super) fn up(&self, env_file: &Path) {
        let file = env_file.strip_prefix(crate::tools::workspace_root()).unwrap_or(env_file);
        self.note(&format!(
            "Up. For the commands above in another shell:  source {}\nCtrl-C stops everything.",
            file.display()
        ));
    }

    fn paint(&self, text: impl Display, colour: Colour) -> String {
        if self.coloured { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.to_string() }
    }
}

fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
