//! Whatever an embedding API answers: what is taken is a vector of length 1 for each text, all of one dimension, and a refusal says nothing
//! of the answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::search::{read_openai_answer, read_titan_answer};

fuzz_target!(|input: (u8, &[u8])| {
    let (asked, body) = (usize::from(input.0 % 8), input.1);
    if let Ok(vectors) = read_openai_answer(body, asked) {
        assert_eq!(vectors.len(), asked);
        vectors.iter().for_each(|vector| is_direction(vector));
        assert!(vectors.windows(2).all(|pair| pair[0].len() == pair[1].len()));
    }
    if let Ok(vector) = read_titan_answer(body) {
        is_direction(&vector);
    }
});

fn is_direction(vector: &[f32]) {
    let length: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    assert!((length - 1.0).abs() < 1e-2, "{length}");
}
