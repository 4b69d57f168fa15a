//! What a path means. One normal form, the same for Envoy, this filter and every backend: what could be read in two ways is
//! refused, never repaired. Agent ids match whole segments, byte for byte.

use crate::a2a::grpc::Method;
use crate::ids::AgentId;

/// What a request's verb and path are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Open to everyone: token endpoint and discovery documents.
    Public,
    /// `GET /agents`.
    Listing,
    /// `POST /search`.
    Search,
    /// `/admin/…`.
    Admin,
    /// An agent's card.
    Card {
        /// The agent.
        agent: &'a str,
    },
    /// An agent's JSON-RPC endpoint.
    Rpc {
        /// The agent.
        agent: &'a str,
    },
    /// An agent says how it is: `PATCH` or `POST /agents/{id}/status`. No operation of HTTP+JSON has this name.
    Heartbeat {
        /// The agent.
        agent: &'a str,
    },
    /// Anything below an agent: HTTP+JSON.
    Rest {
        /// The agent.
        agent: &'a str,
        /// The path after the agent's id, starting with `/`.
        remainder: &'a str,
    },
    /// A method of A2A's gRPC services; the host names the agent.
    Grpc(Method<'a>),
    /// The path is known, the verb is not. The verbs it has, for `Allow`.
    WrongVerb(&'static str),
    /// No path of this gateway.
    Nothing,
}

/// A path in normal form, with its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<'a> {
    /// Without the query.
    path: &'a str,
    /// `?` and what follows; empty if there is none.
    query: &'a str,
}

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Does not start with `/`, or has a byte that is not visible ASCII.
    #[error("the path must start with / and be visible ASCII")]
    Bytes,
    /// `%2F`, `%5C`, `%2E`, `%00`, a control character, or half an escape.
    #[error("the path has an escaped slash, dot or control character, or a broken escape")]
    Escape,
    /// `//`.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// `.` or `..`.
    #[error("the path has a dot segment")]
    DotSegment,
    /// `\`, `;` or `#`.
    #[error("the path has a backslash, a semicolon or a fragment")]
    Separator,
}

impl<'a> Path<'a> {
    /// Reads the value of `:path`.
    ///
    /// # Errors
    /// Why it is not in normal form.
    pub fn read(raw: &'a [u8]) -> Result<Self, PathFault> {
        if raw.first() != Some(&b'/') || !raw.iter().all(u8::is_ascii_graphic) {
            return Err(PathFault::Bytes);
        }
        let text = std::str::from_utf8(raw).map_err(|_| PathFault::Bytes)?;
        let (path, query) = text.split_at(text.find('?').unwrap_or(text.len()));
        check_path(path.as_bytes())?;
        if query.contains('#') {
            return Err(PathFault::Separator);
        }
        Ok(Self { path, query })
    }

    /// `?` and what follows; empty if there is none.
    #[must_use]
    pub fn query(self) -> &'a str {
        self.query
    }

    /// Whether the query carries a token (RFC 6750 section 2.3), which is refused: URLs end up in logs.
    #[must_use]
    pub fn carries_token(self) -> bool {
        let pairs = self.query.strip_prefix('?').unwrap_or_default().split('&');
        pairs.map(|pair| pair.split('=').next().unwrap_or_default()).any(|name| unescaped_eq(name, b"access_token"))
    }

    /// What `method` asks of this path.
    #[must_use]
    pub fn target(self, method: &[u8]) -> Target<'a> {
        if let Some(rest) = self.path.strip_prefix("/agents") {
            return match rest.strip_prefix('/') {
                None if rest.is_empty() => listing(method),
                None => Target::Nothing,
                Some("") => listing(method),
                Some(rest) => agent_target(method, rest),
            };
        }
        match self.path {
            "/oauth2/token" => only(method, b"POST", "POST", Target::Public),
            "/search" => only(method, b"POST", "POST", Target::Search),
            path if is_discovery(path) => match method {
                b"GET" | b"HEAD" => Target::Public,
                _ => Target::WrongVerb("GET, HEAD"),
            },
            path if path == "/admin" || path.starts_with("/admin/") => Target::Admin,
            path => Method::at(path).map_or(Target::Nothing, Target::Grpc),
        }
    }
}

