//! How gently a purge goes about it.

use std::{
    ops::ControlFlow,
    thread,
    time::{Duration, Instant},
};

/// How much a purge takes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gentleness {
    /// How long one window should keep other writers out, but for time that this thread waits for a processor. Below a step of the poll,
    /// with room for what cannot be foreseen: see `pause_after`.
    pub hold: Duration,
    /// The fewest rows of a window. Every window pays for the edge of each index, however few rows it holds.
    pub rows_min: u64,
    /// The most rows of a window.
    pub rows_max: u64,
    /// The size in bytes at which the write-ahead log is made to start over.
    pub wal_bytes_max: u64,
}

impl Default for Gentleness {
    /// 17 ms, 2,000 to 200,000 rows, 40 MiB.
    fn default() -> Self {
        Self { hold: Duration::from_millis(17), rows_min: 2_000, rows_max: 200_000, wal_bytes_max: 40 * 1024 * 1024 }
    }
}

impl Gentleness {
    /// The rows of the next window, when `rows` took so long: towards `hold`, at most doubled or halved at once.
    pub(crate) fn next(&self, rows: u64, worked: Duration) -> u64 {
        let wanted = u128::from(rows) * self.hold.as_nanos() / worked.as_nanos().max(1);
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        wanted.clamp(rows / 2, rows.saturating_mul(2)).clamp(self.rows_min.max(1), self.rows_max.max(self.rows_min).max(1))
    }
}

/// What happens between two windows: a pause, and the chance to stop.
pub trait Pace {
    /// Waits that long; `Break` ends the purge between two windows.
    fn pause(&mut self, how_long: Duration) -> ControlFlow<()>;

    /// Hears how many of the rows that were due are done, after every window.
    fn told(&mut self, _done: u64, _due: u64) {}

    /// How long ago that was: a claim lasts from when it is made, which may be long after the run began.
    fn elapsed(&self, since: Instant) -> Duration {
        since.elapsed()
    }
}

/// Sleeps, and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sleep;

impl Pace for Sleep {
    fn pause(&mut self, how_long: Duration) -> ControlFlow<()> {
        thread::sleep(how_long);
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(Duration) -> ControlFlow<()>> Pace for F {
    fn pause(&mut self, how_long: Duration) -> ControlFlow<()> {
        self(how_long)
    }
}

/// The pause that lets in whoever waited while the lock was held.
///
/// SQLite's busy handler is a poll, not a queue: it sleeps 1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50 and then 100 ms
/// (SQLite, `sqliteDefaultBusyCallback`). A writer that began to wait when the lock was taken wakes at the sums of these;
/// a pause as long as the sleep that reaches past the end of the hold cannot be slept through.
pub(crate) fn pause_after(held: Duration) -> Duration {
    const SLEEPS: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];
    let mut woken = 0;
    for sleep in SLEEPS {
        woken += sleep;
        if Duration::from_millis(woken) >= held {
            return Duration::from_millis(sleep);
        }
    }
    Duration::from_millis(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a writer that begins to wait at `start` gets in, with holds and pauses taking turns from 0; in milliseconds.
    fn wait(start: u64, hold: u64, pause: u64) -> u64 {
        let (mut now, mut tries) = (start, 0);
        while now % (hold + pause) < hold && now < 60_000 {
            now += [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50].get(tries).copied().unwrap_or(100);
            tries += 1;
        }
        now - start
    }

    #[test]
    fn no_writer_waits_longer_than_one_window() {
        for (hold, pause) in [(1, 1), (3, 2), (8, 5), (18, 10), (33, 15), (53, 20)] {
            assert_eq!(pause_after(Duration::from_millis(hold)), Duration::from_millis(pause));
            let worst = (0..hold + pause).map(|start| wait(start, hold, pause)).max().unwrap();
            assert!(worst <= hold, "hold {hold}, pause {pause}: a writer waits {worst}");
        }
    }

    #[test]
    fn no_writer_waits_longer_than_to_the_step_after_its_window() {
        for hold in 1..=53 {
            let pause = u64::try_from(pause_after(Duration::from_millis(hold)).as_millis()).unwrap();
            let worst = (0..hold + pause).map(|start| wait(start, hold, pause)).max().unwrap();
            let step = [1, 3, 8, 18, 33, 53].into_iter().find(|step| *step >= hold).unwrap();
            assert!(worst <= step, "hold {hold}, pause {pause}: a writer waits {worst}");
        }
    }

    #[test]
    fn a_pause_that_does_not_fit_the_poll_starves_writers() {
        let worst = (0..20).map(|start| wait(start, 18, 2)).max().unwrap();
        assert!(worst > 1_000, "{worst}");
    }

    #[test]
    fn a_window_grows_and_shrinks_towards_the_hold() {
        let gentle = Gentleness::default();
        let after = |rows, millis| gentle.next(rows, Duration::from_millis(millis));
        assert_eq!((after(10_000, 17), after(10_000, 34), after(10_000, 8)), (10_000, 5_000, 20_000));
        assert_eq!((after(10_000, 900), after(10_000, 0)), (5_000, 20_000));
        assert_eq!((after(2_500, 900), after(150_000, 1)), (2_000, 200_000));
    }
}
