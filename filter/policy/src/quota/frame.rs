//! The frames in which the exchange with the ledger travels: gRPC over HTTP/2, which is five bytes before each message ("Length-Prefixed-
//! Message" in gRPC's protocol over HTTP/2). Both ways, and total: a body is one whole message or it is no answer.

use prost::Message;
use tollgate_proto::quota::v1 as wire;

/// Not compressed: nobody offered that it may be.
const PLAIN: u8 = 0;
/// The flag, and four bytes of length.
const PREFIX: usize = 5;

/// The body of a request.
#[must_use]
pub fn framed(request: &wire::SyncRequest) -> Vec<u8> {
    let size = request.encoded_len();
    let mut frame = Vec::with_capacity(size.saturating_add(PREFIX));
    frame.push(PLAIN);
    frame.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&request.encode_to_vec());
    frame
}

/// Reads the body of a response. `None` for all but exactly one message that is not compressed: an error has none.
#[must_use]
pub fn read_answer(body: &[u8]) -> Option<wire::SyncResponse> {
    let (&[PLAIN, ref length @ ..], message) = body.split_first_chunk::<PREFIX>()? else { return None };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if message.len() != length {
        return None;
    }
    wire::SyncResponse::decode(message).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(flag: u8, length: u32, message: &[u8]) -> Vec<u8> {
        [&[flag][..], &length.to_be_bytes(), message].concat()
    }

    fn answer(nodes: u32, granted: Vec<u64>) -> wire::SyncResponse {
        wire::SyncResponse { nodes, state: wire::LeaseState::Leasing.into(), granted }
    }

    fn whole(answer: &wire::SyncResponse) -> Vec<u8> {
        body(PLAIN, answer.encoded_len() as u32, &answer.encode_to_vec())
    }

    #[test]
    fn a_request_has_its_length_before_it() {
        let request = wire::SyncRequest { node_id: "edge".to_owned(), instance: 7, buckets: Vec::new() };
        let frame = framed(&request);
        assert_eq!(frame[..PREFIX], [0, 0, 0, 0, (frame.len() - PREFIX) as u8]);
        assert_eq!(wire::SyncRequest::decode(&frame[PREFIX..]), Ok(request));
    }

    #[test]
    fn only_one_whole_plain_message_is_an_answer() {
        let told = answer(3, vec![0, 5, u64::MAX]);
        let message = told.encode_to_vec();
        let size = message.len() as u32;
        assert_eq!(read_answer(&body(0, size, &message)), Some(told));
        assert_eq!(read_answer(&body(0, 0, &[])), Some(wire::SyncResponse::default()), "every field has its default");
        for (what, refused) in [
            ("compressed", body(1, size, &message)),
            ("longer than it says", body(0, size - 1, &message)),
            ("shorter than it says", body(0, size + 1, &message)),
            ("as long as can be said", body(0, u32::MAX, &message)),
            ("two of them", [body(0, size, &message), body(0, size, &message)].concat()),
            ("no protobuf", body(0, 3, &[0xff; 3])),
            ("no frame", vec![0; PREFIX - 1]),
            ("nothing", Vec::new()),
        ] {
            assert_eq!(read_answer(&refused), None, "{what}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_answer(&bytes);
            // Past the frame too, which hardly any bytes get by.
            let _ = read_answer(&body(PLAIN, bytes.len() as u32, &bytes));
        }

        #[test]
        fn an_answer_is_read_as_it_was_written_and_no_part_of_it_is(
            nodes: u32, granted in prop::collection::vec(any::<u64>(), 0..50), cut in 1..400usize,
        ) {
            let told = answer(nodes, granted);
            let body = whole(&told);
            prop_assert_eq!(read_answer(&body), Some(told));
            prop_assert_eq!(read_answer(&body[..body.len().saturating_sub(cut)]), None);
        }
    }
}
