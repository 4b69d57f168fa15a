//! The parts of a small language model that are large: its layers' weights and its table of words, a byte for each number. A query of ten
//! words waits for the weights to come out of memory: as bytes they are a quarter of what they are as floats, and they are read once, as
//! they lie. What is lost of a vector is a thousandth of its direction. Whatever vector instructions the processor has are found at run time.

use pulp::{Arch, Simd, WithSimd};

/// Rows and outputs that are multiplied at once: their sums fit into a processor's registers.
const ROWS: usize = 4;
const OUTPUTS: usize = 3;
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
        if width == 0 || !numbers.len().is_multiple_of(width) {
            return None;
        }
        Self::of_lines(numbers.chunks_exact(width), width)
    }

    /// A table of `lines`, which need not lie side by side. `None`: there are none, or not all have `width` numbers.
    #[must_use]
    pub fn of_lines<'a>(lines: impl ExactSizeIterator<Item = &'a [f32]>, width: usize) -> Option<Self> {
        if width == 0 || lines.len() == 0 {
            return None;
        }
        let (mut bytes, mut scales) = (Vec::with_capacity(lines.len() * width), Vec::with_capacity(lines.len()));
        for line in lines {
            if line.len() != width {
                return None;
            }
            let largest = line.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
            let scale = if largest > 0.0 { largest / LARGEST } else { 1.0 };
            // Whatever is no number is nothing: a cast from one that is out of bounds stops at them.
            bytes.extend(line.iter().map(|number| (number / scale).round() as i8));
            scales.push(scale);
        }
        Some(Self { bytes, scales, width })
    }

    /// How many lines it has.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.scales.len()
    }

    /// A line's numbers; `None`: there is no such line.
    #[must_use]
    pub fn line(&self, index: usize) -> Option<impl Iterator<Item = f32>> {
        let scale = *self.scales.get(index)?;
        let line = self.bytes.chunks_exact(self.width).nth(index)?;
        Some(line.iter().map(move |byte| f32::from(*byte) * scale))
    }
}

/// A layer: `rows × weightsᵀ + bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// A line for each output.
    weights: Table,
    bias: Vec<f32>,
}

impl Linear {
    /// A layer of so many `inputs`. `weights`: a line of them for each output; `bias`: one for each output. `None`: they do not fit together.
    #[must_use]
    pub fn new(weights: &[f32], bias: Vec<f32>, inputs: usize) -> Option<Self> {
        let weights = Table::new(weights, inputs).filter(|weights| weights.lines() == bias.len())?;
        Some(Self { weights, bias })
    }

    /// A layer of these lines of weights, one for each output, and no bias.
    #[must_use]
    pub fn of_table(weights: Table) -> Self {
        let bias = vec![0.0; weights.lines()];
        Self { weights, bias }
    }

    /// How many numbers a row has that comes out.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// What becomes of rows, which lie one after the other. What is left of a row that is not whole is no row.
    #[must_use]
    pub fn forward(&self, rows: &[f32]) -> Vec<f32> {
        let mut products = self.bias.repeat(rows.len() / self.weights.width);
        Arch::new().dispatch(Product { layer: self, rows, products: &mut products });
        products
    }
}

