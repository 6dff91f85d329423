//! Principals that a check needs to itself: a limit counts whatever is sent as them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

#[derive(Debug, Default)]
struct Use {
    held: bool,
    last: Option<Instant>,
}

/// When each principal was last used, and which are held.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    each: Mutex<BTreeMap<String, Use>>,
    freed: Condvar,
}

/// A principal that no other check holds until this is dropped.
#[derive(Debug)]
pub struct Alone {
    principal: String,
    principals: Arc<Principals>,
}

impl Principals {
    pub(crate) fn note(&self, principal: &str) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.entry(principal.to_owned()).or_default().last = Some(Instant::now());
    }

    /// Waits until nobody holds the principal, holds it, and waits until it was not used for `rest`.
    pub(crate) fn hold(principals: &Arc<Self>, principal: &str, rest: Duration) -> Alone {
        let mut each = principals.each.lock().unwrap_or_else(PoisonError::into_inner);
        while each.entry(principal.to_owned()).or_default().held {
            each = principals.freed.wait(each).unwrap_or_else(PoisonError::into_inner);
        }
        let entry = each.entry(principal.to_owned()).or_default();
        entry.held = true;
        let wait = entry.last.map_or(Duration::ZERO, |last| rest.saturating_sub(last.elapsed()));
        drop(each);
        let alone = Alone { principal: principal.to_owned(), principals: Arc::clone(principals) };
        std::thread::sleep(wait);
        alone
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let mut each = self.principals.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.entry(self.principal.clone()).or_default().held = false;
        self.principals.freed.notify_all();
    }
}
