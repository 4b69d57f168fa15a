//! What embedding APIs answer with, read and checked: so many vectors, of numbers, of one length. Nothing of an answer that is refused
//! stands in the refusal.

use serde::Deserialize;

use crate::search::embedder::normalised;

/// Most numbers in a vector: well over what any model has.
pub(crate) const MAX_DIMENSION: usize = 8192;

/// Why an answer is not taken. Nothing in it was written by the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// Another document.
    #[error("the answer holds no embeddings in the form that was asked for")]
    Form,
    /// Not one for each text.
    #[error("the answer holds {found} embeddings for {asked} texts")]
    Count {
        /// There.
        found: usize,
        /// Texts.
        asked: usize,
    },
    /// `index` names no text, or one twice.
    #[error("the answer does not say which embedding is of which text")]
    Index,
    /// None, too many, or not the same for each.
    #[error("the answer's embeddings have no common dimension from 1 to {MAX_DIMENSION}")]
    Dimension,
    /// All zeros, or beyond what can be compared.
    #[error("the answer has an embedding that points nowhere")]
    Direction,
}

#[derive(Deserialize)]
struct OpenAiAnswer {
    data: Vec<OpenAiEmbedding>,
}

#[derive(Deserialize)]
struct OpenAiEmbedding {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct TitanAnswer {
    embedding: Vec<f32>,
}

/// Reads what `POST …/embeddings` answers to `asked` texts: a vector of length 1 for each, in their order.
///
/// # Errors
/// [`AnswerFault`].
pub fn read_openai_answer(body: &[u8], asked: usize) -> Result<Vec<Vec<f32>>, AnswerFault> {
    let OpenAiAnswer { mut data } = serde_json::from_slice(body).map_err(|_| AnswerFault::Form)?;
    if data.len() != asked {
        return Err(AnswerFault::Count { found: data.len(), asked });
    }
    data.sort_by_key(|it| it.index);
    if !data.iter().enumerate().all(|(place, it)| it.index == place) {
        return Err(AnswerFault::Index);
    }
    let dimension = data.first().map_or(0, |it| it.embedding.len());
    data.into_iter().map(|it| checked(it.embedding, dimension)).collect()
}

/// Reads what a Titan model answers to a text: a vector of length 1.
///
/// # Errors
/// [`AnswerFault`].
pub fn read_titan_answer(body: &[u8]) -> Result<Vec<f32>, AnswerFault> {
    let TitanAnswer { embedding } = serde_json::from_slice(body).map_err(|_| AnswerFault::Form)?;
    let dimension = embedding.len();
    checked(embedding, dimension)
}

fn checked(vector: Vec<f32>, dimension: usize) -> Result<Vec<f32>, AnswerFault> {
    if vector.len() != dimension || !(1..=MAX_DIMENSION).contains(&dimension) {
        return Err(AnswerFault::Dimension);
    }
    normalised(vector).ok_or(AnswerFault::Direction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(body: &str, asked: usize, expect: Result<&[&[f32]], AnswerFault>) {
        let expect = expect.map(|vectors| vectors.iter().map(|vector| vector.to_vec()).collect::<Vec<_>>());
        assert_eq!(read_openai_answer(body.as_bytes(), asked), expect, "{body}");
    }

    #[test]
    fn vectors_come_in_the_order_of_the_texts_and_have_length_one() {
        let body = r#"{"object":"list","model":"m","data":[{"object":"embedding","index":1,"embedding":[0,-2]},
            {"index":0,"embedding":[3.0,4e0]}],"usage":{"total_tokens":5}}"#;
        check(body, 2, Ok(&[&[0.6, 0.8], &[0.0, -1.0]]));
        assert_eq!(read_titan_answer(br#"{"embedding":[0,5],"inputTextTokenCount":3}"#), Ok(vec![0.0, 1.0]));
    }

    #[test]
    fn what_is_not_one_vector_for_each_text_is_refused() {
        let one = r#"{"index":0,"embedding":[1]}"#;
        check(&format!(r#"{{"data":[{one}]}}"#), 2, Err(AnswerFault::Count { found: 1, asked: 2 }));
        check(r#"{"data":[]}"#, 1, Err(AnswerFault::Count { found: 0, asked: 1 }));
        check(&format!(r#"{{"data":[{one},{one}]}}"#), 2, Err(AnswerFault::Index));
        check(r#"{"data":[{"index":7,"embedding":[1]}]}"#, 1, Err(AnswerFault::Index));
        check(&format!(r#"{{"data":[{one},{{"index":1,"embedding":[1,2]}}]}}"#), 2, Err(AnswerFault::Dimension));
        check(r#"{"data":[{"index":0,"embedding":[]}]}"#, 1, Err(AnswerFault::Dimension));
        assert_eq!(read_titan_answer(br#"{"embedding":[]}"#), Err(AnswerFault::Dimension));
        let long = json!({"embedding": vec![1; MAX_DIMENSION + 1]}).to_string();
        assert_eq!(read_titan_answer(long.as_bytes()), Err(AnswerFault::Dimension));
    }

    #[test]
    fn numbers_that_cannot_be_compared_are_refused() {
        for numbers in ["[0,0]", "[1e30,1e30]"] {
            check(&format!(r#"{{"data":[{{"index":0,"embedding":{numbers}}}]}}"#), 1, Err(AnswerFault::Direction));
        }
        for numbers in ["[1e39,1]", "[1e999]", "[NaN]", "[null]", "[\"1\"]", "\"AACAPw==\"", "{}"] {
            check(&format!(r#"{{"data":[{{"index":0,"embedding":{numbers}}}]}}"#), 1, Err(AnswerFault::Form));
        }
    }

    #[test]
    fn another_document_is_refused_without_a_word_of_it() {
        for body in ["", "[]", "{}", r#"{"error":{"message":"hunter2"}}"#, r#"{"data":{"hunter2":1}}"#, "\u{ff}"] {
            check(body, 1, Err(AnswerFault::Form));
            assert_eq!(read_titan_answer(body.as_bytes()), Err(AnswerFault::Form));
        }
        assert!(!AnswerFault::Form.to_string().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn an_answer_is_read_alike_in_any_order(
            vectors in (1_usize..6, 1_usize..5).prop_flat_map(|(texts, dimension)| {
                prop::collection::vec(prop::collection::vec(0.1_f32..9.0, dimension), texts)
            }),
            seed in any::<u64>(),
        ) {
            let mut data: Vec<_> =
                vectors.iter().enumerate().map(|(index, vector)| json!({"index": index, "embedding": vector})).collect();
            data.sort_by_key(|it| seed.wrapping_mul(it["index"].as_u64().unwrap().wrapping_add(0x9e37_79b9)) % 97);
            let body = json!({ "data": data }).to_string();
            let read = read_openai_answer(body.as_bytes(), vectors.len()).unwrap();
            for (read, sent) in read.iter().zip(&vectors) {
                prop_assert_eq!(read.clone(), normalised(sent.clone()).unwrap());
            }
        }

        #[test]
        fn what_is_taken_is_whole_whatever_comes(body in "[\\[\\]{}:,\"a-z0-9.e-]{0,80}", asked in 0_usize..4) {
            let taken = read_openai_answer(body.as_bytes(), asked);
            let one = read_titan_answer(body.as_bytes()).map(|vector| vec![vector]);
            for vectors in [taken, one].into_iter().flatten() {
                for vector in vectors {
                    let length = vector.iter().map(|value| value * value).sum::<f32>();
                    prop_assert!((length - 1.0).abs() < 1e-3);
                }
            }
        }
    }
}