struct Product<'a> {
    layer: &'a Linear,
    rows: &'a [f32],
    /// The bias, until something is added.
    products: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, rows, products } = self;
        let (inputs, outputs) = (layer.weights.width, layer.outputs());
        let scales = layer.weights.scales.chunks(OUTPUTS);
        // A block's weights as floats, unscaled: small enough to stay beside the processor.
        let mut unpacked = vec![0.0; inputs * OUTPUTS];
        for (block, (bytes, scales)) in layer.weights.bytes.chunks(inputs * OUTPUTS).zip(scales).enumerate() {
            let weights = &mut unpacked[..bytes.len()];
            for (weight, byte) in weights.iter_mut().zip(bytes) {
                *weight = f32::from(*byte);
            }
            for (rows, products) in rows.chunks(inputs * ROWS).zip(products.chunks_mut(outputs * ROWS)) {
                let is_whole = rows.len() == inputs * ROWS && weights.len() == inputs * OUTPUTS;
                if is_whole {
                    let sums = tile(simd, rows, weights, inputs);
                    for (products, sums) in products.chunks_exact_mut(outputs).zip(sums) {
                        for ((product, sum), scale) in products[block * OUTPUTS..].iter_mut().zip(sums).zip(scales) {
                            *product += sum * scale;
                        }
                    }
                    continue;
                }
                for (products, row) in products.chunks_exact_mut(outputs).zip(rows.chunks_exact(inputs)) {
                    let products = products[block * OUTPUTS..].iter_mut();
                    for ((product, weights), scale) in products.zip(weights.chunks_exact(inputs)).zip(scales) {
                        *product += dot(simd, row, weights) * scale;
                    }
                }
            }
        }
    }
}
/// The dot products of [`ROWS`] rows and [`OUTPUTS`] lines of weights. No closures: they would be compiled without the vector instructions.
#[inline(always)]
fn tile<S: Simd>(simd: S, rows: &[f32], weights: &[f32], inputs: usize) -> [[f32; OUTPUTS]; ROWS] {
    let ((a, rows), (x, weights)) = (rows.split_at(inputs), weights.split_at(inputs));
    let ((b, rows), (y, z)) = (rows.split_at(inputs), weights.split_at(inputs));
    let (c, d) = rows.split_at(inputs);
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let ((c, c_rest), (d, d_rest)) = (S::as_simd_f32s(c), S::as_simd_f32s(d));
    let ((x, x_rest), (y, y_rest), (z, z_rest)) = (S::as_simd_f32s(x), S::as_simd_f32s(y), S::as_simd_f32s(z));
    let mut sums = [[simd.splat_f32s(0.0); OUTPUTS]; ROWS];
    for ((((((a, b), c), d), x), y), z) in a.iter().zip(b).zip(c).zip(d).zip(x).zip(y).zip(z) {
        let (rows, lines) = ([*a, *b, *c, *d], [*x, *y, *z]);
        for index in 0..ROWS {
            for output in 0..OUTPUTS {
                sums[index][output] = simd.mul_add_e_f32s(rows[index], lines[output], sums[index][output]);
            }
        }
    }
    let (rows, lines) = ([a_rest, b_rest, c_rest, d_rest], [x_rest, y_rest, z_rest]);
    let mut products = [[0.0; OUTPUTS]; ROWS];
    for index in 0..ROWS {
        for output in 0..OUTPUTS {
            products[index][output] = simd.reduce_sum_f32s(sums[index][output]) + plain(rows[index], lines[output]);
        }
    }
    products
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    // Several sums at once: each waits for the one before it.
    let mut sums = [simd.splat_f32s(0.0); 4];
    let ((a_fours, a_left), (b_fours, b_left)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a_fours.iter().zip(b_fours) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_e_f32s(a[lane], b[lane], sums[lane]);
        }
    }
    for (a, b) in a_left.iter().zip(b_left) {
        sums[0] = simd.mul_add_e_f32s(*a, *b, sums[0]);
    }
    let [a, b, c, d] = sums;
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))) + plain(a_rest, b_rest)
}

#[inline(always)]
fn plain(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += a * b;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(count: usize, seed: u16) -> Vec<f32> {
        (0..count).map(|index| ((index * 31 + usize::from(seed)) % 17) as f32 / 8.0 - 1.0).collect()
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_definition(count in 1_usize..10, inputs in 1_usize..70, outputs in 1_usize..9, seed: u16) {
            let (weights, bias, rows) =
                (numbers(inputs * outputs, seed), numbers(outputs, 5), numbers(count * inputs, 3));
            let layer = Linear::new(&weights, bias.clone(), inputs).unwrap();
            let products = layer.forward(&rows);
            prop_assert_eq!(products.len(), count * outputs);
            for (row, products) in rows.chunks(inputs).zip(products.chunks(outputs)) {
                for (output, product) in products.iter().enumerate() {
                    let line: Vec<f32> = layer.weights.line(output).unwrap().collect();
                    let expected = plain(row, &line) + bias[output];
                    prop_assert!((product - expected).abs() < 1e-3, "{product} {expected}");
                }
            }
        }

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
    fn lines_that_lie_apart_make_the_same_table() {
        let numbers = numbers(12, 3);
        let (side_by_side, apart) = (Table::new(&numbers, 4).unwrap(), Table::of_lines(numbers.chunks(4), 4).unwrap());
        assert_eq!((&side_by_side.bytes, &side_by_side.scales), (&apart.bytes, &apart.scales));
        assert!(Table::of_lines([&numbers[..4], &numbers[..3]].into_iter(), 4).is_none());
        assert!(Table::of_lines(std::iter::empty(), 4).is_none());
        assert_eq!(Linear::of_table(apart).forward(&[0.0; 4]), [0.0; 3]);
    }

    #[test]
    fn what_does_not_fit_together_is_no_layer() {
        assert!(Linear::new(&[1.0; 5], vec![0.0; 2], 3).is_none());
        assert!(Linear::new(&[1.0; 6], vec![0.0; 3], 3).is_none());
        assert!(Linear::new(&[], Vec::new(), 3).is_none());
        assert!(Linear::new(&[], vec![0.0], 0).is_none());
    }

    #[test]
    fn a_line_of_nothing_and_what_is_no_number_are_nothing() {
        let table = Table::new(&[0.0, 0.0, f32::NAN, 1.0], 2).unwrap();
        assert_eq!(table.line(0).unwrap().collect::<Vec<_>>(), [0.0, 0.0]);
        assert_eq!(table.line(1).unwrap().collect::<Vec<_>>(), [0.0, 1.0]);
    }
}
