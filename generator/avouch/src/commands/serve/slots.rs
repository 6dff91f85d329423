//! Which slots of a job are due: from the schedule, and from what the ledger holds of the job. Nothing is remembered here.

use avouch_model::{
    Timestamp,
    entry::EntryKind,
    payload::{Missed, Payload},
};
use avouch_read::schedule::Slots;
use avouch_record::{Ledger, Slot, SlotState};

/// The most missed slots that one look counts; the next look goes on after them.
const SLOTS_MAX: usize = 100_000;
/// How many of the last slots are looked at for one that ended. Abandoned ones follow each other only while daemons die.
const LAST: u32 = 100;

/// What a look at the ledger found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// No slot is due.
    Nothing,
    /// Somebody runs a slot of the job, until this time or longer.
    Held(Timestamp),
    /// This slot, the newest one, is due.
    Due {
        /// When it was due.
        slot: Timestamp,
        /// The ones before it that nobody ran.
        missed: Vec<Missed>,
    },
}

/// Looks at the ledger. A ledger that knows no slot of the job begins with the daemon: what was due before anybody promised
/// to run it was not missed. Slots before the daemon's start were missed because none was there, later ones because the one
/// before them took too long.
pub(super) fn look(ledger: &Ledger, job: &str, schedule: &Slots, started: Timestamp, now: Timestamp) -> anyhow::Result<Look> {
    let last = ledger.slots(job, LAST)?;
    if let Some(until) = last.iter().filter(|slot| slot.state == SlotState::Running).map(|slot| slot.lease_until).max()
        && until >= now
    {
        return Ok(Look::Held(until));
    }
    let from = accounted_until(&last, last_missed(ledger, job)?, started);
    Ok(among(job, &schedule.between(from, now, SLOTS_MAX), started))
}

/// Up to where the record tells of every slot: the last one that ended, or was recorded as missed. One whose daemon died has
/// done neither, and is owed.
fn accounted_until(last: &[Slot], missed: Option<Timestamp>, started: Timestamp) -> Timestamp {
    let ended = last.iter().filter(|slot| slot.state != SlotState::Running).map(|slot| slot.scheduled_for).max();
    let oldest = last.iter().map(|slot| slot.scheduled_for.plus_seconds(-1)).min();
    ended.max(missed).or(oldest).unwrap_or(started)
}

/// The last slot of the job that was recorded as missed.
fn last_missed(ledger: &Ledger, job: &str) -> anyhow::Result<Option<Timestamp>> {
    for entry in ledger.entries()?.iter().rev().filter(|entry| entry.kind == EntryKind::Missed && entry.subject == job) {
        if let Some(state) = ledger.payload(&entry.digest)?
            && let Ok(Payload::Missed(missed)) = state.read(EntryKind::Missed)
        {
            return Ok(Some(missed.to));
        }
    }
    Ok(None)
}

fn among(job: &str, slots: &[Timestamp], started: Timestamp) -> Look {
    let Some((newest, before)) = slots.split_last() else { return Look::Nothing };
    let (down, overran) = before.split_at(before.partition_point(|slot| *slot < started));
    let missed = [(down, "down"), (overran, "overran")].into_iter().filter_map(|(slots, why)| {
        let (from, to) = (*slots.first()?, *slots.last()?);
        Some(Missed { v: 1, job: job.to_owned(), from, to, slots: slots.len() as u64, why: why.to_owned() })
    });
    Look::Due { slot: *newest, missed: missed.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(1_795_000_000 + second)
    }

    fn slot(second: i64, state: SlotState) -> Slot {
        let finished_at = (state != SlotState::Running).then(|| at(second + 1));
        Slot { job: "run".into(), scheduled_for: at(second), state, owner: "a".into(), lease_until: at(second + 90), finished_at }
    }

    #[test]
    fn the_newest_slot_is_run_and_the_others_were_missed() {
        let Look::Due { slot, missed } = among("run", &[at(1), at(2), at(3), at(4), at(5)], at(3)) else {
            panic!("nothing is due")
        };
        assert_eq!(slot, at(5));
        let told: Vec<_> = missed.iter().map(|missed| (missed.from, missed.to, missed.slots, missed.why.as_str())).collect();
        assert_eq!(told, [(at(1), at(2), 2, "down"), (at(3), at(4), 2, "overran")]);
        assert_eq!(among("run", &[at(9)], at(3)), Look::Due { slot: at(9), missed: Vec::new() });
        assert_eq!(among("run", &[], at(3)), Look::Nothing);
    }

    #[test]
    fn a_slot_whose_daemon_died_is_owed_and_one_that_ended_is_not() {
        let abandoned = [slot(60, SlotState::Running), slot(0, SlotState::Finished)];
        assert_eq!(accounted_until(&abandoned, None, at(100)), at(0));
        assert_eq!(accounted_until(&abandoned, Some(at(30)), at(100)), at(30));
        assert_eq!(accounted_until(&abandoned[..1], None, at(100)), at(59));
        assert_eq!(accounted_until(&[slot(60, SlotState::Failed)], None, at(0)), at(60));
        assert_eq!(accounted_until(&[], None, at(100)), at(100));
    }
}
