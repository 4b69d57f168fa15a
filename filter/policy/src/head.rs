//! A request's head: the headers a decision can depend on, read in one pass from the host's map of all of them.
//!
//! One call for the whole map costs half of what three calls for single headers do (Envoy 1.40: a value is handed over by calling
//! back into the module for memory, each time). What the headers mean is the decision's.

use std::borrow::Cow;

/// The head of a request, as raw bytes.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:path`, with its query.
    pub path: &'a [u8],
    /// `authorization`; several values joined by commas.
    pub authorization: Option<&'a [u8]>,
    /// `content-type`; several values joined by commas.
    pub content_type: Option<&'a [u8]>,
    /// `content-encoding`; several values joined by commas.
    pub content_encoding: Option<&'a [u8]>,
    /// `:authority`.
    pub authority: &'a [u8],
    /// `a2a-version`; several values joined by commas.
    pub version: Option<&'a [u8]>,
    /// `accept`; several values joined by commas.
    pub accept: Option<&'a [u8]>,
    /// Whether a body follows.
    pub body: Body,
}

impl RequestHead<'_> {
    /// Whether its sender expects a stream of events (A2A v1.0 section 9.4.2: server-sent events).
    #[must_use]
    pub fn expects_events(&self) -> bool {
        let is_of_events = |range: &[u8]| {
            let essence = range.split(|b| *b == b';').next().unwrap_or_default();
            essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
        };
        self.accept.is_some_and(|accept| accept.split(|b| *b == b',').any(is_of_events))
    }
}

/// Whether a body follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It does.
    Follows,
    /// The head is all there is.
    None,
}

/// How every header of the gateway's own begins: it tells routes and backends things, and clients may not.
const OWN_PREFIX: &[u8] = b"x-tollgate-";

/// The headers of a [`RequestHead`], borrowed from the serialised map wherever they came once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    method: Option<Cow<'a, [u8]>>,
    path: Option<Cow<'a, [u8]>>,
    authorization: Option<Cow<'a, [u8]>>,
    content_type: Option<Cow<'a, [u8]>>,
    content_encoding: Option<Cow<'a, [u8]>>,
    authority: Option<Cow<'a, [u8]>>,
    version: Option<Cow<'a, [u8]>>,
    accept: Option<Cow<'a, [u8]>>,
    own: Vec<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// Reads a serialised map (proxy-wasm ABI 0.2.1: a count; for each pair the sizes of name and value; then names and values,
    /// each ended by a zero byte; numbers are 32 bits, little-endian). Names are in lower case, as hosts give them. A map that
    /// breaks off has the headers before the break: without `:path`, nothing is admitted.
    #[must_use]
    pub fn read(map: &'a [u8]) -> Self {
        Self::of(pairs(map))
    }

    /// Reads names and values, in the order in which they came. Names are in lower case.
    #[must_use]
    pub fn of(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            let slot = match name {
                b":method" => &mut headers.method,
                b":path" => &mut headers.path,
                b"authorization" => &mut headers.authorization,
                b"content-type" => &mut headers.content_type,
                b"content-encoding" => &mut headers.content_encoding,
                b":authority" => &mut headers.authority,
                b"a2a-version" => &mut headers.version,
                b"accept" => &mut headers.accept,
                _ => {
                    if name.starts_with(OWN_PREFIX) {
                        headers.own.push(name);
                    }
                    continue;
                }
            };
            *slot = Some(match slot.take() {
                None => Cow::Borrowed(value),
                Some(first) => Cow::Owned([&first, value].join(&b',')),
            });
        }
        headers
    }

    /// The names that begin with `x-tollgate-`, whoever sent them.
    #[must_use]
    pub fn own(&self) -> &[&'a [u8]] {
        &self.own
    }

    /// The head they make.
    #[must_use]
    pub fn head(&self, body: Body) -> RequestHead<'_> {
        RequestHead {
            method: self.method.as_deref().unwrap_or_default(),
            path: self.path.as_deref().unwrap_or_default(),
            authorization: self.authorization.as_deref(),
            content_type: self.content_type.as_deref(),
            content_encoding: self.content_encoding.as_deref(),
            authority: self.authority.as_deref().unwrap_or_default(),
            version: self.version.as_deref(),
            accept: self.accept.as_deref(),
            body,
        }
    }
}

/// The pairs of a serialised map ([`Headers::read`] has its form), as far as it goes.
pub fn pairs(map: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (count, rest) = number(map).unwrap_or_default();
    let (sizes, mut texts) = rest.split_at_checked(count.saturating_mul(8)).unwrap_or_default();
    sizes.chunks_exact(8).map_while(move |sizes| {
        let (name, sizes) = number(sizes)?;
        let (value, _) = number(sizes)?;
        Some((text(&mut texts, name)?, text(&mut texts, value)?))
    })
}

