//! The client commands, as an operator runs them: the same binary, logged in as the gateway's administrator.

use std::process::Command;

use super::{ADMIN_ID, ADMIN_SECRET, Gateway};
use crate::binaries;

/// What a command did.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

impl Gateway {
    /// Runs `tollgate` with `arguments`.
    ///
    /// # Panics
    /// When it cannot be started or is killed.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::new(binaries::tollgate())
            .args(arguments)
            .env("TOLLGATE_ADMIN_URL", format!("http://{}", self.ports.admin))
            .env("TOLLGATE_CLIENT_ID", ADMIN_ID)
            .env("TOLLGATE_CLIENT_SECRET", ADMIN_SECRET)
            .output()
            .expect("tollgate starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().expect("a code"), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The same; it must succeed. What it printed.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn run_ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {} {}", said.out, said.err);
        said.out
    }
}
