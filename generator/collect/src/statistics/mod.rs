//! Whether two series that were measured in pairs are alike: exact tests that assume no form of the noise, and three answers.
//!
//! Both tests take the differences of the pairs. The sign test asks on which side of a shift the median lies; the signed-rank
//! test (Wilcoxon) also weighs how far off each pair is, which shows what only sometimes takes longer. Their null
//! distributions are computed whole, ties included, so there is no approximation for large samples. `vectors.json` holds what
//! SciPy says of fixed series (`vectors.py` made it), and the tests hold this file to it.

/// How sure a likeness must be: the largest probability of calling series alike that are a margin apart.
const ALIKE: f64 = 0.05;
/// How sure a difference must be. Two tests look at two sides each, so it stays below `ALIKE` over all four.
const APART: f64 = 0.01;

/// What can be said of two series and a margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They differ by less than the margin.
    Alike,
    /// They differ by more than the margin.
    Apart,
    /// These samples show neither.
    Inconclusive,
}

/// Compares the differences of pairs with a margin on both sides of zero. "Not shown to differ" is not "alike": that takes
/// two one-sided tests against the margin (TOST), and both tests have to agree.
pub(crate) fn compare(differences: &[i64], margin: i64) -> Verdict {
    let (low, high) = (shifted(differences, margin), shifted(differences, -margin));
    let mut alike = true;
    for test in [sign, signed_rank] {
        let (from_below, from_above) = (test(&low), test(&high));
        if from_below.smaller <= APART || from_above.larger <= APART {
            return Verdict::Apart;
        }
        alike &= from_below.larger <= ALIKE && from_above.smaller <= ALIKE;
    }
    if alike { Verdict::Alike } else { Verdict::Inconclusive }
}

/// The probabilities, where the true shift is zero, of what was seen or more in each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tails {
    /// Of a sum as small as this, or smaller: small where the values lie below zero.
    pub(crate) smaller: f64,
    /// Of a sum as large as this, or larger: small where the values lie above zero.
    pub(crate) larger: f64,
}

/// The sign test: how many values lie above zero, among those that are not zero.
pub(crate) fn sign(values: &[i64]) -> Tails {
    let count = values.iter().filter(|value| **value != 0).count();
    let above = values.iter().filter(|value| **value > 0).count();
    tails(&halves(count), above)
}

/// Wilcoxon's signed-rank test: the sum of the ranks of the values above zero; zeros are left out, and equal sizes share the
/// mean of their ranks.
pub(crate) fn signed_rank(values: &[i64]) -> Tails {
    let mut sizes: Vec<(u64, bool)> =
        values.iter().filter(|value| **value != 0).map(|value| (value.unsigned_abs(), *value > 0)).collect();
    sizes.sort_unstable();
    // Twice each rank, so that a shared one is whole: the ranks from `first` to `last` have the mean of these two.
    let mut doubled: Vec<(usize, bool)> = Vec::with_capacity(sizes.len());
    for group in sizes.chunk_by(|left, right| left.0 == right.0) {
        let (first, last) = (doubled.len() + 1, doubled.len() + group.len());
        doubled.extend(group.iter().map(|(_, above)| (first + last, *above)));
    }
    // Each value is as likely above zero as below it: the distribution of the sum, one value after the other.
    let mut chances = vec![1.0];
    for (rank, _) in &doubled {
        let mut next = vec![0.0; chances.len() + rank];
        for (sum, chance) in chances.iter().enumerate() {
            for place in [sum, sum + rank] {
                if let Some(slot) = next.get_mut(place) {
                    *slot += chance / 2.0;
                }
            }
        }
        chances = next;
    }
    tails(&chances, doubled.iter().filter(|(_, above)| *above).map(|(rank, _)| rank).sum())
}

/// The interval of the median at a confidence, by order statistics: none where there are too few values for it.
pub(crate) fn median_interval(values: &[i64], confidence: f64) -> Option<(i64, i64)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let outside = (1.0 - confidence) / 2.0;
    let mut below = 0.0;
    let first = halves(sorted.len()).iter().position(|chance| {
        below += chance;
        below >= outside
    })?;
    let low = first.checked_sub(1)?;
    Some((*sorted.get(low)?, *sorted.get(sorted.len() - first)?))
}

/// The middle value; of an even number the lower one. Zero of none.
pub(crate) fn median<T: Copy + Ord + Default>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn shifted(values: &[i64], by: i64) -> Vec<i64> {
    values.iter().map(|value| value.saturating_add(by)).collect()
}

/// The chances of 0 to `count` heads in as many throws of a fair coin.
fn halves(count: usize) -> Vec<f64> {
    let mut chances = vec![1.0];
    for _ in 0..count {
        let mut next = vec![0.0; chances.len() + 1];
        for (heads, chance) in chances.iter().enumerate() {
            for place in [heads, heads + 1] {
                if let Some(slot) = next.get_mut(place) {
                    *slot += chance / 2.0;
                }
            }
        }
        chances = next;
    }
    chances
}

