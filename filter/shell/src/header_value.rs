//! Text from a token as the value of a header towards a backend. Claims may hold any Unicode, line breaks included; a header may not.

use std::fmt::Write as _;

/// `text` with every byte outside visible ASCII, and `%`, percent-encoded (RFC 3986 section 2.1).
pub(crate) fn encoded(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            value.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}
