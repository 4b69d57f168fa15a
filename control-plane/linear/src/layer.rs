//! Rows times weights.

use pulp::{Arch, Simd, WithSimd, bytemuck};

use crate::table::byte_line;

/// Rows that are multiplied at once: their sums fit into a processor's registers.
const ROWS: usize = 6;
/// Inputs that are taken at once: their weights as floats stay beside the processor.
const DEPTH: usize = 256;

/// A layer: `rows × weightsᵀ + bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// Panel after panel, each of as many outputs as two of this processor's registers hold; in a panel, the first input's weight for each
    /// of its outputs, then the second's. The last panel is filled up with zeros.
    panels: Vec<i8>,
    /// What a byte of each output's weights stands for.
    scales: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

impl Linear {
    /// A layer of so many `inputs`. `weights`: a line of them for each output; `bias`: one for each output. `None`: they do not fit together.
    #[must_use]
    pub fn new(weights: &[f32], bias: Vec<f32>, inputs: usize) -> Option<Self> {
        if inputs == 0 || !weights.len().is_multiple_of(inputs) {
            return None;
        }
        let layer = Self::of_lines(weights.chunks_exact(inputs), inputs)?;
        (layer.outputs() == bias.len()).then_some(Self { bias, ..layer })
    }

    /// A layer of these lines of weights, one for each output, and no bias. They need not lie side by side. `None`: there are none, or not all
    /// have `inputs` numbers.
    #[must_use]
    pub fn of_lines<'a>(lines: impl ExactSizeIterator<Item = &'a [f32]>, inputs: usize) -> Option<Self> {
        let outputs = lines.len();
        if inputs == 0 || outputs == 0 {
            return None;
        }
        let panel = Arch::new().dispatch(PanelWidth);
        let mut panels = vec![0; outputs.next_multiple_of(panel) * inputs];
        let mut scales = Vec::with_capacity(outputs);
        for (output, line) in lines.enumerate() {
            if line.len() != inputs {
                return None;
            }
            let (scale, bytes) = byte_line(line);
            let first = output / panel * panel * inputs + output % panel;
            for (weight, byte) in panels[first..].iter_mut().step_by(panel).zip(bytes) {
                *weight = byte;
            }
            scales.push(scale);
        }
        Some(Self { panels, scales, bias: vec![0.0; outputs], inputs })
    }

    /// How many numbers a row has that comes out.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// What becomes of rows, which lie one after the other. What is left of a row that is not whole is no row.
    #[must_use]
    pub fn forward(&self, rows: &[f32]) -> Vec<f32> {
        let mut products = self.bias.repeat(rows.len() / self.inputs);
        Arch::new().dispatch(Product { layer: self, rows: &abreast(rows, self.inputs), products: &mut products });
        products
    }
}

/// Rows in groups, the numbers of a group's rows at the same input side by side. What is missing of the last group are zeros.
fn abreast(rows: &[f32], inputs: usize) -> Vec<[f32; ROWS]> {
    let groups = rows.chunks(inputs * ROWS);
    let mut abreast = vec![[0.0; ROWS]; groups.len() * inputs];
    for (group, rows) in abreast.chunks_exact_mut(inputs).zip(groups) {
        for (lane, row) in rows.chunks_exact(inputs).enumerate() {
            for (numbers, number) in group.iter_mut().zip(row) {
                numbers[lane] = *number;
            }
        }
    }
    abreast
}

/// How many outputs are summed up at once: two registers of them.
struct PanelWidth;

impl WithSimd for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        2 * S::F32_LANES
    }
}

struct Product<'a> {
    layer: &'a Linear,
    /// A group's inputs after the other's.
    rows: &'a [[f32; ROWS]],
    /// The bias, until something is added.
    products: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, rows, products } = self;
        let (inputs, outputs) = (layer.inputs, layer.outputs());
        let panel = PanelWidth.with_simd(simd);
        let mut unpacked = vec![0.0; DEPTH * panel];
        let panels = layer.panels.chunks_exact(inputs * panel).zip(layer.scales.chunks(panel));
        for (number, (bytes, scales)) in panels.enumerate() {
            for (depth, bytes) in bytes.chunks(DEPTH * panel).enumerate() {
                let weights = &mut unpacked[..bytes.len()];
                for (weight, byte) in weights.iter_mut().zip(bytes) {
                    *weight = f32::from(*byte);
                }
                let weights = S::as_simd_f32s(weights).0.as_chunks().0;
                for (group, products) in products.chunks_mut(outputs * ROWS).enumerate() {
                    let rows = &rows[group * inputs + depth * DEPTH..][..weights.len()];
                    let place = Place { products, outputs, output: number * panel, scales };
                    match place.products.len() / outputs {
                        1 => place.add(&sums::<S, 1>(simd, rows, weights)),
                        2 => place.add(&sums::<S, 2>(simd, rows, weights)),
                        3 => place.add(&sums::<S, 3>(simd, rows, weights)),
                        4 => place.add(&sums::<S, 4>(simd, rows, weights)),
                        5 => place.add(&sums::<S, 5>(simd, rows, weights)),
                        _ => place.add(&sums::<S, ROWS>(simd, rows, weights)),
                    }
                }
            }
        }
    }
}

