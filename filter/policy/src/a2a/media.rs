//! What the headers say about the body's form: only what decides whether it can be read as JSON.

/// What `content-type` announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json` or `application/a2a+json`, in UTF-8.
    Json,
    /// `application/grpc`, with or without a suffix.
    Grpc,
    /// No header.
    Absent,
    /// Anything else.
    Other,
}

/// What `content-encoding` announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// None, or `identity`.
    Identity,
    /// Any other.
    Encoded,
}

impl From<Option<&[u8]>> for MediaType {
    fn from(header: Option<&[u8]>) -> Self {
        let Some(header) = header else { return Self::Absent };
        let mut parts = header.split(|b| *b == b';');
        let essence = parts.next().unwrap_or_default().trim_ascii();
        if is_grpc(essence) {
            return Self::Grpc;
        }
        let json = [b"application/json".as_slice(), b"application/a2a+json"];
        let is_json = json.iter().any(|name| essence.eq_ignore_ascii_case(name));
        if is_json && parts.all(is_harmless) { Self::Json } else { Self::Other }
    }
}

impl From<Option<&[u8]>> for Encoding {
    fn from(header: Option<&[u8]>) -> Self {
        match header.map(<[u8]>::trim_ascii) {
            None | Some(b"") => Self::Identity,
            Some(name) if name.eq_ignore_ascii_case(b"identity") => Self::Identity,
            Some(_) => Self::Encoded,
        }
    }
}

fn is_grpc(essence: &[u8]) -> bool {
    let name = b"application/grpc";
    let Some((head, tail)) = essence.split_at_checked(name.len()) else { return false };
    head.eq_ignore_ascii_case(name) && matches!(tail.first(), None | Some(b'+'))
}

/// Any parameter but a charset other than UTF-8: that would make another text of the same bytes.
fn is_harmless(parameter: &[u8]) -> bool {
    let parameter = parameter.trim_ascii();
    let mut sides = parameter.splitn(2, |b| *b == b'=');
    let name = sides.next().unwrap_or_default().trim_ascii();
    let value = sides.next().unwrap_or_default().trim_ascii();
    let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
    let utf8 = value.eq_ignore_ascii_case(b"utf-8") || value.eq_ignore_ascii_case(b"utf8");
    // A comma means that the header came twice and Envoy joined the two.
    !parameter.contains(&b',') && (!name.eq_ignore_ascii_case(b"charset") || utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expect: MediaType) {
        assert_eq!(MediaType::from(Some(header.as_bytes())), expect, "{header}");
    }

    #[test]
    fn knows_json_in_both_spellings() {
        for header in ["application/json", "Application/JSON; charset=utf-8", "application/a2a+json;charset=\"UTF-8\""]
        {
            check(header, MediaType::Json);
        }
        assert_eq!(MediaType::from(None), MediaType::Absent);
    }

    #[test]
    fn knows_grpc() {
        check("application/grpc", MediaType::Grpc);
        check("application/grpc+proto", MediaType::Grpc);
        check("application/grpc-web", MediaType::Other);
    }

    #[test]
    fn takes_nothing_else_for_json() {
        for header in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=utf-16",
            "application/json, text/plain",
            "application/json;a=b, text/plain",
        ] {
            check(header, MediaType::Other);
        }
    }

    #[test]
    fn only_identity_is_no_encoding() {
        let encoding = |header: Option<&str>| Encoding::from(header.map(str::as_bytes));
        assert_eq!(encoding(None), Encoding::Identity);
        assert_eq!(encoding(Some(" Identity ")), Encoding::Identity);
        for header in ["gzip", "identity, gzip", "br"] {
            assert_eq!(encoding(Some(header)), Encoding::Encoded, "{header}");
        }
    }
}
