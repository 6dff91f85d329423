//! How long a window took.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    time::{Duration, Instant},
};

/// Wall time, and how much of it this thread worked or waited for the disk. On a busy machine it also waits for a processor, which
/// says nothing of how large a window may be.
pub(super) struct Stopwatch {
    wall: Instant,
    /// The file that tells, and what it told.
    queued: Option<(File, Duration)>,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        // Linux, `Documentation/scheduler/sched-stats.rst`.
        let file = File::open("/proc/thread-self/schedstat").ok();
        let queued = file.and_then(|mut file| queued(&mut file).map(|queued| (file, queued)));
        Self { wall: Instant::now(), queued }
    }

    pub(super) fn wall(&self) -> Duration {
        self.wall.elapsed()
    }

    pub(super) fn worked(&mut self) -> Duration {
        let waited = self.queued.as_mut().and_then(|(file, then)| queued(file).map(|now| now.saturating_sub(*then)));
        self.wall().saturating_sub(waited.unwrap_or_default())
    }
}

/// The second field of `schedstat`: nanoseconds on a run queue.
fn queued(file: &mut File) -> Option<Duration> {
    let mut text = [0; 128];
    file.rewind().ok()?;
    let length = file.read(&mut text).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}
