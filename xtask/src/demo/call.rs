//! One HTTP request in terms of the demo's variables. The demo sends it and prints it from the same value, so that the printed
//! `curl` is the request that was made.

/// A request whose URL, headers and body name variables (`$TOKEN`).
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) url: String,
    /// `user:password` for HTTP Basic.
    pub(super) user: Option<&'static str>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Body,
    /// Whether the answer is a stream of events.
    pub(super) answer: Answer,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Empty,
    /// Already encoded as `application/x-www-form-urlencoded`.
    Form(Vec<&'static str>),
    Json(String),
}

/// What a request expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Whole,
    Stream,
}

impl Call {
    /// A request without a body.
    pub(super) fn get(url: &str) -> Self {
        Self::new("GET", url, Body::Empty)
    }

    /// A request with a JSON body.
    pub(super) fn json(method: &'static str, url: &str, body: impl Into<String>) -> Self {
        Self::new(method, url, Body::Json(body.into()))
    }

    /// A request for a token (RFC 6749 section 4.4), authenticated by HTTP Basic.
    pub(super) fn token(user: &'static str, fields: &[&'static str]) -> Self {
        let form = [&["grant_type=client_credentials"], fields].concat();
        Self { user: Some(user), ..Self::new("POST", "$TOKEN_URL", Body::Form(form)) }
    }

    /// The same with a header.
    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, answered by a stream.
    pub(super) fn streamed(self) -> Self {
        Self { answer: Answer::Stream, ..self }
    }

    fn new(method: &'static str, url: &str, body: Body) -> Self {
        Self { method, url: url.to_owned(), user: None, headers: Vec::new(), body, answer: Answer::Whole }
    }

    /// The command line that makes this request in a shell that has the variables.
    pub(super) fn curl(&self) -> String {
        let mut line = String::from(if self.answer == Answer::Stream { "curl -sSN" } else { "curl -sS" });
        let default_method = if matches!(self.body, Body::Empty) { "GET" } else { "POST" };
        if self.method != default_method {
            line += &format!(" -X {}", self.method);
        }
        line += &format!(" {}", quoted(&self.url));
        if let Some(user) = self.user {
            line += &format!(" -u {}", quoted(user));
        }
        for (name, value) in &self.headers {
            line += &format!(" -H {}", quoted(&format!("{name}: {value}")));
        }
        match &self.body {
            Body::Empty => {}
            Body::Form(fields) => fields.iter().for_each(|field| line += &format!(" -d {}", quoted(field))),
            Body::Json(json) => line += &format!(" -H 'Content-Type: application/json' -d {}", spliced(json)),
        }
        line
    }

    /// The command line that puts the token of the answer into `variable`.
    pub(super) fn curl_token(&self, variable: &str) -> String {
        let pick = r#"python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'"#;
        format!("{variable}=$({} | {pick})", self.curl())
    }
}

/// A shell word without quotes in it; the variables in it are the shell's to expand.
fn quoted(word: &str) -> String {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=".contains(&b));
    if plain { word.to_owned() } else { format!("\"{word}\"") }
}

/// JSON as a shell word: in single quotes, with each variable outside of them.
fn spliced(json: &str) -> String {
    let mut pieces = json.split('$');
    let mut word = format!("'{}", literal(pieces.next().unwrap_or_default()));
    for piece in pieces {
        let end = piece.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        word += &format!("'\"${name}\"'{}", literal(rest));
    }
    word + "'"
}

fn literal(text: &str) -> String {
    text.replace('\'', r"'\''")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs the printed line in a real shell, with a `curl` that prints the words it is given.
    #[track_caller]
    fn check(call: &Call, words: &[&str]) {
        let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}; TOKEN=t0k URL=http://gw SECRET=s3; {}", call.curl());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.lines().collect::<Vec<_>>(), words, "{}", call.curl());
    }

    #[test]
    fn a_printed_get_is_the_request() {
        let call = Call::get("$URL/agents?limit=2&x=1").header("Authorization", "Bearer $TOKEN");
        check(&call, &["-sS", "http://gw/agents?limit=2&x=1", "-H", "Authorization: Bearer t0k"]);
    }

    #[test]
    fn a_printed_body_keeps_its_quotes_and_expands_its_variables() {
        let call = Call::json("PUT", "$URL/x", r#"{"secret":"$SECRET","text":"what's 2 + 2?"}"#);
        let body = r#"{"secret":"s3","text":"what's 2 + 2?"}"#;
        check(&call, &["-sS", "-X", "PUT", "http://gw/x", "-H", "Content-Type: application/json", "-d", body]);
    }

    #[test]
    fn a_printed_stream_is_not_buffered_and_a_post_needs_no_method() {
        let call = Call::json("POST", "$URL/x", "{}").streamed();
        check(&call, &["-sSN", "http://gw/x", "-H", "Content-Type: application/json", "-d", "{}"]);
    }

    #[test]
    fn a_printed_token_request_authenticates_by_basic() {
        let call = Call { url: "$URL/t".to_owned(), ..Call::token("$TOKEN:$SECRET", &["scope=a:b"]) };
        check(&call, &["-sS", "http://gw/t", "-u", "t0k:s3", "-d", "grant_type=client_credentials", "-d", "scope=a:b"]);
    }
}
