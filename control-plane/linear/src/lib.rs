//! A layer's product of rows and weights, as a model of this size wants it. For a query of ten words the time goes into reading the weights:
//! they are read once, as they lie, where a general product packs them anew at each call (11 ms against 9 for the search's model). Whatever
//! vector instructions the processor has are found at run time.

use pulp::{Arch, Simd, WithSimd};

/// Rows and outputs that are multiplied at once: their sums fit into a processor's registers.
const ROWS: usize = 4;
const OUTPUTS: usize = 3;

/// A layer: `rows × weightsᵀ + bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// One line for each output.
    weights: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

impl Linear {
    /// A layer of so many `inputs`. `weights`: a line of them for each output; `bias`: one for each output. `None`: they do not fit together.
    #[must_use]
    pub fn new(weights: Vec<f32>, bias: Vec<f32>, inputs: usize) -> Option<Self> {
        let fits = inputs > 0 && !bias.is_empty() && bias.len().checked_mul(inputs) == Some(weights.len());
        fits.then_some(Self { weights, bias, inputs })
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
        let (inputs, outputs) = (layer.inputs, layer.bias.len());
        for (block, weights) in layer.weights.chunks(inputs * OUTPUTS).enumerate() {
            for (rows, products) in rows.chunks(inputs * ROWS).zip(products.chunks_mut(outputs * ROWS)) {
                let is_whole = rows.len() == inputs * ROWS && weights.len() == inputs * OUTPUTS;
                if is_whole {
                    let sums = tile(simd, rows, weights, inputs);
                    for (products, sums) in products.chunks_exact_mut(outputs).zip(sums) {
                        let products = &mut products[block * OUTPUTS..];
                        products.iter_mut().zip(sums).for_each(|(product, sum)| *product += sum);
                    }
                    continue;
                }
                for (products, row) in products.chunks_exact_mut(outputs).zip(rows.chunks_exact(inputs)) {
                    let products = &mut products[block * OUTPUTS..];
                    for (product, weights) in products.iter_mut().zip(weights.chunks_exact(inputs)) {
                        *product += dot(simd, row, weights);
                    }
                }
            }
        }
    }
}

/// The dot products of [`ROWS`] rows and [`OUTPUTS`] lines of weights.
#[inline(always)]
fn tile<S: Simd>(simd: S, rows: &[f32], weights: &[f32], inputs: usize) -> [[f32; OUTPUTS]; ROWS] {
    let row = |index: usize| split::<S>(&rows[index * inputs..][..inputs]);
    let line = |index: usize| split::<S>(&weights[index * inputs..][..inputs]);
    let ((a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)) = (row(0), row(1), row(2), row(3));
    let ((x, x_rest), (y, y_rest), (z, z_rest)) = (line(0), line(1), line(2));
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
    std::array::from_fn(|index| {
        std::array::from_fn(|output| simd.reduce_sum_f32s(sums[index][output]) + plain(rows[index], lines[output]))
    })
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (split::<S>(a), split::<S>(b));
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
    sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum::<f32>() + plain(a_rest, b_rest)
}

/// As many whole vectors as there are, and the rest.
#[inline(always)]
fn split<S: Simd>(values: &[f32]) -> (&[S::f32s], &[f32]) {
    S::as_simd_f32s(values)
}

#[inline(always)]
fn plain(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_those_of_the_definition(count in 1_usize..10, inputs in 1_usize..70, outputs in 1_usize..9, seed: u16) {
            let value = |index: usize| ((index * 31 + usize::from(seed)) % 17) as f32 / 8.0 - 1.0;
            let weights: Vec<f32> = (0..inputs * outputs).map(value).collect();
            let bias: Vec<f32> = (0..outputs).map(|index| value(index + 5)).collect();
            let rows: Vec<f32> = (0..count * inputs).map(|index| value(index + 3)).collect();
            let products = Linear::new(weights.clone(), bias.clone(), inputs).unwrap().forward(&rows);
            prop_assert_eq!(products.len(), count * outputs);
            for (row, products) in rows.chunks(inputs).zip(products.chunks(outputs)) {
                for (output, product) in products.iter().enumerate() {
                    let expected = plain(row, &weights[output * inputs..][..inputs]) + bias[output];
                    prop_assert!((product - expected).abs() < 1e-4, "{product} {expected}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_together_is_no_layer() {
        assert!(Linear::new(vec![1.0; 5], vec![0.0; 2], 3).is_none());
        assert!(Linear::new(Vec::new(), Vec::new(), 3).is_none());
        assert!(Linear::new(Vec::new(), vec![0.0], 0).is_none());
    }
}