/// Takes a text of `size` bytes and the zero byte after it.
fn text<'a>(texts: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (text, rest) = texts.split_at_checked(size)?;
    *texts = rest.strip_prefix(&[0])?;
    Some(text)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a host makes of these headers.
    fn serialised(headers: &[(&[u8], &[u8])]) -> Vec<u8> {
        let size = |text: &[u8]| u32::try_from(text.len()).unwrap().to_le_bytes();
        let mut map = u32::try_from(headers.len()).unwrap().to_le_bytes().to_vec();
        headers.iter().for_each(|(name, value)| map.extend([size(name), size(value)].concat()));
        headers.iter().for_each(|(name, value)| map.extend([name, &b"\0"[..], value, b"\0"].concat()));
        map
    }

    #[track_caller]
    fn check(headers: &[(&[u8], &[u8])], expect: impl FnOnce(RequestHead<'_>)) {
        expect(Headers::read(&serialised(headers)).head(Body::None));
    }

    #[test]
    fn finds_what_a_decision_depends_on_wherever_it_stands() {
        let headers: [(&[u8], &[u8]); 6] = [
            (b":authority", b"gateway"),
            (b":path", b"/agents/a?b=c"),
            (b"x-authorization", b"Bearer other"),
            (b":method", b"POST"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer \xff"),
        ];
        check(&headers, |head| {
            assert_eq!((head.method, head.path), (&b"POST"[..], &b"/agents/a?b=c"[..]));
            assert_eq!(head.authorization, Some(&b"Bearer \xff"[..]));
            assert_eq!((head.content_type, head.content_encoding), (Some(&b"application/json"[..]), None));
        });
    }

    #[test]
    fn a_header_that_came_twice_is_joined_by_a_comma() {
        let headers: [(&[u8], &[u8]); 3] =
            [(b"authorization", b"a"), (b"authorization", b""), (b"authorization", b"c")];
        check(&headers, |head| assert_eq!(head.authorization, Some(&b"a,,c"[..])));
    }

    #[test]
    fn headers_that_claim_to_be_the_gateways_are_named() {
        let map = serialised(&[(b"x-tollgate-cluster", b"a"), (b"x-tollgate", b"b"), (b"x-tollgate-x", b"")]);
        assert_eq!(Headers::read(&map).own(), [&b"x-tollgate-cluster"[..], b"x-tollgate-x"]);
    }

    #[test]
    fn events_are_expected_where_accept_names_them() {
        let expects = |accept: &[u8]| {
            let map = serialised(&[(b"accept", accept)]);
            Headers::read(&map).head(Body::None).expects_events()
        };
        assert!(expects(b"text/event-stream") && expects(b"application/json, Text/Event-Stream;q=0.9"));
        assert!(!expects(b"*/*") && !expects(b"application/json") && !expects(b"text/event-streams"));
        assert!(!Headers::default().head(Body::None).expects_events());
    }

    #[test]
    fn an_empty_map_is_an_empty_head() {
        for map in [&b""[..], b"\0", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\0\0\0\x01\0\0\0\xff\xff\xff\xffa\0"] {
            assert_eq!(Headers::read(map), Headers::default(), "{map:?}");
        }
    }

    fn any_name() -> impl Strategy<Value = Vec<u8>> {
        let known =
            prop::sample::select(&[":method", ":path", "authorization", "content-type", "content-encoding"][..]);
        prop_oneof![known.prop_map(|name| name.into()), prop::collection::vec(any::<u8>(), 0..20)]
    }

    proptest! {
        #[test]
        fn every_header_is_read_as_it_was_written(
            headers in prop::collection::vec((any_name(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        ) {
            let borrowed: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            let map = serialised(&borrowed);
            prop_assert_eq!(pairs(&map).collect::<Vec<_>>(), borrowed.clone());
            let values: Vec<_> = borrowed.iter().filter(|(name, _)| *name == b"authorization").map(|(_, value)| *value).collect();
            let joined = (!values.is_empty()).then(|| values.join(&b','));
            let headers = Headers::read(&map);
            prop_assert_eq!(headers.head(Body::None).authorization, joined.as_deref());
        }

        #[test]
        fn a_map_that_breaks_off_has_what_came_before(cut in 0usize..60) {
            let map = serialised(&[(b":method", b"POST"), (b":path", b"/agents/a")]);
            let headers = Headers::read(&map[..cut.min(map.len())]);
            let head = headers.head(Body::None);
            prop_assert!(head.method.is_empty() || head.method == b"POST");
            prop_assert!(head.path.is_empty() || head.path == b"/agents/a");
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Headers::read(&bytes);
        }
    }
}
