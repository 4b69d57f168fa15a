//! Docker, as far as the test needs it: the engine, and whichever Compose goes with it.

use std::{path::Path, process::Command};

/// A Docker engine that answers, and the words that start Compose.
pub(crate) struct Engine {
    compose: Vec<&'static str>,
}

impl Engine {
    /// Finds both; the error says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        run(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))
            .map_err(|error| format!("no Docker engine answers: {error}"))?;
        let known = [vec!["docker", "compose"], vec!["docker-compose"]];
        let works = |words: &&Vec<&str>| run(Command::new(words[0]).args(&words[1..]).arg("version")).is_ok();
        let compose = known.iter().find(works).ok_or("neither `docker compose` nor `docker-compose` is installed")?;
        Ok(Self { compose: compose.clone() })
    }

    /// Runs `docker …`; the error is what it complained of.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        run(Command::new("docker").args(arguments))
    }

    /// Compose, to be run in `directory`.
    pub(crate) fn compose(&self, directory: &Path) -> Command {
        let mut command = Command::new(self.compose[0]);
        command.args(&self.compose[1..]).current_dir(directory);
        command
    }
}

/// Runs a program and returns its output, trimmed; the error is what it wrote to standard error.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(format!("{program}: {}", text(&output.stderr))) }
}
