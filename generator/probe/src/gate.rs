//! How many requests are under way at a target, and checks that need it to themselves for a moment.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

/// The most requests that are under way at a time, but for a burst that a check makes on purpose.
const UNDER_WAY_MAX: usize = 120;

#[derive(Debug, Default)]
struct Open {
    under_way: usize,
    alone: Option<ThreadId>,
}

/// The gate of one target. Whoever has it alone may go through; the others wait until it is free again.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: Mutex<Open>,
    changed: Condvar,
}

/// Leave for so many requests at a time, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    pub(crate) granted: usize,
}

/// While this lives, nothing is sent to the target but by the thread that asked for it. That thread must wait for nothing that
/// another one does at the target.
#[derive(Debug)]
pub struct Undisturbed {
    gate: Arc<Gate>,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be sent; leave for as many of `wanted` as there is room for, and for one at least.
    pub(crate) fn pass(gate: &Arc<Self>, wanted: usize) -> Pass {
        let me = thread::current().id();
        let mut open = gate.lock();
        while open.alone.is_some_and(|alone| alone != me) || open.under_way >= UNDER_WAY_MAX {
            open = gate.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        let granted = wanted.clamp(1, UNDER_WAY_MAX - open.under_way);
        open.under_way += granted;
        Pass { gate: Arc::clone(gate), granted }
    }

    /// Waits until nobody else has the target alone and nothing is under way. Nobody is held back for that: whoever counts comes
    /// when the others are done or listen, so that as little as can be waits for it.
    pub(crate) fn alone(gate: &Arc<Self>) -> Undisturbed {
        let mut open = gate.lock();
        while open.alone.is_some() || open.under_way > 0 {
            open = gate.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        open.alone = Some(thread::current().id());
        Undisturbed { gate: Arc::clone(gate) }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.lock().under_way -= self.granted;
        self.gate.changed.notify_all();
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        self.gate.lock().alone = None;
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn there_is_leave_for_what_there_is_room_for() {
        let gate = Arc::new(Gate::default());
        let most = Gate::pass(&gate, UNDER_WAY_MAX - 1);
        assert_eq!(Gate::pass(&gate, 5).granted, 1);
        drop(most);
        assert_eq!(Gate::pass(&gate, 5).granted, 5);
        assert_eq!(Gate::pass(&gate, 0).granted, 1);
        assert_eq!(gate.lock().under_way, 0);
    }

    #[test]
    fn whoever_is_alone_goes_through_and_others_wait() {
        let gate = Arc::new(Gate::default());
        let (over, alone) = (AtomicBool::new(false), Gate::alone(&gate));
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let _pass = Gate::pass(&gate, 1);
                over.load(Ordering::SeqCst)
            });
            drop(Gate::pass(&gate, 1));
            over.store(true, Ordering::SeqCst);
            drop(alone);
            assert!(other.join().unwrap(), "the other one had to wait");
        });
        drop(Gate::alone(&gate));
    }

    #[test]
    fn nobody_waits_for_one_who_waits_to_be_alone() {
        let gate = Arc::new(Gate::default());
        let first = Gate::pass(&gate, 1);
        thread::scope(|scope| {
            let alone = scope.spawn(|| drop(Gate::alone(&gate)));
            // Whether the other thread waits already or comes later, there is leave while one request is under way.
            let second = Gate::pass(&gate, 1);
            drop(first);
            drop(Gate::pass(&gate, 1));
            drop(second);
            alone.join().unwrap();
        });
    }

    #[test]
    fn being_alone_waits_for_what_is_under_way() {
        let gate = Arc::new(Gate::default());
        let (ended, pass) = (AtomicBool::new(false), Gate::pass(&gate, 2));
        thread::scope(|scope| {
            let alone = scope.spawn(|| {
                let _alone = Gate::alone(&gate);
                ended.load(Ordering::SeqCst)
            });
            ended.store(true, Ordering::SeqCst);
            drop(pass);
            assert!(alone.join().unwrap(), "what was under way had not ended");
        });
    }
}
