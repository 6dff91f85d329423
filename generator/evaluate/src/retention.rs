//! How each retention promise stands by its receipts.

use avouch_model::{
    Timestamp,
    assessment::RetentionFinding,
    payload::{Recorded, Scope},
    receipt::{Ended, Promise, Receipt},
    state::State,
};

use crate::record::Record;

/// Receipts are rolled up once a day: that much later than the schedule says is still fresh.
const ROLL_UP_SECONDS: i64 = 86_400;
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
            RetentionFinding {
                promise: promise.clone(),
                state: last.map_or(State::NoData, |(recorded, receipt)| {
                    state(promise, recorded, receipt, scope.run_gap_seconds, record.as_of)
                }),
                last: last.map(|(recorded, receipt)| (recorded.entry.digest, receipt.clone())),
                deleted_30_days: told
                    .filter(|receipt| receipt.to > month)
                    .filter_map(|receipt| receipt.deleted)
                    .fold(0, u64::saturating_add),
                lag_is_large: promise.max_lag.seconds_min().saturating_mul(4) > promise.keep.seconds_min(),
            }
        })
        .collect()
}

fn state(promise: &Promise, recorded: &Recorded, receipt: &Receipt, run_gap: Option<u64>, as_of: Timestamp) -> State {
    // A receipt of another promise proves nothing of this one.
    if (receipt.promise.keep, receipt.promise.max_lag) != (promise.keep, promise.max_lag) {
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
    if as_of > due.plus_seconds(ROLL_UP_SECONDS) {
        return State::Stale;
    }
    State::Pass
}