fn tails(chances: &[f64], seen: usize) -> Tails {
    let (below, above) = chances.split_at(seen.min(chances.len()));
    let here = above.first().copied().unwrap_or_default();
    Tails { smaller: (below.iter().sum::<f64>() + here).min(1.0), larger: above.iter().sum::<f64>().min(1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        differences: Vec<i64>,
        sign_smaller: f64,
        sign_larger: f64,
        rank_smaller: f64,
        rank_larger: f64,
        /// At 90 %; null where SciPy has none.
        median_low: Option<i64>,
        median_high: Option<i64>,
    }

    fn near(ours: f64, theirs: f64) -> bool {
        (ours - theirs).abs() <= 1e-12 + 1e-9 * theirs.abs()
    }

    #[test]
    fn the_tests_agree_with_scipy_on_fixed_series() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
        assert!(vectors.len() >= 20);
        for vector in vectors {
            let (by_sign, by_rank) = (sign(&vector.differences), signed_rank(&vector.differences));
            for (what, ours, theirs) in [
                ("sign, smaller", by_sign.smaller, vector.sign_smaller),
                ("sign, larger", by_sign.larger, vector.sign_larger),
                ("rank, smaller", by_rank.smaller, vector.rank_smaller),
                ("rank, larger", by_rank.larger, vector.rank_larger),
            ] {
                assert!(near(ours, theirs), "{}: {what}: {ours} is not {theirs}", vector.name);
            }
            let interval = median_interval(&vector.differences, 0.9);
            assert_eq!(interval, vector.median_low.zip(vector.median_high), "{}", vector.name);
        }
    }

    /// Twice the rank, among these, of a value of this size.
    fn doubled_rank(values: &[i64], of: i64) -> u64 {
        let smaller = values.iter().filter(|value| value.abs() < of.abs()).count() as u64;
        let equal = values.iter().filter(|value| value.abs() == of.abs()).count() as u64;
        2 * smaller + equal + 1
    }

    proptest! {
        /// Against every assignment of signs.
        #[test]
        fn the_signed_ranks_have_the_chances_of_all_signs(values in prop::collection::vec(-6_i64..=6, 1..9)) {
            let kept: Vec<i64> = values.iter().copied().filter(|value| *value != 0).collect();
            let ranks: Vec<u64> = kept.iter().map(|value| doubled_rank(&kept, *value)).collect();
            let sum = |above: &dyn Fn(usize) -> bool| -> u64 {
                ranks.iter().enumerate().filter(|(place, _)| above(*place)).map(|(_, rank)| rank).sum()
            };
            let seen = sum(&|place| kept[place] > 0);
            let (mut smaller, mut larger) = (0_u32, 0_u32);
            let all = 1_u32 << kept.len();
            for signs in 0..all {
                let other = sum(&|place| signs >> place & 1 == 1);
                smaller += u32::from(other <= seen);
                larger += u32::from(other >= seen);
            }
            let tails = signed_rank(&values);
            prop_assert!(near(tails.smaller, f64::from(smaller) / f64::from(all)));
            prop_assert!(near(tails.larger, f64::from(larger) / f64::from(all)));
        }

        /// What is turned round is told the same, and a verdict never depends on which of the two was called the first.
        #[test]
        fn the_order_of_a_pair_makes_no_difference(values in prop::collection::vec(-40_i64..=40, 0..40), margin in 1_i64..30) {
            let turned: Vec<i64> = values.iter().map(|value| -value).collect();
            prop_assert_eq!(compare(&values, margin), compare(&turned, margin));
        }
    }

    #[test]
    fn three_answers_and_silence_is_inconclusive() {
        let noise = |shift: i64| -> Vec<i64> { (0..30).map(|place| shift + (place * 7 % 11 - 5) * 100).collect() };
        assert_eq!(compare(&noise(0), 5_000), Verdict::Alike);
        assert_eq!(compare(&noise(2_000), 5_000), Verdict::Alike);
        assert_eq!(compare(&noise(5_000), 5_000), Verdict::Inconclusive);
        assert_eq!(compare(&noise(-9_000), 5_000), Verdict::Apart);
        assert_eq!(compare(&noise(0)[..3], 5_000), Verdict::Inconclusive);
        assert_eq!(compare(&[], 5_000), Verdict::Inconclusive);
    }

    #[test]
    fn what_takes_longer_in_some_pairs_only_is_not_alike() {
        // In four of ten pairs one side takes 60 ms longer: the median does not move, the ranks do.
        let sometimes: Vec<i64> = (0..60).map(|place| if place % 5 < 2 { 60_000 } else { (place % 7 - 3) * 100 }).collect();
        assert!(median(&sometimes).abs() < 1_000);
        assert_ne!(compare(&sometimes, 10_000), Verdict::Alike);
    }
}
