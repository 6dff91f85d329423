//! How each retention promise stands by its receipts.

use std::cmp::Ordering;

use avouch_model::{
    Timestamp,
    assessment::{RetentionFinding, Trend},
    payload::{Recorded, Scope},
    receipt::{Ended, Promise, Receipt, Told},
    state::State,
};

use crate::record::Record;

/// Receipts are rolled up once a day: that much later than the schedule says is still fresh.
const ROLL_UP_SECONDS: i64 = 86_400;
/// How many receipts show where it goes.
const RECENT: usize = 5;
const THIRTY_DAYS: i64 = 30 * 86_400;
/// How far ahead of its entry a receipt may be dated.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// How each promise of the scope in force stands.
pub(crate) fn findings(record: &Record<'_>, scope: &Scope) -> Vec<RetentionFinding> {
    let promises = scope.retention.iter();
    promises
        .map(|promise| {
            let receipts = record.receipts.get(promise.rule.as_str()).map_or(&[][..], Vec::as_slice);
            let last = receipts.last().and_then(|(recorded, receipt)| Some((*recorded, (*receipt)?)));
            let month = record.as_of.plus_seconds(-THIRTY_DAYS);
            let told = receipts.iter().filter_map(|(_, receipt)| *receipt);
            let same: Vec<&Receipt> = told.clone().filter(|receipt| is_of(receipt, promise)).collect();
            let overdue: Vec<Told> =
                same.iter().skip(same.len().saturating_sub(RECENT)).map(|receipt| receipt.overdue()).collect();
            let last_run = last.map(|(_, receipt)| receipt.to);
            let missed_slots = missed_slots(record, last_run);
            RetentionFinding {
                promise: promise.clone(),
                state: last.map_or(State::NoData, |(recorded, receipt)| {
                    state(promise, recorded, receipt, scope.run_gap_seconds, missed_slots, record.as_of)
                }),
                last: last.map(|(recorded, receipt)| (recorded.entry.digest, receipt.clone())),
                deleted_30_days: told
                    .filter(|receipt| receipt.to > month)
                    .filter_map(|receipt| receipt.deleted)
                    .fold(0, u64::saturating_add),
                lag_is_large: promise.max_lag.seconds_min().saturating_mul(4) > promise.keep.seconds_min(),
                trend: trend(&overdue),
                overdue,
                backlog_days: last.and_then(|(_, receipt)| backlog_days(receipt)),
                due_by: last_run.map(|at| promise.max_lag.after(at)),
                missed_slots,
            }
        })
        .collect()
}

fn is_of(receipt: &Receipt, promise: &Promise) -> bool {
    (receipt.promise.keep, receipt.promise.max_lag) == (promise.keep, promise.max_lag)
}

/// By the last two that tell.
fn trend(overdue: &[Told]) -> Option<Trend> {
    let mut told = overdue.iter().rev();
    // What the last one does not tell is not guessed from those before.
    let last = told.next()?.order()?;
    let before = told.find_map(|rows| rows.order())?;
    Some(match last.cmp(&before) {
        Ordering::Less => Trend::Falling,
        Ordering::Equal => Trend::Steady,
        Ordering::Greater => Trend::Rising,
    })
}

/// From the day of the oldest row to that of the cut-off. Tenants may have longer periods: then an old row need not be due.
fn backlog_days(receipt: &Receipt) -> Option<u64> {
    if receipt.ended == Ended::Failed || !receipt.exercised {
        return None;
    }
    if receipt.due_after == Some(0) {
        return Some(0);
    }
    let oldest = receipt.oldest_after.filter(|_| !receipt.promise.exceptions.tenants)?;
    Some(u64::try_from(receipt.cutoff.day().days_since(oldest)).unwrap_or(0))
}

fn missed_slots(record: &Record<'_>, since: Option<Timestamp>) -> u64 {
    let missed = record.missed.iter().filter(|(_, missed)| since.is_none_or(|since| missed.to > since));
    missed.map(|(_, missed)| missed.slots).fold(0, u64::saturating_add)
}

fn state(
    promise: &Promise,
    recorded: &Recorded,
    receipt: &Receipt,
    run_gap: Option<u64>,
    missed_slots: u64,
    as_of: Timestamp,
) -> State {
    // A receipt of another promise proves nothing of this one.
    if !is_of(receipt, promise) {
        return State::NoData;
    }
    if receipt.ended == Ended::Failed || receipt.to > recorded.entry.at.plus_seconds(CLOCK_SKEW_SECONDS) {
        return State::Error;
    }
    // A broken promise does not mend by getting old.
    if !receipt.holds {
        return State::Fail;
    }
    // Of nothing nothing is proven: an emptied table looks like a kept promise.
    if !receipt.exercised {
        return State::NoData;
    }
    let gap = run_gap.and_then(|gap| i64::try_from(gap).ok()).unwrap_or(0);
    let due = promise.max_lag.after(receipt.to).max(receipt.to.plus_seconds(gap));
    // Where a slot was missed, later runs are not awaiting their receipt: the next one writes it at once.
    let roll_up = if missed_slots > 0 { 0 } else { ROLL_UP_SECONDS };
    if as_of > due.plus_seconds(roll_up) {
        return State::Stale;
    }
    State::Pass
}
