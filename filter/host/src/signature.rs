//! The two protobuf messages of Envoy's `verify_signature`: a few fields each, written and read by hand.

/// Fields of `envoy.source.extensions.common.wasm.VerifySignatureArguments`.
const HASH_FUNCTION: u8 = 1;
const PUBLIC_KEY: u8 = 2;
const SIGNATURE: u8 = 3;
const TEXT: u8 = 4;
/// `VerifySignatureResult.result`, a varint: its key byte.
const RESULT_KEY: u8 = 0x08;

/// The message that asks. Every field is length-delimited (protobuf wire type 2).
pub(crate) fn arguments(hash: &str, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Vec<u8> {
    let fields = [(HASH_FUNCTION, hash.as_bytes()), (PUBLIC_KEY, spki_der), (SIGNATURE, signature), (TEXT, message)];
    let mut bytes = Vec::with_capacity(fields.iter().map(|(_, value)| value.len().saturating_add(6)).sum());
    for (number, value) in fields {
        bytes.push((number << 3) | 2);
        push_varint(&mut bytes, value.len());
        bytes.extend_from_slice(value);
    }
    bytes
}

fn push_varint(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

/// Whether the answer says `result: true`. It is the first field; an absent one is false, and so is anything unexpected.
pub(crate) fn is_verified(answer: &[u8]) -> bool {
    matches!(answer, [RESULT_KEY, 1, ..])
}