fn agent_target<'a>(method: &[u8], rest: &'a str) -> Target<'a> {
    let (agent, remainder) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !AgentId::is_valid(agent) {
        return Target::Nothing;
    }
    match (remainder, method) {
        ("" | "/", b"POST") => Target::Rpc { agent },
        ("" | "/", b"GET" | b"HEAD") => Target::Card { agent },
        ("" | "/", _) => Target::WrongVerb("GET, HEAD, POST"),
        ("/.well-known/agent-card.json", b"GET" | b"HEAD") => Target::Card { agent },
        ("/.well-known/agent-card.json", _) => Target::WrongVerb("GET, HEAD"),
        ("/status", b"PATCH" | b"POST") => Target::Heartbeat { agent },
        ("/status", _) => Target::WrongVerb("PATCH, POST"),
        _ => Target::Rest { agent, remainder },
    }
}

fn listing<'a>(method: &[u8]) -> Target<'a> {
    only(method, b"GET", "GET", Target::Listing)
}

fn only<'a>(method: &[u8], wanted: &[u8], allow: &'static str, target: Target<'a>) -> Target<'a> {
    if method == wanted { target } else { Target::WrongVerb(allow) }
}

fn is_discovery(path: &str) -> bool {
    let Some(name) = path.strip_prefix("/.well-known/") else { return false };
    let resource = "oauth-protected-resource";
    matches!(name, "oauth-authorization-server" | "jwks.json" | "agent-card-jwks.json" | "ai-catalog.json")
        || name.strip_prefix(resource).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One pass over the bytes: every request pays for it.
fn check_path(path: &[u8]) -> Result<(), PathFault> {
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2).ok_or(PathFault::Escape)?;
                let byte = hex(digits).ok_or(PathFault::Escape)?;
                if matches!(byte, b'/' | b'\\' | b'.' | b'%' | b';' | 0..=0x20 | 0x7f) {
                    return Err(PathFault::Escape);
                }
                rest = tail;
            }
            b'\\' | b';' | b'#' => return Err(PathFault::Separator),
            b'/' => match rest {
                [b'/', ..] => return Err(PathFault::EmptySegment),
                [b'.'] | [b'.', b'.'] | [b'.', b'/', ..] | [b'.', b'.', b'/', ..] => return Err(PathFault::DotSegment),
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

/// `text` with its percent escapes decoded (RFC 3986 section 2.1); `None` if one is broken, or what they make is no text.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            bytes.push(hex(digits)?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?).ok()
}

