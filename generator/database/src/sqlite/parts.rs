//! How many rows a window takes before it commits: as many as fit into the time that others may be locked out.
//!
//! What a row costs is known only afterwards: it depends on the indexes, on what is in memory, and on the disk. So a window is done
//! in parts, and ends by the clock.

use std::time::Duration;

/// So many parts a window should have.
const PARTS: u32 = 12;
/// After so many windows in which nobody else wrote they may take longer: a writer that comes then waits once for a long one.
const WINDOWS_ALONE: u32 = 16;
/// How much longer: of 17 ms they become 30, and a writer that polls as SQLite does (1, 3, 8, 18, 33 ms) waits for 33 ms at most.
const LONGER: f64 = 1.75;
/// The rows of the first part, of which nothing is known, and the fewest and the most of any.
const ROWS_FIRST: u64 = 200;
const ROWS: std::ops::RangeInclusive<u64> = 16..=5_000;

/// What a commit takes beside the work before it, as long as none was seen.
const COMMIT_FIRST: f64 = 0.5;

/// How a window is cut into parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    hold: Duration,
    rows_min: u64,
    rows: u64,
    /// What a commit takes, as a share of the work before it.
    commit: f64,
    /// In how many windows nobody else wrote.
    alone: u32,
}

impl Parts {
    /// Windows that hold the lock so long at most, however few rows that is, down to `rows_min`.
    pub(super) fn of(hold: Duration, rows_min: u64) -> Self {
        Self { hold, rows_min, rows: ROWS_FIRST, commit: COMMIT_FIRST, alone: 0 }
    }

    /// The rows of the next part.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Hears whether somebody else wrote since the window before.
    pub(super) fn beside(&mut self, others_write: bool) {
        self.alone = if others_write { 0 } else { self.alone.saturating_add(1) };
    }

    fn hold(&self) -> Duration {
        if self.alone < WINDOWS_ALONE { self.hold } else { self.hold.mul_f64(LONGER) }
    }

    /// Hears how long a part took, and says whether another one fits, after so many `rows` in so much time.
    pub(super) fn another(&mut self, took: Duration, rows: u64, worked: Duration) -> bool {
        let share = self.hold() / PARTS;
        let wanted = u128::from(self.rows) * share.as_nanos() / took.as_nanos().max(1);
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).clamp(self.rows / 2, self.rows.saturating_mul(2));
        self.rows = wanted.clamp(*ROWS.start(), *ROWS.end());
        rows < self.rows_min || (worked + share.max(took)).mul_f64(1.0 + self.commit) <= self.hold()
    }

    /// Hears how long a window worked before its commit, and with it.
    pub(super) fn committed(&mut self, before: Duration, worked: Duration) {
        let seen = worked.saturating_sub(before).as_secs_f64() / before.as_secs_f64().max(1e-6);
        // A slow one is remembered for a while.
        self.commit = seen.max(self.commit * 0.8 + seen * 0.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// How long a window works when each row takes so long, and a commit so long for every row; and how many rows it has.
    fn window(parts: &mut Parts, row: Duration, commit: Duration) -> (Duration, u64) {
        let (mut rows, mut worked) = (0, Duration::ZERO);
        loop {
            let took = row * u32::try_from(parts.rows()).unwrap();
            (rows, worked) = (rows + parts.rows(), worked + took);
            if !parts.another(took, rows, worked) {
                let all = worked + commit * u32::try_from(rows).unwrap();
                parts.committed(worked, all);
                return (all, rows);
            }
        }
    }

    #[test]
    fn a_window_ends_within_its_hold_whatever_a_row_costs() {
        for micros in [1, 2, 10, 50] {
            let mut parts = Parts::of(16 * MILLISECOND, 1);
            let (row, commit) = (Duration::from_micros(micros), Duration::from_micros(micros) / 4);
            // The first knows nothing of commits.
            window(&mut parts, row, commit);
            for _ in 0..20 {
                let (worked, _) = window(&mut parts, row, commit);
                assert!((11 * MILLISECOND..=16 * MILLISECOND).contains(&worked), "{micros} µs a row: {worked:?}");
            }
        }
    }

    #[test]
    fn rows_that_become_dearer_make_one_window_longer_by_one_part() {
        let mut parts = Parts::of(16 * MILLISECOND, 1);
        let (cheap, dear) = (Duration::from_micros(1), Duration::from_micros(10));
        for _ in 0..5 {
            window(&mut parts, cheap, Duration::ZERO);
        }
        assert!(window(&mut parts, dear, Duration::ZERO).0 <= 26 * MILLISECOND);
        assert!(window(&mut parts, dear, Duration::ZERO).0 <= 16 * MILLISECOND);
    }

    #[test]
    fn alone_windows_become_longer_until_somebody_writes() {
        let mut parts = Parts::of(16 * MILLISECOND, 1);
        let row = Duration::from_micros(1);
        (0..20).for_each(|_| {
            window(&mut parts, row, Duration::ZERO);
            parts.beside(false);
        });
        assert!((24 * MILLISECOND..=28 * MILLISECOND).contains(&window(&mut parts, row, Duration::ZERO).0));
        parts.beside(true);
        assert!(window(&mut parts, row, Duration::ZERO).0 <= 16 * MILLISECOND);
    }

    #[test]
    fn a_window_has_its_fewest_rows_however_long_they_take() {
        let mut parts = Parts::of(16 * MILLISECOND, 2_000);
        let (worked, rows) = window(&mut parts, Duration::from_micros(100), Duration::ZERO);
        assert!((2_000..2_400).contains(&rows), "{rows} rows in {worked:?}");
    }
}
