//! Which webhooks an agent's callers may register. The agent calls them, from inside its own network, so a URL that a caller chose is
//! a request that a caller sends from there (A2A v1.0 section 13.2). What is judged is the URL as written: what its name resolves to
//! when the agent calls it, nobody can know here.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::push::Spelled;
use crate::document::{WebhookMode, WebhooksDocument};
use crate::fault::ConfigFault;
use crate::glob::Glob;

/// Longest webhook URL, bytes.
const MAX_URL: usize = 2048;

/// What webhooks an agent's callers may register.
#[derive(Debug, Clone)]
pub enum Webhooks {
    /// None.
    Off,
    /// Those that pass.
    Checked(WebhookRules),
}

/// What a webhook's URL must be.
#[derive(Debug, Clone)]
pub struct WebhookRules {
    allow_http: bool,
    hosts: Box<[Glob]>,
}

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookFault {
    /// Not an absolute URL that every parser reads alike.
    #[error(
        "url must be an absolute URL of visible ASCII, without user information and backslashes, of at most 2048 bytes"
    )]
    Malformed,
    /// Not https.
    #[error("url must be https")]
    Scheme,
    /// A private, local or metadata host.
    #[error("url must name a public host")]
    PrivateHost,
    /// Not one of the hosts the operator lists.
    #[error("url must name a host on the agent's list")]
    UnlistedHost,
    /// The configuration is not written as an object with a textual url.
    #[error("must be an object whose url is a string")]
    Opaque,
}

impl Webhooks {
    /// Compiles a document; `field` says where it stands.
    pub(crate) fn compile(document: WebhooksDocument, field: &str, faults: &mut Vec<ConfigFault>) -> Self {
        if document.mode == WebhookMode::Off {
            return Self::Off;
        }
        let mut hosts = Vec::new();
        for (index, host) in document.hosts.iter().enumerate() {
            match Glob::of_hosts(&host.to_ascii_lowercase()) {
                Some(glob) => hosts.push(glob),
                None => faults.push(ConfigFault::new(
                    format!("{field}.hosts[{index}]"),
                    "must be a host name, an address, or a glob over them: letters, digits, - . : _ and *",
                )),
            }
        }
        Self::Checked(WebhookRules { allow_http: document.allow_http, hosts: hosts.into() })
    }
}

impl WebhookRules {
    /// Judges the URLs of webhook configurations, as a search of the body found them.
    ///
    /// # Errors
    /// Why one of them may not be registered.
    pub(crate) fn check_all<'a>(&self, urls: impl Iterator<Item = &'a Spelled>) -> Result<(), WebhookFault> {
        for url in urls {
            self.check(url.as_ref().ok_or(WebhookFault::Opaque)?)?;
        }
        Ok(())
    }

    /// Judges the `url` of a webhook configuration.
    ///
    /// # Errors
    /// Why it may not be registered.
    pub fn check(&self, url: &str) -> Result<(), WebhookFault> {
        let (is_secure, host) = split(url)?;
        if !is_secure && !self.allow_http {
            return Err(WebhookFault::Scheme);
        }
        let host = host.to_ascii_lowercase();
        if !self.hosts.is_empty() {
            let is_listed = self.hosts.iter().any(|glob| glob.matches(&host));
            return if is_listed { Ok(()) } else { Err(WebhookFault::UnlistedHost) };
        }
        if is_public(&host)? { Ok(()) } else { Err(WebhookFault::PrivateHost) }
    }
}

/// Whether `text`, in lower case, can stand in [`WebhooksDocument::hosts`].
#[must_use]
pub fn is_host_pattern(text: &str) -> bool {
    Glob::of_hosts(text).is_some()
}

/// Whether a URL is https, and its host.
fn split(url: &str) -> Result<(bool, &str), WebhookFault> {
    if url.len() > MAX_URL || !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(WebhookFault::Malformed);
    }
    let (scheme, rest) = url.split_once("://").ok_or(WebhookFault::Malformed)?;
    let is_secure = scheme.eq_ignore_ascii_case("https");
    if !is_secure && !scheme.eq_ignore_ascii_case("http") {
        return Err(WebhookFault::Scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(WebhookFault::Malformed)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok());
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_');
    if host.is_empty() || !is_port || !host.bytes().all(known) {
        return Err(WebhookFault::Malformed);
    }
    Ok((is_secure, host))
}