/// Whether `text` is `wanted` once its escapes are read. A broken escape is no match.
fn unescaped_eq(text: &str, wanted: &[u8]) -> bool {
    let mut rest = text.as_bytes();
    let mut wanted = wanted.iter();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let byte = match (byte, rest.split_at_checked(2)) {
            (b'%', Some((digits, tail))) => {
                rest = tail;
                hex(digits)
            }
            (b'%', None) => None,
            _ => Some(*byte),
        };
        if byte.as_ref() != wanted.next() {
            return false;
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(method: &str, path: &str, expect: Target<'_>) {
        assert_eq!(Path::read(path.as_bytes()).unwrap().target(method.as_bytes()), expect, "{method} {path}");
    }

    fn refused(path: &str, expect: PathFault) {
        assert_eq!(Path::read(path.as_bytes()), Err(expect), "{path}");
    }

    #[test]
    fn an_agents_paths_are_told_apart() {
        check("POST", "/agents/weather", Target::Rpc { agent: "weather" });
        check("POST", "/agents/weather/?a=b", Target::Rpc { agent: "weather" });
        check("GET", "/agents/weather", Target::Card { agent: "weather" });
        check("GET", "/agents/weather/.well-known/agent-card.json", Target::Card { agent: "weather" });
        let remainder = "/v1/message:send";
        check("POST", "/agents/weather/v1/message:send", Target::Rest { agent: "weather", remainder });
        check("PUT", "/agents/weather", Target::WrongVerb("GET, HEAD, POST"));
    }

    #[test]
    fn an_agent_says_how_it_is_at_one_path_alone() {
        for method in ["PATCH", "POST"] {
            check(method, "/agents/weather/status", Target::Heartbeat { agent: "weather" });
        }
        check("GET", "/agents/weather/status", Target::WrongVerb("PATCH, POST"));
        for remainder in ["/status/", "/v1/status", "/statuses", "/Status"] {
            let path = format!("/agents/weather{remainder}");
            check("POST", &path, Target::Rest { agent: "weather", remainder });
        }
    }

    #[test]
    fn ids_match_whole_segments_byte_for_byte() {
        check("POST", "/agents/weather2", Target::Rpc { agent: "weather2" });
        for path in
            ["/agents/Weather", "/agents/w%65ather", "/agents/.well-known/agent-card.json", "/agents-x", "/agentsx/y"]
        {
            check("POST", path, Target::Nothing);
        }
        let remainder = "/agents/other";
        check("POST", "/agents/weather/agents/other", Target::Rest { agent: "weather", remainder });
    }

    #[test]
    fn the_gateways_own_paths_are_known() {
        check("GET", "/agents?limit=3", Target::Listing);
        check("GET", "/agents/", Target::Listing);
        check("DELETE", "/agents", Target::WrongVerb("GET"));
        check("POST", "/search", Target::Search);
        check("GET", "/search", Target::WrongVerb("POST"));
        check("POST", "/search/", Target::Nothing);
        check("POST", "/oauth2/token", Target::Public);
        check("GET", "/oauth2/token", Target::WrongVerb("POST"));
        check("GET", "/.well-known/jwks.json", Target::Public);
        check("GET", "/.well-known/agent-card-jwks.json", Target::Public);
        check("GET", "/.well-known/oauth-protected-resource/agents/weather", Target::Public);
        check("GET", "/.well-known/oauth-protected-resourcex", Target::Nothing);
        check("GET", "/admin", Target::Admin);
        check("GET", "/administrator", Target::Nothing);
        check("GET", "/", Target::Nothing);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        refused("", PathFault::Bytes);
        refused("agents", PathFault::Bytes);
        refused("/agents/a b", PathFault::Bytes);
        for path in ["/agents/a%2fb", "/agents/a%5Cb", "/agents/%2e%2e/admin", "/a%00", "/a%", "/a%zz", "/a%252f"] {
            refused(path, PathFault::Escape);
        }
        refused("//agents", PathFault::EmptySegment);
        refused("/agents//x", PathFault::EmptySegment);
        for path in ["/agents/../admin", "/agents/a/.", "/..", "/./agents"] {
            refused(path, PathFault::DotSegment);
        }
        for path in ["/agents/a;v=1", "/agents\\a", "/agents/a#b"] {
            refused(path, PathFault::Separator);
        }
    }

    #[test]
    fn a_token_in_the_query_is_seen_however_it_is_escaped() {
        let carries = |path: &str| Path::read(path.as_bytes()).unwrap().carries_token();
        assert!(carries("/agents/a?x=1&access_token=abc"));
        assert!(carries("/agents/a?access%5Ftoken=abc"));
        assert!(!carries("/agents/a?my_access_token=abc&access_tokens=1&q=access_token"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), method in "[A-Z]{0,8}") {
            if let Ok(path) = Path::read(&bytes) {
                let _ = (path.target(method.as_bytes()), path.carries_token());
            }
        }

        #[test]
        fn an_agent_is_only_found_as_the_segment_after_agents(path in "/(agents/)?[a-zA-Z0-9./%;-]{0,30}") {
            let Ok(read) = Path::read(path.as_bytes()) else { return Ok(()) };
            if let Target::Rpc { agent }
            | Target::Card { agent }
            | Target::Heartbeat { agent }
            | Target::Rest { agent, .. } = read.target(b"POST")
            {
                prop_assert_eq!(Some(agent), path.split('/').nth(2));
                prop_assert!(AgentId::is_valid(agent));
            }
        }
    }
}
