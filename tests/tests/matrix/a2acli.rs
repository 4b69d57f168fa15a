//! The official Rust SDK's client, `a2acli`: a process for each operation. Does what `tests/peers/cells.py` does with the Python ones.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tollgate_tests::{binaries, wait};

use super::cell::{Cell, OPERATIONS, Outcome};

const NAME: &str = "a2a-cli 0.4.5";
const WEBHOOK: &str = "https://client.example.com/hook";
const UNKNOWN_TASK: &str = "00000000-0000-0000-0000-000000000000";
/// Patience with one operation.
const PATIENCE: Duration = Duration::from_secs(10);
/// The binding as the matrix names it, and as the client does.
const BINDINGS: [(&str, &str); 2] = [("JSONRPC", "jsonrpc"), ("HTTP+JSON", "rest")];

/// All cells of this client with agents by name and base URL.
pub(super) fn cells(agents: &[(String, String)], token: &str) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (agent, url) in agents {
        for (binding, transport) in BINDINGS {
            let mut row = Row { url, token, transport, task: UNKNOWN_TASK.to_owned() };
            let offered = row.offers(binding);
            cells.extend(OPERATIONS.map(|operation| {
                let outcome = offered.clone().and_then(|()| row.operate(operation));
                let outcome = outcome.err().unwrap_or(Outcome::Passed);
                Cell { client: NAME, binding: binding.to_owned(), agent: agent.clone(), outcome }
            }));
        }
    }
    cells
}

/// One binding and agent; the task that is sent first serves the operations that follow.
struct Row<'a> {
    url: &'a str,
    token: &'a str,
    transport: &'static str,
    task: String,
}

type Done = Result<(), Outcome>;

