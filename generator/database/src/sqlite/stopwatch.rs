//! How long a window took.

use std::{
    fs,
    time::{Duration, Instant},
};

/// Wall time, and the time that this thread was on a processor: on a busy machine the two differ, and only the second
/// tells how large a window may be.
pub(super) struct Stopwatch {
    wall: Instant,
    worked: Option<Duration>,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { wall: Instant::now(), worked: processor_time() }
    }

    pub(super) fn wall(&self) -> Duration {
        self.wall.elapsed()
    }

    pub(super) fn worked(&self) -> Duration {
        let worked = processor_time().zip(self.worked).map(|(now, then)| now.saturating_sub(then));
        worked.unwrap_or_else(|| self.wall())
    }
}

/// Nanoseconds on a processor (Linux, `Documentation/scheduler/sched-stats.rst`, first field); none elsewhere.
fn processor_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