/// Whether a host can be one on the open internet. Numbers that some parsers take for IPv4 addresses (`0x7f.1`, `2130706433`) are no
/// host that is meant well.
fn is_public(host: &str) -> Result<bool, WebhookFault> {
    if host.contains(':') {
        return host.parse().map(is_public_v6).map_err(|_| WebhookFault::Malformed);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let (_, last) = host.rsplit_once('.').unwrap_or(("", host));
    if last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()) {
        return host.parse().map(is_public_v4).map_err(|_| WebhookFault::Malformed);
    }
    let is_local =
        matches!(last, "localhost" | "local" | "internal" | "localdomain" | "home" | "lan" | "corp" | "arpa");
    Ok(host.contains('.') && !is_local)
}

/// Special-purpose blocks (RFC 6890) are not public; 100.64.0.0/10 and 198.18.0.0/15 among them, which hold metadata services too.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224.., _, _)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, _, _, _, _, high, low] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if address.to_ipv4_mapped().is_some() {
        return embedded(high, low);
    }
    match (first, second) {
        // Addresses that carry an IPv4 address: NAT64 (RFC 6052) and 6to4 (RFC 3056).
        (0x64, 0xff9b) => embedded(high, low),
        (0x2002, _) => embedded(second, address.segments().get(2).copied().unwrap_or_default()),
        // Teredo, documentation, and everything that is not global unicast (RFC 4291 section 2.4).
        (0x2001, 0 | 0xdb8) => false,
        _ => (first & 0xe000) == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(allow_http: bool, hosts: &[&str]) -> WebhookRules {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let document = WebhooksDocument { allow_http, hosts, ..Default::default() };
        let mut faults = Vec::new();
        let Webhooks::Checked(rules) = Webhooks::compile(document, "webhooks", &mut faults) else { panic!("off") };
        assert_eq!(faults, []);
        rules
    }

    #[track_caller]
    fn check(url: &str, expect: Result<(), WebhookFault>) {
        assert_eq!(rules(false, &[]).check(url), expect, "{url}");
    }

    #[test]
    fn public_https_urls_pass() {
        for url in [
            "https://client.example.com/hook",
            "HTTPS://Client.Example.com:8443/hook?a=b#c",
            "https://93.184.216.34/x",
            "https://[2606:2800:220:1::1]:443/",
            "https://example.com.",
        ] {
            check(url, Ok(()));
        }
    }

    #[test]
    fn private_and_metadata_hosts_are_refused() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer.local",
            "metadata.google.internal",
            "backend",
        ] {
            check(&format!("https://{host}/x"), Err(WebhookFault::PrivateHost));
        }
    }

    #[test]
    fn what_parsers_read_differently_is_refused() {
        for url in [
            "",
            "https://",
            "https:///x",
            "https:example.com",
            "//example.com",
            "https://a b.example",
            "https://exa\u{301}mple.com",
            "https://user@example.com",
            "https://example.com\\@127.0.0.1",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://0177.0.0.1/",
            "https://example.com:99999/",
            "https://example.com:/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://exa%6dple.com/",
        ] {
            check(url, Err(WebhookFault::Malformed));
        }
        check(&format!("https://example.com/{}", "a".repeat(2048)), Err(WebhookFault::Malformed));
    }

    #[test]
    fn plain_http_and_other_schemes_are_refused() {
        check("http://client.example.com/hook", Err(WebhookFault::Scheme));
        check("gopher://client.example.com/", Err(WebhookFault::Scheme));
        assert_eq!(rules(true, &[]).check("http://client.example.com/hook"), Ok(()));
        assert_eq!(rules(true, &[]).check("ftp://client.example.com/hook"), Err(WebhookFault::Scheme));
    }

    #[test]
    fn a_list_of_hosts_is_the_whole_rule() {
        let rules = rules(false, &["hooks.corp.internal", "*.partner.example"]);
        assert_eq!(rules.check("https://Hooks.corp.internal/a"), Ok(()));
        assert_eq!(rules.check("https://a.partner.example/"), Ok(()));
        assert_eq!(rules.check("https://partner.example/"), Err(WebhookFault::UnlistedHost));
        assert_eq!(rules.check("http://hooks.corp.internal/a"), Err(WebhookFault::Scheme));
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_private_ipv4_address_passes(address: u32, prefix in 0usize..3) {
            let address = Ipv4Addr::from(address);
            let text = match prefix {
                0 => format!("https://{address}/"),
                1 => format!("https://[::ffff:{address}]/"),
                _ => format!("https://{}/", u32::from(address)),
            };
            prop_assert_eq!(rules(false, &[]).check(&text).is_ok(), prefix < 2 && is_public_v4(address), "{}", text);
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,80}") {
            let _ = rules(true, &[]).check(&text);
        }
    }
}
