//! The parts of a text that the matches of a rule lie in.
//!
//! Why searching them finds what searching everything finds: a rule has a reach only if its matches are at most that long and
//! each holds one of the rule's keywords. So a match lies within the window of that keyword, and windows that touch are one.
//! No match of the search through everything lies across the edge of a window, since its own window would have moved that edge;
//! and a match that begins in a window also ends in it. So both searches try the same places and find the same matches there, in the
//! same order. What stands outside a window stays in view of `\b`, `^` and `$`.

/// Windows of many rules.
pub(super) struct Windows {
    /// By rule; empty for those that no keyword called for.
    of: Vec<Vec<(usize, usize)>>,
    /// The rules that have any, in the order of their first.
    called: Vec<usize>,
    length: usize,
}

impl Windows {
    pub(super) fn new(rules: usize, length: usize) -> Self {
        Self { of: vec![Vec::new(); rules], called: Vec::new(), length }
    }

    /// A keyword of this rule stands at `start..end`. Keywords come in the order of their ends.
    pub(super) fn add(&mut self, rule: usize, start: usize, end: usize, reach: Option<usize>) {
        let Some(windows) = self.of.get_mut(rule) else { return };
        if windows.is_empty() {
            self.called.push(rule);
        }
        let (from, to) = match reach {
            Some(reach) => (end.saturating_sub(reach), start.saturating_add(reach).min(self.length)),
            None => (0, self.length),
        };
        match windows.last_mut() {
            Some(last) if from <= last.1 => {
                last.0 = last.0.min(from);
                last.1 = last.1.max(to);
            }
            _ => windows.push((from, to)),
        }
    }

    /// The rules in order, each with its windows in order.
    pub(super) fn into_iter(mut self) -> impl Iterator<Item = (usize, Vec<(usize, usize)>)> {
        self.called.sort_unstable();
        let mut of = self.of;
        self.called.into_iter().map(move |rule| (rule, of.get_mut(rule).map(std::mem::take).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_touch_are_one() {
        let mut windows = Windows::new(3, 100);
        windows.add(2, 10, 14, Some(8));
        windows.add(2, 18, 22, Some(8));
        windows.add(2, 95, 99, Some(8));
        windows.add(0, 50, 54, None);
        let all: Vec<_> = windows.into_iter().collect();
        assert_eq!(all, [(0, vec![(0, 100)]), (2, vec![(6, 26), (91, 100)])]);
    }
}