impl Row<'_> {
    /// A binding that the card does not offer is skipped by the client, which then takes another: so the card is looked at first.
    fn offers(&self, binding: &str) -> Done {
        let card = self.call(&["card", "get"])?;
        let interfaces = card["supportedInterfaces"].as_array().into_iter().flatten();
        let offered = interfaces.into_iter().any(|interface| interface["protocolBinding"] == binding);
        if offered { Ok(()) } else { Err(Outcome::Inexpressible(format!("the card offers no {binding}"))) }
    }

    fn operate(&mut self, operation: &str) -> Done {
        let task = self.task.clone();
        match operation {
            "send" => self.send(),
            "stream" => self.stream(),
            "get" => {
                let text = self.reaches(&task, "COMPLETED")?;
                require(text.contains("You said: hello"), "no artifact")
            }
            "list" => require(self.call(&["task", "list"])?.to_string().contains(&task), "the task is not listed"),
            "cancel" => {
                let asked = self.started("ask")?;
                self.call(&["task", "cancel", &asked])?;
                self.reaches(&asked, "CANCELED").map(drop)
            }
            "subscribe" => self.subscribe(),
            "push_create" => self.webhook(&["create", &task, WEBHOOK, "--config-id", "hook"]),
            "push_get" => self.webhook(&["get", &task, "hook"]),
            "push_list" => self.webhook(&["list", &task]),
            "push_delete" => {
                self.call(&["task", "push-config", "delete", &task, "hook"])?;
                require(
                    self.call(&["task", "push-config", "get", &task, "hook"]).is_err(),
                    "the webhook is still there",
                )
            }
            "extended_card" => self.extended_card(),
            other => panic!("{other} is no operation"),
        }
    }

    fn send(&mut self) -> Done {
        self.task = self.started("hello")?;
        Ok(())
    }

    /// The id of a task that is sent and not waited for.
    fn started(&self, message: &str) -> Result<String, Outcome> {
        let answer = self.call(&["send", message, "--async", "--return-immediately"])?;
        answer["task"]["id"].as_str().map(str::to_owned).ok_or_else(|| Outcome::Failed("no task id".to_owned()))
    }

    fn stream(&self) -> Done {
        let events: Vec<Value> =
            self.lines(&["send", "--stream", "hello"], |_| {})?.iter().map(|line| read(line)).collect();
        let last = events.last().map(|event| event["statusUpdate"]["status"]["state"].clone()).unwrap_or_default();
        require(last == "TASK_STATE_COMPLETED", &format!("ended as {last}"))?;
        let texts = events.iter().flat_map(|event| event["artifactUpdate"]["artifact"]["parts"].as_array());
        let text: String = texts.flatten().filter_map(|part| part["text"].as_str()).collect();
        require(events.len() > 2 && text == "You said: hello", "the text did not arrive")
    }

    /// A second reader of a task at work sees it, and sees it cancelled.
    fn subscribe(&self) -> Done {
        let task = self.started("hold")?;
        let mut cancelled = None;
        let seen = self.lines(&["task", "subscribe", &task], |_| {
            cancelled.get_or_insert_with(|| self.call(&["task", "cancel", &task]));
        })?;
        cancelled.unwrap_or_else(|| Err(Outcome::Failed("no event".to_owned())))?;
        let last = seen.last().is_some_and(|last| last.contains("TASK_STATE_CANCELED"));
        require(last && seen.iter().all(|event| event.contains(&task)), "did not see the task cancelled")
    }

    fn extended_card(&self) -> Done {
        if self.call(&["card", "get"])?["capabilities"]["extendedAgentCard"] != true {
            return Err(Outcome::Inexpressible("the card declares no extended card".to_owned()));
        }
        let card = self.call(&["card", "get", "--extended"])?;
        require(card["skills"].to_string().contains("\"secret\""), "no more than the public card")
    }

    fn webhook(&self, arguments: &[&str]) -> Done {
        let answer = self.call(&[&["task", "push-config"], arguments].concat())?;
        require(answer.to_string().contains(WEBHOOK), "another webhook")
    }

    /// The task's text when it is in a state; agents may take their time.
    fn reaches(&self, task: &str, state: &str) -> Result<String, Outcome> {
        let (begin, wanted) = (Instant::now(), format!("TASK_STATE_{state}"));
        wait::until("the task's state", || match self.call(&["task", "get", task]) {
            Ok(found) if found["status"]["state"] == wanted => Some(Ok(texts(&found))),
            Ok(found) if begin.elapsed() > PATIENCE => {
                Some(Err(Outcome::Failed(format!("stays {}", found["status"]["state"]))))
            }
            Ok(_) => None,
            Err(refusal) => Some(Err(refusal)),
        })
    }

    fn call(&self, arguments: &[&str]) -> Result<Value, Outcome> {
        Ok(read(&self.lines(arguments, |_| {})?.join("\n")))
    }

    /// Runs the client to its end and hands over each line as it comes; a client that is silent too long is ended.
    fn lines(&self, arguments: &[&str], mut each: impl FnMut(&str)) -> Result<Vec<String>, Outcome> {
        let mut client = self.command(arguments).spawn().expect("a2acli runs");
        let output = BufReader::new(client.stdout.take().expect("piped"));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut lines = Vec::new();
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(line) => {
                    each(&line);
                    lines.push(line);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    client.kill().expect("a2acli is ended");
                    client.wait().expect("a2acli ends");
                    return Err(Outcome::Failed("no end".to_owned()));
                }
            }
        }
        let ended = client.wait_with_output().expect("a2acli ends");
        if ended.status.success() { Ok(lines) } else { Err(self.refusal(&ended.stderr)) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::a2acli());
        let card = format!("{}/.well-known/agent-card.json", self.url);
        command.args(["-a", &card, "--bearer", self.token, "--transport", self.transport, "-o", "json", "--compact"]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What the client writes to standard error: JSON with the code, if one was stated.
    fn refusal(&self, complaint: &[u8]) -> Outcome {
        let text = String::from_utf8_lossy(complaint).replace(self.url, "…");
        let error = text.lines().find_map(|line| serde_json::from_str::<Value>(line).ok()).unwrap_or_default();
        let said = error["error"]["message"].as_str().unwrap_or(text.trim()).to_owned();
        if let Some((_, missing)) =
            said.split_once("not a valid agent card: ").and_then(|(_, why)| why.split_once("missing field "))
        {
            return Outcome::Failed(format!(
                "the client cannot read the card, which has no {}",
                missing.replace('`', "")
            ));
        }
        // The client gives the code of an internal error to whatever it cannot read.
        match error["error"]["a2aCode"].as_i64() {
            Some(-32603) | None => Outcome::Failed(said),
            Some(code) => Outcome::Refused(code),
        }
    }
}

fn texts(task: &Value) -> String {
    let artifacts = task["artifacts"].as_array().into_iter().flatten();
    let parts = artifacts.flat_map(|artifact| artifact["parts"].as_array()).flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("a2acli: {error}: {text}"))
}

fn require(holds: bool, what: &str) -> Done {
    if holds { Ok(()) } else { Err(Outcome::Failed(what.to_owned())) }
}
