//! The main job, step by step: as an operator, then as a client. Each step says what it found and the command that repeats it.

mod client;
mod operator;

use anyhow::{Context, Result, ensure};

use super::{call::Call, http::Reply, processes::Processes, screen::Screen, settings::Variables};

/// What the steps share.
struct Tour<'a> {
    variables: &'a mut Variables,
    processes: &'a mut Processes,
    screen: &'a Screen,
    number: usize,
}

/// A step that did what it should.
struct Outcome {
    reply: Reply,
    finding: String,
    /// The line that repeats the step.
    command: String,
}

/// Runs every step; the first that does not do what it should is the error.
pub(super) fn run(variables: &mut Variables, processes: &mut Processes, screen: &Screen) -> Result<()> {
    let mut tour = Tour { variables, processes, screen, number: 0 };
    operator::steps(&mut tour)?;
    client::steps(&mut tour)
}

impl Tour<'_> {
    /// Runs one step and prints it.
    fn step(&mut self, title: &str, act: impl FnOnce(&mut Self) -> Result<Outcome>) -> Result<()> {
        self.number += 1;
        self.processes.all_well()?;
        match act(self) {
            Ok(outcome) => {
                self.screen.done(self.number, title, outcome.reply.status, &outcome.finding, outcome.reply.took);
                self.screen.command(&outcome.command);
                Ok(())
            }
            Err(error) => {
                self.screen.failed(self.number, title);
                self.processes.all_well()?;
                Err(error.context(format!("step {}, {title}", self.number)))
            }
        }
    }

    /// Sends `call`, which must be answered with one of `statuses`.
    fn send(&self, call: &Call, statuses: &[u16]) -> Result<Reply> {
        let reply = super::http::send(call, self.variables)?;
        expect(&reply, statuses, call)?;
        Ok(reply)
    }

    /// Fetches a token into `variable`.
    fn token(&mut self, call: &Call, variable: &'static str) -> Result<Outcome> {
        let reply = self.send(call, &[200])?;
        let body = reply.json();
        let token = body["access_token"].as_str().context("the answer holds no access_token")?;
        let finding = format!("for {} s, scope {}", body["expires_in"], body["scope"].as_str().unwrap_or("not said"));
        self.variables.set(variable, token.to_owned());
        Ok(Outcome { reply, finding, command: call.curl_token(variable) })
    }
}

fn expect(reply: &Reply, statuses: &[u16], call: &Call) -> Result<()> {
    let excerpt: String = reply.text.chars().take(600).collect();
    ensure!(
        statuses.contains(&reply.status),
        "{} {} was answered {}, not {statuses:?}: {excerpt}",
        call.method,
        call.url,
        reply.status
    );
    Ok(())
}
