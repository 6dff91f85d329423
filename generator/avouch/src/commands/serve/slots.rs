//! Which slots of a job are owed: from its schedule, and from what the ledger tells of the job. Nothing is remembered here.

use avouch_model::{
    Timestamp,
    entry::EntryKind,
    payload::{Missed, Payload},
};
use avouch_read::schedule::Slots;
use avouch_record::Ledger;

/// The most slots that are counted at once; what is behind them is counted next.
const SLOTS_MAX: usize = 100_000;

/// Up to where the record tells of every slot of a job: to the last one that ended or was recorded as missed, and otherwise to when
/// the job was promised. What a clock that was ahead left behind tells of nothing that is due by now.
pub(super) fn told_until(ledger: &Ledger, job: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let ended = ledger.standing(job, now)?.ended;
    let promised = ledger.promised(job)?.map(|promised| promised.since).filter(|since| *since <= now);
    Ok(ended.max(last_missed(ledger, job, now)?).max(promised).unwrap_or(now))
}

/// The newest slot that is owed; the ones before it were missed.
pub(super) fn newest(schedule: &Slots, told: Timestamp, now: Timestamp) -> Option<Timestamp> {
    schedule.last(now).filter(|slot| *slot > told)
}

/// The first slots that were missed after `told` and before `end`: those up to `there_since` because no daemon was there, later ones
/// because a job took too long. None when all are told of.
pub(super) fn missed(job: &str, schedule: &Slots, told: Timestamp, end: Timestamp, there_since: Timestamp) -> Vec<Missed> {
    let slots = schedule.between(told, end.plus_seconds(-1), SLOTS_MAX);
    // Whoever came within a second was not there when it began.
    let (down, overran) = slots.split_at(slots.partition_point(|slot| *slot <= there_since));
    let missed = [(down, "down"), (overran, "overran")].into_iter().filter_map(|(slots, why)| {
        let (from, to) = (*slots.first()?, *slots.last()?);
        Some(Missed { v: 1, job: job.to_owned(), from, to, slots: slots.len() as u64, why: why.to_owned() })
    });
    missed.collect()
}

/// The last slot of the job, due by now, that was recorded as missed.
fn last_missed(ledger: &Ledger, job: &str, now: Timestamp) -> anyhow::Result<Option<Timestamp>> {
    let due = |payload| match payload {
        Payload::Missed(missed) if missed.to <= now => Some(missed.to),
        _ => None,
    };
    Ok(ledger.newest(EntryKind::Missed, job, |_, payload| due(payload))?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        // Minutes begin here: 2026-11-18T11:07:00Z.
        Timestamp::from_unix(1_795_000_020 + second)
    }

    #[test]
    fn the_newest_slot_is_owed_and_the_others_were_missed() {
        let schedule = Slots::parse("* * * * * *").unwrap();
        assert_eq!(newest(&schedule, at(0), at(5)), Some(at(5)));
        assert_eq!(newest(&schedule, at(5), at(5)), None);
        let missed = missed("run", &schedule, at(0), at(5), at(3));
        let told: Vec<_> = missed.iter().map(|missed| (missed.from, missed.to, missed.slots, missed.why.as_str())).collect();
        assert_eq!(told, [(at(1), at(3), 3, "down"), (at(4), at(4), 1, "overran")]);
        assert_eq!(super::missed("run", &schedule, at(4), at(5), at(3)), []);
    }

    /// What becomes of a look at the schedule.
    #[derive(Clone, Copy, Debug)]
    enum Fate {
        /// The job ends, this many seconds later.
        Ends(i64),
        /// The process dies before anything is recorded, after what was missed was, or within the job.
        Dies(u8),
        /// The job panics.
        Panics,
        /// The daemon is killed and another one is there after so many seconds.
        Restarts(i64),
    }

    fn fate() -> impl Strategy<Value = Fate> {
        let seconds = || prop_oneof![0..90_i64, 0..20_000_i64];
        prop_oneof![
            4 => seconds().prop_map(Fate::Ends),
            2 => (0..3_u8).prop_map(Fate::Dies),
            1 => Just(Fate::Panics),
            2 => seconds().prop_map(Fate::Restarts),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Held against an oracle that walks from the promise to the end, minute by minute: of every minute that the expression names
        /// it is on record that it was run, or that it was missed, and never both or twice.
        #[test]
        fn of_every_slot_the_record_tells_once(
            every in prop_oneof![Just(1_i64), Just(7), Just(60)],
            fates in proptest::collection::vec((fate(), 1..400_i64), 1..40),
        ) {
            let expression = if every == 60 { "0 0 * * * *".to_owned() } else { format!("0 */{every} * * * *") };
            let schedule = Slots::parse(&expression).unwrap();
            // The ledger, as far as slots go: which ended, and which were recorded as missed.
            let (mut ended, mut last_missed) = (None::<Timestamp>, None::<Timestamp>);
            let (mut there_since, mut now) = (at(0), at(0));
            let mut tells: BTreeMap<Timestamp, u32> = BTreeMap::new();
            for (fate, pause) in fates {
                now = now.plus_seconds(pause);
                let mut told = ended.max(last_missed).unwrap_or(at(0));
                let Some(slot) = newest(&schedule, told, now) else { continue };
                let mut tell = |missed: &Missed| {
                    last_missed = Some(missed.to);
                    let slots = schedule.between(missed.from.plus_seconds(-1), missed.to, usize::MAX);
                    prop_assert_eq!(slots.len() as u64, missed.slots);
                    slots.iter().for_each(|slot| *tells.entry(*slot).or_default() += 1);
                    Ok(())
                };
                if matches!(fate, Fate::Dies(0)) {
                    continue;
                }
                loop {
                    let missed = missed("run", &schedule, told, slot, there_since);
                    let Some(last) = missed.last() else { break };
                    told = last.to;
                    missed.iter().try_for_each(&mut tell)?;
                }
                match fate {
                    Fate::Ends(seconds) => {
                        ended = Some(slot);
                        *tells.entry(slot).or_default() += 1;
                        now = now.plus_seconds(seconds);
                    }
                    Fate::Panics => tell(&Missed { v: 1, job: "run".into(), from: slot, to: slot, slots: 1, why: "panicked".into() })?,
                    Fate::Restarts(seconds) => {
                        now = now.plus_seconds(seconds);
                        there_since = now;
                    }
                    Fate::Dies(_) => there_since = now,
                }
            }
            let told = ended.max(last_missed).unwrap_or(at(0));
            for minute in (at(60).unix()..=told.unix()).step_by(60).map(Timestamp::from_unix) {
                let is_named = minute.unix() / 60 % 60 % every == 0;
                prop_assert_eq!(tells.remove(&minute).unwrap_or(0), u32::from(is_named), "{} of {}", minute, expression);
            }
            prop_assert!(tells.is_empty(), "{:?}", tells);
        }
    }
}
