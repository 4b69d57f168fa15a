//! The programs the demo runs: started with a log file each, watched, and stopped in the reverse order. Everything that can happen
//! while the demo waits arrives on one channel: a program ended, or somebody wants the demo to end.

use std::{
    fmt, fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::leash::Leash;

/// How long programs get to end by themselves.
const GRACE: Duration = Duration::from_secs(8);
/// How long a program gets to become ready. Generous: a slow machine is not a fault.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often readiness is asked for.
const ASK_EVERY: Duration = Duration::from_millis(40);
/// How much of a log is shown when its program ended.
const LOG_TAIL_LINES: usize = 15;

/// What can happen while the demo waits.
pub(super) enum Event {
    /// Ctrl-C, SIGTERM or a closed terminal.
    Interrupted,
    /// A program ended that should run.
    Ended(Ended),
}

/// A program that ended by itself.
pub(super) struct Ended {
    name: &'static str,
    status: Option<ExitStatus>,
    log: PathBuf,
}

enum Notice {
    Signal,
    Ended(&'static str),
}

struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// All running programs, in the order they were started.
pub(super) struct Processes {
    running: Vec<Program>,
    notices: Receiver<Notice>,
    notify: Sender<Notice>,
    leash: Leash,
}

impl Processes {
    /// None yet; signals are caught from here on.
    pub(super) fn new() -> Result<Self> {
        let (notify, notices) = mpsc::channel();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot catch signals")?;
        let from_signals = notify.clone();
        thread::spawn(move || signals.forever().try_for_each(|_| from_signals.send(Notice::Signal)));
        Ok(Self { running: Vec::new(), notices, notify, leash: Leash::new()? })
    }

    /// Starts `command`, with its output in `log`, in a process group of its own: Ctrl-C is for the demo to pass on.
    pub(super) fn start(&mut self, name: &'static str, command: &mut Command, log: &Path) -> Result<()> {
        let output = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        self.leash.hold(child.id())?;
        let (pid, notify) = (pid(&child)?, self.notify.clone());
        self.running.push(Program { name, child, log: log.to_owned() });
        thread::spawn(move || {
            // NOWAIT leaves the reaping to the owner of the child, so that its id stays its own until then.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            notify.send(Notice::Ended(name))
        });
        Ok(())
    }

    /// Asks until `ready` says yes. Fails at once when a program ends or the demo is interrupted.
    pub(super) fn until(&mut self, what: &str, ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !ready() {
            match self.notices.recv_timeout(ASK_EVERY) {
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => bail!("{what} is not ready after {} s", READY_WITHIN.as_secs()),
                Ok(notice) => self.complain(notice)?,
            }
        }
        Ok(())
    }

    /// Fails if something happened in the meantime that ends the demo.
    pub(super) fn all_well(&mut self) -> Result<()> {
        match self.notices.try_recv() {
            Ok(notice) => self.complain(notice),
            Err(_) => Ok(()),
        }
    }

    /// Waits until something happens.
    pub(super) fn wait(&mut self) -> Result<Event> {
        let notice = self.notices.recv().context("nothing is watched")?;
        Ok(self.event(notice))
    }

    /// Stops everything, last started first: SIGTERM, and SIGKILL to what has not ended within the grace period.
    /// An error names the programs that had to be killed.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.leash.let_go();
        let mut killed = Vec::new();
        for program in self.running.iter_mut().rev() {
            signal(&program.child, Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        while self.running.iter_mut().any(|program| matches!(program.child.try_wait(), Ok(None))) {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.notices.recv_timeout(left).is_err() {
                break;
            }
        }
        for mut program in self.running.drain(..).rev() {
            if matches!(program.child.try_wait(), Ok(None)) {
                killed.push(program.name);
                program.child.kill().with_context(|| format!("cannot kill {}", program.name))?;
                program.child.wait()?;
            }
        }
        if !killed.is_empty() {
            bail!("killed, because it did not stop within {} s of SIGTERM: {}", GRACE.as_secs(), killed.join(", "));
        }
        Ok(())
    }

    fn complain(&mut self, notice: Notice) -> Result<()> {
        match self.event(notice) {
            Event::Interrupted => bail!("interrupted"),
            Event::Ended(ended) => bail!("{ended}"),
        }
    }

    fn event(&mut self, notice: Notice) -> Event {
        let Notice::Ended(name) = notice else { return Event::Interrupted };
        let Some(program) = self.running.iter_mut().find(|program| program.name == name) else {
            return Event::Interrupted;
        };
        Event::Ended(Ended { name, status: program.child.try_wait().ok().flatten(), log: program.log.clone() })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // After a panic there is nobody left to tell.
        let _ = self.stop();
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "ended".to_owned(), |status| status.to_string());
        writeln!(f, "{} ended by itself ({status}); the end of {}:", self.name, self.log.display())?;
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LOG_TAIL_LINES)).try_for_each(|line| writeln!(f, "  {line}"))
    }
}

fn pid(child: &Child) -> Result<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id out of range")
}

fn signal(child: &Child, signal: Signal) {
    // Not reaped yet, so the id is the child's; a child that has ended needs no signal.
    if let Ok(pid) = pid(child) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(script: &str) -> (Processes, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let mut processes = Processes::new().unwrap();
        processes.start("program", Command::new("sh").args(["-c", script]), &directory.path().join("log")).unwrap();
        (processes, directory)
    }

    #[test]
    fn a_program_that_ends_by_itself_is_named_with_the_end_of_its_log() {
        let (mut processes, _directory) = started("echo out of paper; exit 3");
        let Event::Ended(ended) = processes.wait().unwrap() else { panic!("interrupted") };
        let told = ended.to_string();
        assert!(told.contains("program ended by itself (exit status: 3)") && told.contains("out of paper"), "{told}");
    }

    #[test]
    fn waiting_for_readiness_fails_at_once_when_a_program_ends() {
        let (mut processes, _directory) = started("exit 1");
        let error = processes.until("program", || false).unwrap_err();
        assert!(error.to_string().contains("program ended by itself"), "{error}");
    }

    #[test]
    fn stopping_ends_what_runs_and_waits_for_it() {
        let (mut processes, directory) = started("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done");
        let log = directory.path().join("log");
        processes.until("the log", || fs::read_to_string(&log).is_ok_and(|text| text.contains("up"))).unwrap();
        processes.stop().unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "up\nbye\n");
    }
}
