//! The nearest of some names to one that is none of them.

/// The way out for a name that does not exist: the nearest that does, or all of them.
pub fn suggestion<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "there are none".to_owned(),
        None if names.len() > 12 => format!("there are {} names; `avouch explain` says how to list them", names.len()),
        None => format!("one of `{}`", names.join("`, `")),
    }
}

/// The nearest of these names, if it is near: at most a third of the letters differ (optimal string alignment).
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let limit = (name.chars().count() / 3).max(1);
    names
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(80).collect(), right.chars().take(80).collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let mut best = (last[column] + usize::from(from != to)).min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && left[row - 1] == *to && *from == right[column - 1] {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_distance_counts_swaps_as_one() {
        assert_eq!(distance("kepe", "keep"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("rate-limit", "rate-limits"), 1);
        assert_eq!(nearest("header-sett", ["header-set", "other"].into_iter()), Some("header-set"));
        assert_eq!(nearest("zzz", ["header-set", "other"].into_iter()), None);
    }

    /// The definition, written down: exponential, and only for a few letters.
    fn slow_distance(left: &[char], right: &[char]) -> usize {
        let (Some((from, left_rest)), Some((to, right_rest))) = (left.split_last(), right.split_last()) else {
            return left.len() + right.len();
        };
        let mut best = slow_distance(left_rest, right_rest) + usize::from(from != to);
        best = best.min(slow_distance(left_rest, right) + 1).min(slow_distance(left, right_rest) + 1);
        if let ([earlier_left @ .., a, b], [earlier_right @ .., c, d]) = (left, right)
            && (a, b) == (d, c)
        {
            best = best.min(slow_distance(earlier_left, earlier_right) + 1);
        }
        best
    }

    proptest! {
        #[test]
        fn the_distance_agrees_with_its_definition(left in "[abc]{0,5}", right in "[abc]{0,5}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(distance(&left, &right), slow_distance(&chars(&left), &chars(&right)));
        }
    }
}
