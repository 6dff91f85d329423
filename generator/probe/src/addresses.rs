//! The source addresses of a target's probes: paced, and lent one by one to checks that use one up.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The time that `requests_per_address` counts over.
const MINUTE: Duration = Duration::from_secs(60);

/// The addresses of one target, shared by everything that probes it.
#[derive(Debug)]
pub(crate) struct Addresses {
    per_minute: usize,
    each: Mutex<Vec<Used>>,
}

#[derive(Debug)]
struct Used {
    address: IpAddr,
    sent: VecDeque<Instant>,
    last: Option<Instant>,
    lent: bool,
    /// Not for common use before this: whoever had it alone has used up its allowance.
    rests_until: Option<Instant>,
}

/// An address that nobody else sends from until this is dropped; then it rests.
#[derive(Debug)]
pub struct Lease {
    address: IpAddr,
    rest: Duration,
    addresses: Arc<Addresses>,
}

impl Lease {
    /// The address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = Instant::now();
        for used in self.addresses.lock().iter_mut().filter(|used| used.address == self.address) {
            used.lent = false;
            used.last = Some(now);
            used.rests_until = Some(now + self.rest);
        }
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    Take(T),
    Wait(Duration),
    /// Never: this many are free.
    Never(usize),
}

impl Addresses {
    pub(crate) fn new(addresses: &[IpAddr], per_minute: u32) -> Self {
        Self {
            per_minute: usize::try_from(per_minute).unwrap_or(usize::MAX).max(1),
            each: Mutex::new(
                addresses
                    .iter()
                    .map(|&address| Used { address, sent: VecDeque::new(), last: None, lent: false, rests_until: None })
                    .collect(),
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Used>> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many common requests there may be in a minute; no bound without configured addresses.
    pub(crate) fn capacity(&self) -> usize {
        let each = self.lock();
        if each.is_empty() { usize::MAX } else { each.iter().filter(|used| !used.lent).count().saturating_mul(self.per_minute) }
    }

    /// An address for each of `count` common requests that are sent at once; packed, so that others stay fresh.
    /// Without configured addresses the machine chooses.
    pub(crate) fn allot(&self, count: usize, now: Instant) -> Next<Vec<Option<IpAddr>>> {
        let mut each = self.lock();
        if each.is_empty() {
            return Next::Take(vec![None; count]);
        }
        let capacity = |used: &Used| if used.lent { 0 } else { self.per_minute };
        let total: usize = each.iter().map(capacity).sum();
        if total < count {
            return Next::Never(each.iter().filter(|used| !used.lent).count());
        }
        let mut free = 0;
        let mut soonest = MINUTE;
        for used in each.iter_mut() {
            while used.sent.front().is_some_and(|&sent| now.duration_since(sent) >= MINUTE) {
                used.sent.pop_front();
            }
            let resting = used.rests_until.is_some_and(|until| until > now);
            if let Some(until) = used.rests_until.filter(|_| resting) {
                soonest = soonest.min(until - now);
            } else if !used.lent {
                free += self.per_minute.saturating_sub(used.sent.len());
                if let Some(&oldest) = used.sent.front() {
                    soonest = soonest.min(MINUTE.saturating_sub(now.duration_since(oldest)));
                }
            }
        }
        if free < count {
            return Next::Wait(soonest.max(Duration::from_millis(10)));
        }
        let mut allotted = Vec::with_capacity(count);
        for used in each.iter_mut() {
            if used.lent || used.rests_until.is_some_and(|until| until > now) {
                continue;
            }
            while used.sent.len() < self.per_minute && allotted.len() < count {
                used.sent.push_back(now);
                used.last = Some(now);
                allotted.push(Some(used.address));
            }
        }
        Next::Take(allotted)
    }

    /// Counts what was allotted at `start` as sent at `end`: a burst takes its time, and the target counts from its last.
    pub(crate) fn sent_until(&self, start: Instant, end: Instant) {
        for used in self.lock().iter_mut() {
            for sent in used.sent.iter_mut().filter(|sent| **sent == start) {
                *sent = end;
                used.last = Some(end);
            }
            used.sent.make_contiguous().sort_unstable();
        }
    }

    /// An address that nothing was sent from for `rest`, alone; from the far end, away from the common ones.
    pub(crate) fn lend(addresses: &Arc<Self>, rest: Duration, now: Instant) -> Next<Lease> {
        let mut each = addresses.lock();
        let ready = |used: &Used| {
            let rested = used.last.map_or(Duration::ZERO, |last| rest.saturating_sub(now.duration_since(last)));
            let resting = used.rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
            rested.max(resting)
        };
        let best = each.iter_mut().rev().filter(|used| !used.lent).min_by_key(|used| ready(used));
        match best {
            None => Next::Never(0),
            Some(used) if ready(used) > Duration::ZERO => Next::Wait(ready(used)),
            Some(used) => {
                used.lent = true;
                Next::Take(Lease { address: used.address, rest, addresses: Arc::clone(addresses) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(count: u8, per_minute: u32) -> Arc<Addresses> {
        let list: Vec<IpAddr> = (1..=count).map(|last| IpAddr::from([127, 0, 0, last])).collect();
        Arc::new(Addresses::new(&list, per_minute))
    }

    #[test]
    fn no_address_sends_more_than_its_share_in_a_minute() {
        let (pool, start) = (pool(2, 3), Instant::now());
        let Next::Take(first) = pool.allot(4, start) else { panic!() };
        assert_eq!(first.iter().filter(|each| **each == first[0]).count(), 3);
        assert!(matches!(pool.allot(3, start), Next::Wait(_)));
        assert!(matches!(pool.allot(2, start), Next::Take(_)));
        assert!(matches!(pool.allot(6, start + MINUTE), Next::Take(_)));
        assert_eq!(pool.allot(7, start + MINUTE * 3), Next::Never(2));
    }

    #[test]
    fn what_a_burst_sent_last_counts_from_its_end() {
        let (pool, start) = (pool(1, 3), Instant::now());
        assert!(matches!(pool.allot(3, start), Next::Take(_)));
        pool.sent_until(start, start + MINUTE / 2);
        assert!(matches!(pool.allot(1, start + MINUTE), Next::Wait(_)));
        assert!(matches!(pool.allot(3, start + MINUTE * 2), Next::Take(_)));
    }

    #[test]
    fn a_lent_address_is_not_used_by_others_and_rests_afterwards() {
        let (pool, start) = (pool(2, 5), Instant::now());
        let Next::Take(lease) = Addresses::lend(&pool, MINUTE, start) else { panic!() };
        let Next::Take(common) = pool.allot(5, start) else { panic!() };
        assert!(common.iter().all(|each| *each != Some(lease.address())));
        assert!(matches!(Addresses::lend(&pool, MINUTE, start), Next::Wait(_)));
        drop(lease);
        assert!(matches!(pool.allot(5, start), Next::Wait(_)));
        assert!(matches!(Addresses::lend(&pool, MINUTE, Instant::now()), Next::Wait(_)));
        assert!(matches!(pool.allot(5, Instant::now() + MINUTE * 2), Next::Take(_)));
    }

    #[test]
    fn without_configured_addresses_the_machine_chooses_and_none_is_lent() {
        let pool = pool(0, 1);
        assert_eq!(pool.allot(2, Instant::now()), Next::Take(vec![None, None]));
        assert!(matches!(Addresses::lend(&pool, MINUTE, Instant::now()), Next::Never(0)));
    }
}
