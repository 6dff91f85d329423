//! The two limits: per address in memory, per key in the database. Neither lets a request through that it cannot count.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use super::Limits;
use crate::defect::{Chosen, Defect};

/// What a limiter says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It was counted, and may go on.
    Admitted,
    /// The limit is used up; in so many seconds (at least 1) it is not.
    Refused(u32),
}

/// The limiter has no room to count another address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CannotCount;

/// A sliding window per address: a request is admitted when fewer than `limit` were within the window before it.
pub(super) struct AddressLimiter {
    limit: usize,
    window: Duration,
    addresses_max: usize,
    /// Whether an address is let through that there is no room to count.
    is_lenient: bool,
    admitted: Mutex<HashMap<(IpAddr, String), VecDeque<Instant>>>,
}

impl AddressLimiter {
    pub(super) fn of(limits: &Limits, chosen: Chosen) -> Self {
        Self {
            is_lenient: chosen.is(Defect::FullLimiterAdmits),
            ..Self::new(limits.address, limits.address_window, limits.addresses_counted)
        }
    }

    fn new(limit: u32, window: u32, addresses_max: usize) -> Self {
        Self {
            limit: limit as usize,
            window: Duration::from_secs(window.into()),
            addresses_max,
            is_lenient: false,
            admitted: Mutex::new(HashMap::new()),
        }
    }

    /// Counts a request of this address.
    pub(super) fn admit(&self, address: IpAddr, now: Instant) -> Result<Admission, CannotCount> {
        self.admit_apart(address, "", now)
    }

    /// Counts a request of this address apart from those with another word.
    pub(super) fn admit_apart(&self, address: IpAddr, word: &str, now: Instant) -> Result<Admission, CannotCount> {
        let counted = (address, word.to_owned());
        // A count is whole after every statement, so one that a panic left behind can be used.
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |at: &Instant| now.saturating_duration_since(*at) >= self.window;
        if !admitted.contains_key(&counted) && admitted.len() >= self.addresses_max {
            admitted.retain(|_, times| times.back().is_some_and(|last| !over(last)));
            if admitted.len() >= self.addresses_max {
                return if self.is_lenient { Ok(Admission::Admitted) } else { Err(CannotCount) };
            }
        }
        let times = admitted.entry(counted).or_default();
        while times.front().is_some_and(over) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= self.limit => {
                let left = self.window.saturating_sub(now.saturating_duration_since(*first));
                Ok(Admission::Refused(whole_seconds(left)))
            }
            _ => {
                times.push_back(now);
                Ok(Admission::Admitted)
            }
        }
    }
}

fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

