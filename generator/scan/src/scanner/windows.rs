//! The parts of a text that the matches of a rule lie in.
//!
//! Why searching them finds what searching everything finds: a rule has a reach only if each of its matches holds one of the rule's
//! keywords and is at most that long, or cannot hold the end of a line, or both. So a match lies within the window of that keyword, and windows that touch are one.
//! No match of the search through everything lies across the edge of a window, since its own window would have moved that edge;
//! and a match that begins in a window also ends in it. So both searches try the same places and find the same matches there, in the
//! same order. What stands outside a window stays in view of `\b`, `^` and `$`.
//!
//! Where each match begins with a keyword, the places of the keywords are all that is needed: the search through everything finds
//! its matches at the first of these places that has one, then at the first after its end.

use memchr::{memchr, memrchr};

use crate::pattern::Reach;

/// Windows of many rules.
pub(super) struct Windows<'t> {
    text: &'t [u8],
    /// By rule; empty for those that no keyword called for.
    of: Vec<Vec<(usize, usize)>>,
    /// The rules that have any, in the order of their first.
    called: Vec<usize>,
    /// The line that was looked at last, without its end.
    line: (usize, usize),
}

impl<'t> Windows<'t> {
    pub(super) fn new(rules: usize, text: &'t [u8]) -> Self {
        Self { text, of: vec![Vec::new(); rules], called: Vec::new(), line: (1, 0) }
    }

    /// A keyword of this rule stands at `start..end`. Keywords come in the order of their ends.
    pub(super) fn add(&mut self, rule: usize, start: usize, end: usize, reach: Reach) {
        if reach.begins {
            let Some(places) = self.of.get_mut(rule) else { return };
            if places.is_empty() {
                self.called.push(rule);
            }
            places.push((start, start));
            return;
        }
        let (mut from, mut to) = match reach.bytes {
            Some(reach) => (end.saturating_sub(reach), start.saturating_add(reach).min(self.text.len())),
            None => (0, self.text.len()),
        };
        if reach.line {
            let line = self.line_of(start, end);
            (from, to) = (from.max(line.0), to.min(line.1));
        }
        let Some(windows) = self.of.get_mut(rule) else { return };
        if windows.is_empty() {
            self.called.push(rule);
        }
        match windows.last_mut() {
            Some(last) if from <= last.1 => {
                last.0 = last.0.min(from);
                last.1 = last.1.max(to);
            }
            _ => windows.push((from, to)),
        }
    }

    /// The line that a keyword stands on: from after the end of the one before to its own end. A keyword that holds the end of a
    /// line stands on both.
    fn line_of(&mut self, start: usize, end: usize) -> (usize, usize) {
        if !(self.line.0 <= start && end <= self.line.1) {
            let before = self.text.get(..start).unwrap_or_default();
            let after = self.text.get(end..).unwrap_or_default();
            self.line =
                (memrchr(b'\n', before).map_or(0, |at| at + 1), memchr(b'\n', after).map_or(self.text.len(), |at| end + at));
        }
        self.line
    }

    /// The rules in order, each with its windows in order; those of a rule whose matches begin with a keyword are places, empty.
    pub(super) fn into_iter(mut self) -> impl Iterator<Item = (usize, Vec<(usize, usize)>)> {
        self.called.sort_unstable();
        let mut of = self.of;
        self.called.into_iter().map(move |rule| {
            let mut windows = of.get_mut(rule).map(std::mem::take).unwrap_or_default();
            // Keywords come in the order of their ends, and two of them may begin at one place.
            if windows.first().is_some_and(|(from, to)| from == to) {
                windows.sort_unstable();
                windows.dedup();
            }
            (rule, windows)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_touch_are_one() {
        let text = [b"x".repeat(40), b"y".repeat(59)].join(&b'\n');
        let mut windows = Windows::new(4, &text);
        let near = Reach { bytes: Some(8), line: false, begins: false };
        windows.add(2, 10, 14, near);
        windows.add(1, 38, 40, Reach { bytes: None, line: true, begins: false });
        windows.add(3, 38, 40, Reach { bytes: Some(8), line: true, begins: false });
        windows.add(2, 18, 22, near);
        windows.add(0, 50, 54, Reach::WHOLE);
        windows.add(1, 60, 64, Reach { bytes: None, line: true, begins: false });
        windows.add(2, 95, 99, near);
        let all: Vec<_> = windows.into_iter().collect();
        assert_eq!(all, [(0, vec![(0, 100)]), (1, vec![(0, 40), (41, 100)]), (2, vec![(6, 26), (91, 100)]), (3, vec![(32, 40)])]);
    }
}
