//! The shell's parts that need no host. The module itself imports host functions, so these files are compiled into the test instead.

#[path = "../src/header_value.rs"]
mod header_value;
#[path = "../../host/src/signature.rs"]
mod message;

#[track_caller]
fn check_header(text: &str, expected: &str) {
    assert_eq!(header_value::encoded(text), expected, "{text:?}");
}

#[test]
fn identity_that_is_visible_ascii_stays_as_it_is() {
    check_header("service-account_7@example.com", "service-account_7@example.com");
}

#[test]
fn identity_cannot_end_a_header_or_pass_for_an_encoded_one() {
    check_header("a\r\nx-admin: 1", "a%0D%0Ax-admin:%201");
    check_header("100%", "100%25");
    check_header("Zoë\0", "Zo%C3%AB%00");
}

#[test]
fn asks_with_every_field_and_its_length() {
    let text = [b'm'; 200];
    let expected = [b"\x0a\x06sha256\x12\x01K\x1a\x02sg\x22\xc8\x01".as_slice(), &text].concat();
    assert_eq!(message::arguments("sha256", b"K", b"sg", &text), expected);
}

#[test]
fn only_an_explicit_true_is_a_verified_signature() {
    assert!(message::is_verified(b"\x08\x01"));
    assert!(message::is_verified(b"\x08\x01\x12\x00"));
    for answer in [b"".as_slice(), b"\x08", b"\x08\x00", b"\x12\x05wrong", b"\x08\x81\x01", b"\x10\x01"] {
        assert!(!message::is_verified(answer), "{answer:?}");
    }
}
