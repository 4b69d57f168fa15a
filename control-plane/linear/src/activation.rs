//! What stands between two layers.

use pulp::{Arch, Simd, WithSimd};

/// Puts each number through the Gaussian error linear unit (Hendrycks and Gimpel 2016), `x · Φ(x)`, exact to a millionth.
pub fn gelu(numbers: &mut [f32]) {
    Arch::new().dispatch(Gelu(numbers));
}

struct Gelu<'a>(&'a mut [f32]);

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for number in self.0 {
            *number *= 0.5 + 0.5 * erf(*number * std::f32::consts::FRAC_1_SQRT_2);
        }
    }
}

/// The error function. Its quotient of polynomials is that of Eigen's `generic_fast_erf_float`: no branches, so that several numbers go
/// through it at once.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const ABOVE: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const BELOW: [f32; 5] = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];
    // Beyond, it is 1 to the last digit.
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let (mut above, mut below) = (ABOVE[0], BELOW[0]);
    for coefficient in &ABOVE[1..] {
        above = above * square + coefficient;
    }
    for coefficient in &BELOW[1..] {
        below = below * square + coefficient;
    }
    x * above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its series (DLMF 7.6.1), in double precision.
    fn series(x: f64) -> f64 {
        let mut term = x;
        let mut sum = 0.0;
        for n in 0..200_u32 {
            sum += term / f64::from(2 * n + 1);
            term *= -x * x / f64::from(n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn it_is_what_its_definition_says_to_a_millionth() {
        let mut numbers: Vec<f32> = (-600..=600).map(|step| step as f32 / 100.0).collect();
        let given = numbers.clone();
        gelu(&mut numbers);
        for (given, got) in given.into_iter().map(f64::from).zip(numbers) {
            let expected = given * 0.5 * (1.0 + series(given / std::f64::consts::SQRT_2));
            assert!((f64::from(got) - expected).abs() < 1e-6 * given.abs().max(1.0), "{given}: {got} {expected}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none_and_what_is_large_is_what_it_tends_to() {
        let mut numbers = [f32::NAN, f32::INFINITY, 1e30, -100.0];
        gelu(&mut numbers);
        assert!(numbers[0].is_nan() && numbers[1].is_infinite());
        assert!((numbers[2] / 1e30 - 1.0).abs() < 1e-6, "{}", numbers[2]);
        assert!(numbers[3].abs() < 1e-5, "{}", numbers[3]);
    }
}
