//! Sends the demo's requests. A small blocking client on loopback: no TLS, no redirects, a bound on time.

use std::{
    io::{BufRead as _, BufReader},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use ureq::http::{Request, Response, header};

use super::{
    call::{Body, Call},
    settings::Variables,
};

/// Longer than any step should take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// For asking whether something is up.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// An answer, read to its end.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: header::HeaderMap,
    pub(super) text: String,
    pub(super) took: Duration,
}

impl Reply {
    /// The body as JSON; `null` where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Makes the call and reads the whole answer, whatever its status.
pub(super) fn send(call: &Call, variables: &Variables) -> Result<Reply> {
    let started = Instant::now();
    let mut response = start(call, variables)?;
    let text = response.body_mut().read_to_string().context("the answer broke off")?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, text, took: started.elapsed() })
}

/// Makes the call and hands each server-sent event to `event` as it arrives, with the time since the call was made.
pub(super) fn stream(call: &Call, variables: &Variables, mut event: impl FnMut(Duration, &Value)) -> Result<Reply> {
    let started = Instant::now();
    let response = start(call, variables)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut text = String::new();
    for line in BufReader::new(response.into_body().into_reader()).lines() {
        let line = line.context("the stream broke off")?;
        if let Some(data) = line.strip_prefix("data:") {
            event(started.elapsed(), &serde_json::from_str(data).context("an event is not JSON")?);
        }
        text.push_str(&line);
        text.push('\n');
    }
    Ok(Reply { status, headers, text, took: started.elapsed() })
}

/// Whether a GET of `url` is answered with 200.
pub(super) fn is_up(url: &str) -> bool {
    agent(PROBE_TIMEOUT).get(url).call().is_ok_and(|response| response.status() == 200)
}

fn start(call: &Call, variables: &Variables) -> Result<Response<ureq::Body>> {
    let mut request = Request::builder().method(call.method).uri(variables.expand(&call.url)?);
    if let Some(user) = call.user {
        let encoded = STANDARD.encode(variables.expand(user)?);
        request = request.header(header::AUTHORIZATION, format!("Basic {encoded}"));
    }
    for (name, value) in &call.headers {
        request = request.header(*name, variables.expand(value)?);
    }
    let agent = agent(TIMEOUT);
    let sent = match &call.body {
        Body::Empty => agent.run(request.body(())?),
        Body::Form(fields) => {
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            agent.run(request.body(fields.join("&"))?)
        }
        Body::Json(json) => {
            let request = request.header(header::CONTENT_TYPE, "application/json");
            agent.run(request.body(variables.expand(json)?)?)
        }
    };
    sent.with_context(|| format!("no answer to {} {}", call.method, call.url))
}

fn agent(timeout: Duration) -> ureq::Agent {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(timeout));
    config.build().into()
}
