//! A child process with a log, ended with the test binary however that ends: a shell holds the child and kills it when the pipe from
//! the test closes. That also covers processes in statics, which are never dropped.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// Starts `$@` with its output in `$LOG`, says its pid, and kills it when standard input closes.
const KEEPER: &str = r#""$@" >>"$LOG" 2>&1 </dev/null & child=$!; echo $child; cat >/dev/null; kill -KILL $child 2>/dev/null; wait $child"#;

/// Lines of its log that are shown when a test fails.
const SHOWN: usize = 40;

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    keeper: Child,
    lifeline: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with `arguments`; its output is appended to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str], variables: &[(&str, &str)], log: &Path) -> Self {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .env("LOG", log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The shell says "Killed" there.
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line).expect("the child's pid");
        let lifeline = keeper.stdin.take();
        let name = program.file_name().expect("a program").to_string_lossy().into_owned();
        Self { name, keeper, lifeline, pid: line.trim().parse().expect("a pid"), log: log.to_owned() }
    }

    /// Everything it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it is still there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// `kill -9`, at once; returns when it is gone.
    pub fn kill(&mut self) {
        self.lifeline = None;
        let _ = self.keeper.wait();
    }

    /// Stops it without ending it: it keeps its connections and answers nobody.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn freeze(&self) {
        let sent = Command::new("kill").args(["-STOP", &self.pid.to_string()]).status().expect("kill");
        assert!(sent.success(), "{} had ended already", self.name);
    }

    /// SIGTERM; returns when it has ended by itself.
    ///
    /// # Panics
    /// When it does not end.
    pub fn terminate(&mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().expect("kill");
        assert!(sent.success(), "{} had ended already", self.name);
        crate::wait::until("the end after SIGTERM", || (!self.is_running()).then_some(()));
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN)..];
            eprintln!("---- {}, the last of {} lines ----\n{}", self.name, lines.len(), last.join("\n"));
        }
    }
}
