//! The parts of a small language model that are large: its layers' weights and its table of words, a byte for each number. A query of ten
//! words waits for the weights to come out of memory: as bytes they are a quarter of what they are as floats, and they are read once, as
//! they lie. What is lost of a vector is a thousandth of its direction. Whatever vector instructions the processor has are found at run time.

mod activation;
mod layer;
mod table;

pub use activation::gelu;
pub use layer::Linear;
pub use table::Table;

#[cfg(test)]
fn numbers(count: usize, seed: u16) -> Vec<f32> {
    (0..count).map(|index| ((index * 31 + usize::from(seed)) % 17) as f32 / 8.0 - 1.0).collect()
}
