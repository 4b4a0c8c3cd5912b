//! Whether two networks' hits on the same pictures differ by more than chance: the exact McNemar test.
//!
//! Only the pictures count on which the two disagree. If neither network is better, each of them is a fair coin, so the
//! number in favour of one follows a binomial distribution with p = 1/2 (McNemar, Psychometrika 12, 1947; advised
//! for two classifiers and one test set by Dietterich, Neural Computation 10, 1998, section 3.1). Edwards (Psychometrika
//! 13, 1948) corrects the chi-squared approximation towards this distribution; the sum itself is cheap enough for
//! any number of pictures, so nothing is approximated here.

use std::f64::consts::LN_2;

/// Two-sided p of the exact McNemar test: twice the tail of Binomial(`only_first` + `only_second`, 1/2) up to the smaller
/// count, at most 1. `only_first` are the pictures on which the first alone is right. 0.0 below the range of `f64`.
pub fn mcnemar_exact(only_first: usize, only_second: usize) -> f64 {
    let (few, many) = (only_first.min(only_second), only_first.max(only_second));
    if few == many {
        return 1.0;
    }
    let n = few as f64 + many as f64;
    // The largest term C(n, few) / 2^n, in logarithms since 2^-n leaves the range of f64 beyond n = 1074.
    let ways: f64 = (0..few).map(|i| ((n - i as f64) / (i as f64 + 1.0)).ln()).sum();
    let largest = (ways - n * LN_2).exp();
    // The others as fractions of it, downwards: C(n, i - 1) = C(n, i) * i / (n - i + 1).
    let (mut term, mut sum) = (1.0, 1.0);
    for i in (1..=few).rev() {
        term *= i as f64 / (n - i as f64 + 1.0);
        sum += term;
        if term < sum * f64::EPSILON / 4.0 {
            break;
        }
    }
    (2.0 * largest * sum).min(1.0)
}

/// Holm's step-down adjustment of several tests' p (Holm, Scandinavian Journal of Statistics 6, 1979), in their order:
/// compared with 0.05 they keep the chance of any false alarm among all below 5 %.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut largest) = (vec![1.0; p.len()], 0f64);
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p[i] * (p.len() - rank) as f64).min(1.0));
        adjusted[i] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_close(p: f64, expected: f64) {
        assert!((p - expected).abs() <= 1e-10 * expected, "{p} instead of {expected}");
    }

    #[test]
    fn p_is_that_of_published_examples() {
        // statsmodels, `mcnemar([[101, 121], [59, 33]], exact=True)` of its documentation: 4.434e-06.
        assert_close(mcnemar_exact(121, 59), 4.434_449_263_755_176e-6);
        // R, `exact2x2::mcnemar.exact` on Agresti's approval ratings (86 and 150): 3.716e-05.
        assert_close(mcnemar_exact(86, 150), 3.715_936_139_571_442e-5);
    }

    #[test]
    fn p_is_that_of_exact_fractions() {
        // Python, `2 * sum(Fraction(comb(n, i), 2**n) for i in range(k + 1))`; scipy's `binomtest(k, n).pvalue` is the same.
        for (few, many, p) in [
            (0, 5, 0.0625),
            (0, 6, 0.03125),
            (1, 9, 0.021484375),
            (2, 13, 0.00738525390625),
            (5, 7, 0.7744140625),
            (1000, 1100, 0.030_720_707_864_242_296),
            (4000, 4321, 0.000_450_779_007_689_282_64),
        ] {
            assert_close(mcnemar_exact(few, many), p);
        }
    }

    #[test]
    fn no_disagreement_is_no_evidence() {
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert_eq!(mcnemar_exact(7, 7), 1.0);
        assert_eq!(mcnemar_exact(0, 1), 1.0);
    }

    #[test]
    fn a_million_against_none_is_still_a_number() {
        assert_eq!(mcnemar_exact(1_000_000, 0), 0.0);
        assert!(mcnemar_exact(500_000, 500_001) <= 1.0);
    }

    #[test]
    fn holm_is_that_of_r() {
        // R, `p.adjust(c(0.04, 0.01, 0.03, 0.02), "holm")`.
        let adjusted = holm(&[0.04, 0.01, 0.03, 0.02]);
        for (a, e) in adjusted.iter().zip([0.06, 0.04, 0.06, 0.06]) {
            assert_close(*a, e);
        }
        assert_eq!(holm(&[0.3]), [0.3]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn p_is_a_probability_and_symmetric(b in 0usize..5000, c in 0usize..5000) {
            let p = mcnemar_exact(b, c);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, mcnemar_exact(c, b));
        }

        #[test]
        fn p_falls_with_a_clearer_majority(n in 1usize..3000, few in 1usize..1500) {
            prop_assume!(2 * few <= n);
            prop_assert!(mcnemar_exact(few - 1, n - few + 1) <= mcnemar_exact(few, n - few));
        }

        #[test]
        fn adjusted_p_is_no_smaller_and_keeps_the_order(p in prop::collection::vec(0.0..=1.0f64, 1..12)) {
            let adjusted = holm(&p);
            for i in 0..p.len() {
                prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