/// Counts a request under a key's prefix in `rate_limits`; a sliding window of `window` seconds that ends now.
pub(super) fn admit_key(
    connection: &Connection,
    org: &str,
    prefix: &str,
    now_ms: i64,
    limit: u32,
    window: u32,
) -> rusqlite::Result<Admission> {
    let window_ms = i64::from(window) * 1_000;
    let (count, first): (i64, Option<i64>) = connection
        .prepare_cached("SELECT count(*), min(at) FROM rate_limits WHERE key_prefix = ?1 AND at > ?2")?
        .query_row(params![prefix, now_ms - window_ms], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if count >= i64::from(limit) {
        let left_ms = first.map_or(window_ms, |first| first + window_ms - now_ms).clamp(1, window_ms.max(1));
        return Ok(Admission::Refused(whole_seconds(Duration::from_millis(left_ms.unsigned_abs()))));
    }
    connection
        .prepare_cached("INSERT INTO rate_limits (org_id, key_prefix, at) VALUES (?1, ?2, ?3)")?
        .execute(params![org, prefix, now_ms])?;
    Ok(Admission::Admitted)
}

/// Counts a request under a key's prefix in `rate_limits`; in windows that begin with the clock's multiples of `window` seconds.
pub(super) fn admit_key_by_the_clock(
    connection: &Connection,
    org: &str,
    prefix: &str,
    now_ms: i64,
    limit: u32,
    window: u32,
) -> rusqlite::Result<Admission> {
    let window_ms = (i64::from(window) * 1_000).max(1);
    let past_ms = now_ms.rem_euclid(window_ms);
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM rate_limits WHERE key_prefix = ?1 AND at >= ?2")?
        .query_row(params![prefix, now_ms - past_ms], |row| row.get(0))?;
    if count >= i64::from(limit) {
        return Ok(Admission::Refused(whole_seconds(Duration::from_millis((window_ms - past_ms).unsigned_abs()))));
    }
    connection
        .prepare_cached("INSERT INTO rate_limits (org_id, key_prefix, at) VALUES (?1, ?2, ?3)")?
        .execute(params![org, prefix, now_ms])?;
    Ok(Admission::Admitted)
}

/// Sliding windows per key in memory: every instance of the service counts for itself, and a restart forgets.
#[derive(Default)]
pub(super) struct SlidingWindows(Mutex<HashMap<String, VecDeque<i64>>>);

impl SlidingWindows {
    /// Counts a request under this prefix.
    pub(super) fn admit(&self, prefix: &str, now_ms: i64, limit: u32, window: u32) -> Admission {
        let window_ms = i64::from(window) * 1_000;
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= FixedWindows::KEYS_MAX {
            windows.retain(|_, times| times.back().is_some_and(|last| now_ms - last < window_ms));
        }
        let times = windows.entry(prefix.to_owned()).or_default();
        while times.front().is_some_and(|first| now_ms - first >= window_ms) {
            times.pop_front();
        }
        if times.len() >= limit as usize {
            let left_ms = times.front().map_or(window_ms, |first| first + window_ms - now_ms).max(1);
            return Admission::Refused(whole_seconds(Duration::from_millis(left_ms.unsigned_abs())));
        }
        times.push_back(now_ms);
        Admission::Admitted
    }
}

/// Fixed windows per key, from its first request on: what lets twice the limit through around their edge.
#[derive(Default)]
pub(super) struct FixedWindows {
    windows: Mutex<HashMap<String, (i64, u32)>>,
}

impl FixedWindows {
    /// The most keys that are counted.
    const KEYS_MAX: usize = 10_000;

    /// Counts a request under this prefix.
    pub(super) fn admit(&self, prefix: &str, now_ms: i64, limit: u32, window: u32) -> Admission {
        let window_ms = i64::from(window) * 1_000;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= Self::KEYS_MAX {
            windows.retain(|_, (start, _)| now_ms - *start < window_ms);
        }
        let (start, count) = windows.entry(prefix.to_owned()).or_insert((now_ms, 0));
        if now_ms - *start >= window_ms {
            (*start, *count) = (now_ms, 0);
        }
        if *count >= limit {
            let left_ms = (*start + window_ms - now_ms).max(1);
            return Admission::Refused(whole_seconds(Duration::from_millis(left_ms.unsigned_abs())));
        }
        *count += 1;
        Admission::Admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_sixty_first_request_is_refused_until_the_first_leaves_the_window() {
        let limiter = AddressLimiter::new(60, 60, 10);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        for number in 0..60 {
            assert_eq!(limiter.admit(HOME, at(number * 100)), Ok(Admission::Admitted));
        }
        assert_eq!(limiter.admit(HOME, at(6_000)), Ok(Admission::Refused(54)));
        assert_eq!(limiter.admit(HOME, at(59_999)), Ok(Admission::Refused(1)));
        assert_eq!(limiter.admit(HOME, at(60_000)), Ok(Admission::Admitted));
        assert_eq!(limiter.admit(HOME, at(60_001)), Ok(Admission::Refused(1)));
    }

    #[test]
    fn an_address_too_many_cannot_be_counted_until_others_are_idle() {
        let limiter = AddressLimiter::new(60, 60, 2);
        let start = Instant::now();
        let address = |last| IpAddr::from([127, 0, 0, last]);
        assert_eq!(limiter.admit(address(1), start), Ok(Admission::Admitted));
        assert_eq!(limiter.admit(address(2), start), Ok(Admission::Admitted));
        assert_eq!(limiter.admit(address(3), start), Err(CannotCount));
        assert_eq!(limiter.admit(address(1), start), Ok(Admission::Admitted));
        assert_eq!(limiter.admit(address(3), start + Duration::from_secs(60)), Ok(Admission::Admitted));
    }

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE rate_limits (org_id, key_prefix, at)").unwrap();
        connection
    }

    #[test]
    fn a_double_burst_around_an_edge_is_refused_by_a_sliding_window_only() {
        let connection = table();
        let sliding = |now| admit_key(&connection, "o", "AAAAAAAA", now, 10, 60).unwrap() == Admission::Admitted;
        let windows = FixedWindows::default();
        let fixed = |now| windows.admit("AAAAAAAA", now, 10, 60) == Admission::Admitted;
        let bursts = |admit: &dyn Fn(i64) -> bool| {
            assert!(admit(0));
            (0..9).filter(|_| admit(59_000)).count() + (0..10).filter(|_| admit(61_000)).count()
        };
        assert_eq!(bursts(&sliding), 10);
        assert_eq!(bursts(&fixed), 19);
    }

    #[test]
    fn keys_are_counted_apart_and_a_limit_of_nothing_admits_nothing() {
        let connection = table();
        assert_eq!(admit_key(&connection, "o", "A", 0, 1, 60).unwrap(), Admission::Admitted);
        assert_eq!(admit_key(&connection, "o", "A", 30_000, 1, 60).unwrap(), Admission::Refused(30));
        assert_eq!(admit_key(&connection, "o", "B", 30_000, 1, 60).unwrap(), Admission::Admitted);
        assert_eq!(admit_key(&connection, "o", "C", 30_000, 0, 60).unwrap(), Admission::Refused(60));
    }
}