/// Where sums belong.
struct Place<'a> {
    /// Of one group of rows.
    products: &'a mut [f32],
    outputs: usize,
    /// The first of those that are summed up.
    output: usize,
    /// Of those.
    scales: &'a [f32],
}

impl Place<'_> {
    #[inline(always)]
    fn add<V: bytemuck::Pod, const R: usize>(self, sums: &[[V; 2]; R]) {
        for (products, sums) in self.products.chunks_exact_mut(self.outputs).zip(sums) {
            let sums: &[f32] = bytemuck::cast_slice(sums);
            for ((product, sum), scale) in products[self.output..].iter_mut().zip(sums).zip(self.scales) {
                *product += sum * scale;
            }
        }
    }
}

/// The sums of the first `R` rows with two registers of outputs. No closures: they would be compiled without the vector instructions.
#[inline(always)]
fn sums<S: Simd, const R: usize>(simd: S, rows: &[[f32; ROWS]], weights: &[[S::f32s; 2]]) -> [[S::f32s; 2]; R] {
    let mut sums = [[simd.splat_f32s(0.0); 2]; R];
    for (numbers, weights) in rows.iter().zip(weights) {
        for row in 0..R {
            let number = simd.splat_f32s(numbers[row]);
            sums[row][0] = simd.mul_add_e_f32s(number, weights[0], sums[row][0]);
            sums[row][1] = simd.mul_add_e_f32s(number, weights[1], sums[row][1]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Table, numbers};

    fn check(count: usize, inputs: usize, outputs: usize, seed: u16) -> Result<(), TestCaseError> {
        let (weights, bias, rows) = (numbers(inputs * outputs, seed), numbers(outputs, 5), numbers(count * inputs, 3));
        let layer = Linear::new(&weights, bias.clone(), inputs).unwrap();
        let kept = Table::new(&weights, inputs).unwrap();
        let products = layer.forward(&rows);
        prop_assert_eq!(products.len(), count * outputs);
        for (row, products) in rows.chunks(inputs).zip(products.chunks(outputs)) {
            for (output, product) in products.iter().enumerate() {
                let sum: f32 = kept.line(output).unwrap().zip(row).map(|(weight, number)| weight * number).sum();
                prop_assert!((product - sum - bias[output]).abs() < 1e-3, "{product} {sum} {}", bias[output]);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_definition(
            count in 1..2 * ROWS + 2, inputs in 1_usize..70, outputs in 1_usize..70, seed: u16,
        ) {
            check(count, inputs, outputs, seed)?;
        }

        #[test]
        fn so_they_are_where_inputs_are_taken_piece_by_piece(count in 1..ROWS + 2, inputs in DEPTH - 1..2 * DEPTH + 2) {
            check(count, inputs, 3, 7)?;
        }
    }

    #[test]
    fn no_rows_make_no_products_and_what_is_not_whole_is_no_row() {
        let layer = Linear::new(&[1.0, 1.0], vec![0.5], 2).unwrap();
        assert!(layer.forward(&[]).is_empty());
        assert!(layer.forward(&[1.0]).is_empty());
        assert_eq!(layer.forward(&[1.0, 2.0, 3.0]), [3.5]);
    }

    #[test]
    fn lines_that_lie_apart_make_the_same_layer() {
        let numbers = numbers(12, 3);
        let apart = Linear::of_lines(numbers.chunks(4), 4).unwrap();
        let side_by_side = Linear::new(&numbers, vec![0.0; 3], 4).unwrap();
        assert_eq!((&side_by_side.panels, &side_by_side.scales), (&apart.panels, &apart.scales));
        assert!(Linear::of_lines([&numbers[..4], &numbers[..3]].into_iter(), 4).is_none());
        assert!(Linear::of_lines(std::iter::empty(), 4).is_none());
        assert_eq!(apart.forward(&[0.0; 4]), [0.0; 3]);
    }

    #[test]
    fn what_does_not_fit_together_is_no_layer() {
        assert!(Linear::new(&[1.0; 5], vec![0.0; 2], 3).is_none());
        assert!(Linear::new(&[1.0; 6], vec![0.0; 3], 3).is_none());
        assert!(Linear::new(&[], Vec::new(), 3).is_none());
        assert!(Linear::new(&[], vec![0.0], 0).is_none());
    }
}
