//! How many requests are made: fewer than what Cloudflare lets every user have.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many at once. With three a second they are 1,140 in five minutes; the limit is 1,200 (Cloudflare, "API rate limits").
const BURST: f64 = 240.0;
const PER_SECOND: f64 = 3.0;

/// All of this process count together: the limit is that of the user, whatever the token.
static BUDGET: Mutex<Option<Budget>> = Mutex::new(None);

/// What is left, and when that was.
#[derive(Clone, Copy)]
struct Budget {
    left: f64,
    at: Instant,
}

impl Budget {
    /// Takes one, and tells how long to wait before it may be used.
    fn take(&mut self, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND;
        *self = Self { left: (self.left + gained).min(BURST) - 1.0, at: now.max(self.at) };
        Duration::from_secs_f64((-self.left / PER_SECOND).max(0.0))
    }
}

/// How long to wait before the next request.
pub(super) fn wait() -> Duration {
    let now = Instant::now();
    let mut budget = BUDGET.lock().unwrap_or_else(PoisonError::into_inner);
    budget.get_or_insert(Budget { left: BURST, at: now }).take(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_five_minutes_see_more_than_cloudflare_allows() {
        let start = Instant::now();
        let mut budget = Budget { left: BURST, at: start };
        let (mut now, mut sent) = (start, Vec::new());
        for _ in 0..3_000 {
            now += budget.take(now);
            sent.push(now);
        }
        assert_eq!(sent[239], start);
        assert!(sent.windows(1_200).all(|some| some[1_199] - some[0] >= Duration::from_secs(300)));
        // A long rest earns no more than a burst.
        budget.take(now + Duration::from_secs(9_999));
        assert!((budget.left - (BURST - 1.0)).abs() < 0.01);
    }
}
