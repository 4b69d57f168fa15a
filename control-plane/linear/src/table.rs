//! Lines of numbers, as bytes.

/// The largest number that a byte stands for.
const LARGEST: f32 = 127.0;

/// Lines of numbers, each with a scale of its own.
#[derive(Debug, Clone)]
pub struct Table {
    bytes: Vec<i8>,
    scales: Vec<f32>,
    width: usize,
}

impl Table {
    /// A table of lines of `width` numbers. `None`: they are not so many.
    #[must_use]
    pub fn new(numbers: &[f32], width: usize) -> Option<Self> {
        if width == 0 || numbers.is_empty() || !numbers.len().is_multiple_of(width) {
            return None;
        }
        let lines = numbers.len() / width;
        let (mut bytes, mut scales) = (Vec::with_capacity(numbers.len()), Vec::with_capacity(lines));
        for line in numbers.chunks_exact(width) {
            let (scale, line) = byte_line(line);
            bytes.extend(line);
            scales.push(scale);
        }
        Some(Self { bytes, scales, width })
    }

    /// A line's numbers; `None`: there is no such line.
    #[must_use]
    pub fn line(&self, index: usize) -> Option<impl Iterator<Item = f32>> {
        let scale = *self.scales.get(index)?;
        let line = self.bytes.chunks_exact(self.width).nth(index)?;
        Some(line.iter().map(move |byte| f32::from(*byte) * scale))
    }
}

/// A line's numbers as bytes, and what a byte stands for.
pub(crate) fn byte_line(line: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let largest = line.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let scale = if largest > 0.0 { largest / LARGEST } else { 1.0 };
    // Whatever is no number is nothing: a cast from one that is out of bounds stops at them.
    (scale, line.iter().map(move |number| (number / scale).round() as i8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::numbers;

    proptest! {
        #[test]
        fn a_line_is_what_it_was_but_for_half_a_step(width in 1_usize..50, lines in 1_usize..5, seed: u16) {
            let numbers = numbers(width * lines, seed);
            let table = Table::new(&numbers, width).unwrap();
            for (index, line) in numbers.chunks(width).enumerate() {
                let largest = line.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
                for (kept, number) in table.line(index).unwrap().zip(line) {
                    prop_assert!((kept - number).abs() <= largest / LARGEST * 0.501, "{kept} {number}");
                }
            }
            prop_assert!(table.line(lines).is_none());
        }
    }

    #[test]
    fn a_line_of_nothing_and_what_is_no_number_are_nothing() {
        let table = Table::new(&[0.0, 0.0, f32::NAN, 1.0], 2).unwrap();
        assert_eq!(table.line(0).unwrap().collect::<Vec<_>>(), [0.0, 0.0]);
        assert_eq!(table.line(1).unwrap().collect::<Vec<_>>(), [0.0, 1.0]);
    }

    #[test]
    fn lines_that_are_not_whole_are_no_table() {
        assert!(Table::new(&[1.0; 5], 2).is_none());
        assert!(Table::new(&[], 2).is_none());
        assert!(Table::new(&[1.0], 0).is_none());
    }
}
