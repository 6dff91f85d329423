//! Retention: the promise, one run of it, and the receipt that is recorded. None of them can hold personal data.

use serde::{Deserialize, Serialize};

use crate::{Span, Timestamp, time::Day};

/// Who deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// avouch deletes when it is asked to.
    Avouch,
    /// The product deletes; avouch only proves.
    Product,
}

/// The public part of a retention rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The rule's name, a slug.
    pub rule: String,
    /// How long rows are kept.
    pub keep: Span,
    /// How much later than `keep` a row may still be there: the longest gap in the schedule, unless configured.
    pub max_lag: Span,
    /// Who deletes.
    pub enforce: Enforcement,
    /// What happens to rows that are over their time.
    #[serde(default, skip_serializing_if = "Fate::is_deleted")]
    pub fate: Fate,
    /// What may keep a row beyond its time, other than the lag.
    #[serde(default, skip_serializing_if = "Exceptions::is_empty")]
    pub exceptions: Exceptions,
}

/// What happens to rows that are over their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// They are deleted.
    #[default]
    Deleted,
    /// What identifies a person is taken out of them.
    Anonymised,
    /// They are moved to an archive.
    Archived,
}

impl Fate {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as `skip_serializing_if` asks")]
    const fn is_deleted(&self) -> bool {
        matches!(self, Self::Deleted)
    }
}

/// What may keep a row beyond its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Only some of the rows are under the rule.
    #[serde(default)]
    pub part: bool,
    /// Rows under a legal hold stay.
    #[serde(default)]
    pub hold: bool,
    /// Tenants may have periods of their own.
    #[serde(default)]
    pub tenants: bool,
}

impl Exceptions {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What one execution of a rule did and proved. Kept in the private store until it is rolled up into a [`Receipt`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRun {
    /// The promise as it stood.
    pub promise: Promise,
    /// Whether rows were deleted, or only looked at.
    pub purged: bool,
    /// When the cut-off was computed.
    pub at: Timestamp,
    /// Rows strictly older than this were due.
    pub cutoff: Timestamp,
    /// Rows due when the run began.
    pub due: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows still older than the cut-off when a second query looked, after the deletion.
    pub due_after: u64,
    /// Rows older than `keep` + `max_lag` when the second query looked: the breach.
    pub overdue_after: u64,
    /// Rows in the table after the run.
    pub rows_after: u64,
    /// Rows whose timestamp is NULL, counted and kept.
    pub undated: u64,
    /// Rows dated more than a day in the future, counted and kept.
    pub future: u64,
    /// The day of the oldest row left.
    pub oldest_after: Option<Day>,
    /// The day of the newest row that was deleted.
    pub newest_deleted: Option<Day>,
    /// How it ended.
    pub ended: Ended,
    /// The number of the claim under which it worked; none when it claimed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<u64>,
    /// Rows that earlier claims deleted and never told of, because they were killed: the journal in the database did.
    #[serde(default)]
    pub recovered: u64,
    /// Rows of other tables that went with the rows they referred to.
    #[serde(default)]
    pub children: u64,
    /// Rows that were due and stay under a legal hold.
    #[serde(default)]
    pub held: u64,
    /// Objects written to the archive.
    #[serde(default)]
    pub archived: u64,
    /// Objects of the archive that may hold rows that stay, or as they were before they changed: their window was begun again, or failed.
    #[serde(default)]
    pub strays: u64,
    /// What was found of the deleted rows in the files of the database after it was compacted; none when nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remnants: Option<Remnants>,
    /// For how long backups, or the provider's way back in time, can restore what was deleted; none: not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_window: Option<Span>,
}

/// How often sampled values of deleted rows were found in the files of a database that was compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remnants {
    /// Values sampled before the deletion.
    pub sampled: u64,
    /// Of these, values found in the files afterwards.
    pub found: u64,
}

impl RetentionRun {
    /// Whether there was a row with a time to look at: of none nothing is proven.
    pub fn exercised(&self) -> bool {
        self.due > 0 || self.deleted > 0 || self.rows_after > self.undated
    }
}

/// How an execution of a rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Done: the post-condition was looked at.
    Done,
    /// The fuse stopped it: more rows were due than the configured fraction. What was deleted until then is counted.
    Fused,
    /// It stopped on an error; what was deleted until then is counted.
    Failed,
}

/// The roll-up of one or more runs of a rule: what is recorded and published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Format version, 1.
    pub v: u32,
    /// The promise as it stood at the last run.
    pub promise: Promise,
    /// The first run covered.
    pub from: Timestamp,
    /// The last run covered.
    pub to: Timestamp,
    /// How many runs are covered.
    pub runs: u64,
    /// How many of them ended otherwise than done.
    pub failures: u64,
    /// The longest time between two consecutive runs, in seconds, counting from the last run of the receipt before.
    pub gap_seconds_max: u64,
    /// Rows deleted over all runs; none when fewer than five, which are not told apart from none, and when nothing is known
    /// because the last run failed: [`Self::removed`] tells which.
    pub deleted: Option<u64>,
    /// The cut-off of the last run.
    pub cutoff: Timestamp,
    /// Rows older than the cut-off after the last run, by the second query; none when few, and when the run failed before it could
    /// look: [`Self::due`] tells which.
    pub due_after: Option<u64>,
    /// Rows older than `keep` + `max_lag` after the last run, by the second query; few are not told apart from none, which
    /// [`Self::holds`] tells, and receipts from before this was told have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_after: Option<u64>,
    /// Whether no row is older than `keep` + `max_lag`, by the second query of the last run.
    pub holds: bool,
    /// Whether any run saw a row with a time: of an emptied table nothing is proven, however well it looks.
    pub exercised: bool,
    /// The day of the oldest row left after the last run; none when fewer than five rows are left.
    pub oldest_after: Option<Day>,
    /// The day of the newest row deleted; none when fewer than five rows were.
    pub newest_deleted: Option<Day>,
    /// How the last run ended.
    pub ended: Ended,
    /// The number of the last claim covered. Numbers that no receipt names were claims that were killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<u64>,
    /// Rows of other tables that went with the rows they referred to; few are not told apart from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<u64>,
    /// Rows that stay under a legal hold after the last run; few are not told apart from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
    /// Rows without a time after the last run; few are not told apart from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undated: Option<u64>,
    /// Rows dated more than a day in the future after the last run; few are not told apart from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub future: Option<u64>,
    /// Objects of the archive that may hold rows that stay, or as they were before they changed. Those of runs that were killed nobody counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strays: Option<u64>,
    /// Whether all that was deleted is gone from the files of the database too: they were compacted, and none of the values
    /// that were sampled before was found. None when nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<bool>,
    /// For how long after the last run backups, or the provider's way back in time, can restore what was deleted, as whoever
    /// runs the product states; none: not stated, and nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_window: Option<Span>,
}

/// A count of rows as receipts tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// That many: none, or at least five.
    Counted(u64),
    /// More than none, and fewer than five; or as many as a receipt from before they were told does not tell.
    Few,
    /// Nobody looked, or nobody told.
    Unknown,
}

impl Told {
    /// Its place from few to many; none when it is not known.
    pub const fn order(self) -> Option<u64> {
        match self {
            Self::Counted(count) => Some(count),
            Self::Few => Some(1),
            Self::Unknown => None,
        }
    }
}

/// Counts below this are not published: a cell of one person is a person.
pub const SMALL_COUNT: u64 = 5;

impl Receipt {
    /// Rolls up runs of one rule, oldest first; none when there are none. `previous` is the last run of the receipt before.
    pub fn of(runs: &[RetentionRun], previous: Option<Timestamp>) -> Option<Self> {
        let (first, last) = (runs.first()?, runs.last()?);
        let public = |count: u64| (count == 0 || count >= SMALL_COUNT).then_some(count);
        let deleted = runs.iter().map(|run| run.deleted.saturating_add(run.recovered)).sum();
        // A run that failed may never have looked: its zeros are no counts.
        let looked_at = |count: u64| public(count).filter(|count| *count > 0 || last.ended != Ended::Failed);
        // Absent where there is nothing to tell, so that the receipts of plain rules stay as short as they were.
        let some = |count: u64| public(count).filter(|count| *count > 0);
        let gone = |run: &RetentionRun| run.remnants.is_some_and(|remnants| remnants.sampled > 0 && remnants.found == 0);
        let changed = |run: &&RetentionRun| run.remnants.is_some() || run.deleted > 0 || run.recovered > 0;
        let looked = runs.iter().any(|run| run.remnants.is_some());
        let strays = runs.iter().map(|run| run.strays).sum();
        let times = previous.into_iter().chain(runs.iter().map(|run| run.at));
        let gaps = times.clone().zip(times.skip(1)).map(|(earlier, later)| later.seconds_since(earlier));
        Some(Self {
            v: 1,
            promise: last.promise.clone(),
            from: first.at,
            to: last.at,
            runs: runs.len() as u64,
            failures: runs.iter().filter(|run| run.ended != Ended::Done).count() as u64,
            gap_seconds_max: gaps.max().and_then(|gap| u64::try_from(gap).ok()).unwrap_or(0),
            deleted: looked_at(deleted),
            cutoff: last.cutoff,
            due_after: looked_at(last.due_after),
            overdue_after: some(last.overdue_after),
            holds: last.ended == Ended::Done && last.overdue_after == 0,
            exercised: runs.iter().any(RetentionRun::exercised),
            oldest_after: last.oldest_after.filter(|_| last.rows_after >= SMALL_COUNT),
            newest_deleted: runs.iter().filter_map(|run| run.newest_deleted).max().filter(|_| deleted >= SMALL_COUNT),
            ended: last.ended,
            claim: runs.iter().filter_map(|run| run.claim).max(),
            children: some(runs.iter().map(|run| run.children).sum()),
            held: some(last.held),
            undated: some(last.undated),
            future: some(last.future),
            strays: Some(strays).filter(|objects| *objects > 0),
            // What a run deleted that failed before it could look is not known to be gone.
            erased: looked.then(|| runs.iter().filter(changed).all(gone)),
            recovery_window: last.recovery_window,
        })
    }

    /// Until when what was deleted can be restored by what is stated; none: not stated.
    pub fn recoverable_until(&self) -> Option<Timestamp> {
        self.recovery_window.map(|window| window.after(self.to))
    }

    /// Whether two runs were further apart than the lag: rows may have stayed longer than was promised, whatever is left now. A slot begins
    /// some seconds late, and a run takes its time.
    pub fn outlasted_lag(&self) -> bool {
        let lag = self.promise.max_lag.seconds_min();
        self.gap_seconds_max > lag.saturating_add((lag / 10).max(60))
    }

    /// How many rows were deleted over all runs.
    pub fn removed(&self) -> Told {
        self.looked_at(self.deleted)
    }

    /// How many rows were still due after the last run.
    pub fn due(&self) -> Told {
        self.looked_at(self.due_after)
    }

    /// Receipts of failed runs once told zeros where nobody had looked: of them only what was counted is known.
    fn looked_at(&self, count: Option<u64>) -> Told {
        match (self.ended, count) {
            (Ended::Failed, None | Some(0)) => Told::Unknown,
            (_, Some(count)) => Told::Counted(count),
            (_, None) => Told::Few,
        }
    }

    /// How many rows were overdue after the last run.
    pub fn overdue(&self) -> Told {
        match (self.ended, self.holds, self.overdue_after) {
            (Ended::Failed, ..) => Told::Unknown,
            (_, _, Some(count)) => Told::Counted(count),
            (Ended::Done, true, None) => Told::Counted(0),
            // Whether a run that the fuse stopped left fewer than five or none is not told.
            (Ended::Done, false, None) => Told::Few,
            (Ended::Fused, _, None) => Told::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(at: i64, deleted: u64) -> RetentionRun {
        let at = Timestamp::from_unix(at);
        let keep = Span::Seconds(7_200);
        RetentionRun {
            promise: Promise {
                rule: "rate_limits".into(),
                keep,
                max_lag: Span::Seconds(900),
                enforce: Enforcement::Avouch,
                fate: Fate::Deleted,
                exceptions: Exceptions::default(),
            },
            purged: true,
            at,
            cutoff: keep.before(at),
            due: deleted,
            deleted,
            due_after: 0,
            overdue_after: 0,
            rows_after: 40,
            undated: 0,
            future: 0,
            oldest_after: Some(at.day()),
            newest_deleted: (deleted > 0).then(|| at.day()),
            ended: Ended::Done,
            claim: None,
            recovered: 0,
            children: 0,
            held: 0,
            archived: 0,
            strays: 0,
            remnants: None,
            recovery_window: None,
        }
    }

    #[test]
    fn how_long_it_can_be_restored_is_as_stated_and_old_receipts_state_nothing() {
        let stated = RetentionRun { recovery_window: Some(Span::Seconds(30 * 86_400)), ..run(1_000_000, 9) };
        let receipt = Receipt::of(&[run(900_000, 9), stated], None).unwrap();
        assert_eq!(receipt.recoverable_until(), Some(Timestamp::from_unix(1_000_000 + 30 * 86_400)));
        let old = r#"{"v":1,"promise":{"rule":"a","keep":"2 hours","max_lag":"1 day","enforce":"avouch"},"from":"2026-11-21T03:00:00Z",
            "to":"2026-11-21T03:00:00Z","runs":1,"failures":0,"gap_seconds_max":0,"deleted":null,"cutoff":"2026-11-21T01:00:00Z",
            "due_after":0,"holds":true,"exercised":true,"oldest_after":null,"newest_deleted":null,"ended":"done"}"#;
        let old: Receipt = serde_json::from_str(old).unwrap();
        assert_eq!((old.recovery_window, old.recoverable_until(), old.overdue()), (None, None, Told::Counted(0)));
        // What states nothing is written as it was before it could.
        assert!(!serde_json::to_string(&old).unwrap().contains("recovery"));
    }

    #[test]
    fn overdue_rows_are_told_unless_they_are_few() {
        let overdue = |overdue_after, ended| {
            Receipt::of(&[RetentionRun { overdue_after, ended, ..run(1_000_000, 9) }], None).unwrap().overdue()
        };
        assert_eq!(overdue(0, Ended::Done), Told::Counted(0));
        assert_eq!((overdue(4, Ended::Done), overdue(5, Ended::Done)), (Told::Few, Told::Counted(5)));
        assert_eq!((overdue(9, Ended::Fused), overdue(0, Ended::Fused)), (Told::Counted(9), Told::Unknown));
        assert_eq!(overdue(9, Ended::Failed), Told::Unknown);
    }

    #[test]
    fn what_a_failed_run_never_looked_at_is_not_known() {
        let failed = |deleted, due_after| {
            let run =
                RetentionRun { ended: Ended::Failed, due_after, rows_after: 0, oldest_after: None, ..run(1_000_000, deleted) };
            Receipt::of(&[run], None).unwrap()
        };
        let unopened = failed(0, 0);
        assert_eq!((unopened.deleted, unopened.due_after), (None, None), "a zero would be signed as if it were counted");
        assert_eq!((unopened.removed(), unopened.due()), (Told::Unknown, Told::Unknown));
        // Receipts from before hold zeros: they are read, and not believed.
        let old = Receipt { deleted: Some(0), due_after: Some(0), ..unopened };
        assert_eq!((old.removed(), old.due()), (Told::Unknown, Told::Unknown));
        let stopped = failed(7, 13);
        assert_eq!((stopped.removed(), stopped.due()), (Told::Counted(7), Told::Counted(13)));
        let done = Receipt::of(&[run(1_000_000, 0)], None).unwrap();
        assert_eq!((done.removed(), done.due()), (Told::Counted(0), Told::Counted(0)));
    }

    #[test]
    fn what_killed_runs_deleted_is_told_by_the_next() {
        let recovered = RetentionRun { recovered: 40, claim: Some(7), ..run(1_000_000, 9) };
        let receipt = Receipt::of(&[recovered, run(1_000_900, 1)], None).unwrap();
        assert_eq!((receipt.deleted, receipt.claim), (Some(50), Some(7)));
    }

    #[test]
    fn a_gap_longer_than_the_lag_is_told_and_one_of_a_late_slot_is_not() {
        let outlasted =
            |seconds: i64| Receipt::of(&[run(1_000_000, 9), run(1_000_000 + seconds, 0)], None).unwrap().outlasted_lag();
        assert_eq!([900, 990, 991, 86_400].map(outlasted), [false, false, true, true]);
        let later = Receipt::of(&[run(1_000_000, 9)], Some(Timestamp::from_unix(1_000_000 - 7_200))).unwrap();
        assert!(later.outlasted_lag(), "from the last run of the receipt before");
    }

    #[test]
    fn rows_that_no_cutoff_reaches_are_told_unless_they_are_few() {
        let told = |undated, future, strays| {
            let receipt = Receipt::of(
                &[RetentionRun { strays, ..run(1_000_000, 9) }, RetentionRun { undated, future, ..run(1_000_900, 9) }],
                None,
            );
            let receipt = receipt.unwrap();
            (receipt.undated, receipt.future, receipt.strays)
        };
        assert_eq!(told(5, 7, 1), (Some(5), Some(7), Some(1)));
        assert_eq!(told(4, 0, 0), (None, None, None));
    }

    #[test]
    fn erased_is_only_said_when_somebody_looked_and_found_nothing() {
        let looked = |sampled, found| RetentionRun { remnants: Some(Remnants { sampled, found }), ..run(1_000_000, 9) };
        let erased = |runs: &[RetentionRun]| Receipt::of(runs, None).unwrap().erased;
        assert_eq!(erased(&[run(1_000_000, 9)]), None);
        assert_eq!(erased(&[looked(32, 0)]), Some(true));
        assert_eq!(erased(&[looked(32, 1), looked(32, 0)]), Some(false));
        assert_eq!(erased(&[looked(0, 0)]), Some(false));
        // A run that failed before it looked left what it deleted, or what a killed one did; one that deleted nothing left nothing.
        let failed = RetentionRun { ended: Ended::Failed, ..run(1_000_900, 3) };
        assert_eq!(erased(&[looked(32, 0), failed]), Some(false));
        assert_eq!(erased(&[RetentionRun { recovered: 3, ..run(1_000_000, 0) }, looked(32, 0)]), Some(false));
        assert_eq!(erased(&[looked(32, 0), run(1_000_900, 0)]), Some(true));
    }

    #[test]
    fn small_counts_are_not_told_apart() {
        let receipt = Receipt::of(&[run(1_000_000, 4)], None).unwrap();
        assert_eq!((receipt.deleted, receipt.newest_deleted), (None, None));
        assert_eq!(Receipt::of(&[run(1_000_000, 0)], None).unwrap().deleted, Some(0));
        assert_eq!(Receipt::of(&[run(1_000_000, 3), run(1_000_900, 2)], None).unwrap().deleted, Some(5));
    }

    #[test]
    fn the_longest_gap_counts_from_the_receipt_before() {
        let receipt = Receipt::of(&[run(1_000_000, 9), run(1_000_900, 9)], Some(Timestamp::from_unix(990_000))).unwrap();
        assert_eq!((receipt.gap_seconds_max, receipt.runs), (10_000, 2));
    }

    #[test]
    fn of_no_row_with_a_time_nothing_is_proven() {
        let with = |due, rows_after, undated| RetentionRun { rows_after, undated, ..run(1_000_000, due) };
        let exercised = |runs: &[RetentionRun]| Receipt::of(runs, None).unwrap().exercised;
        assert!(exercised(&[with(0, 1, 0)]) && exercised(&[with(9, 0, 0)]));
        assert!(!exercised(&[with(0, 0, 0)]) && !exercised(&[with(0, 7, 7)]));
        assert!(exercised(&[with(9, 0, 0), with(0, 0, 0)]), "a table that is quiet for a while was full before");
    }

    #[test]
    fn a_run_that_did_not_end_well_does_not_hold() {
        let mut failed = run(1_000_000, 0);
        failed.ended = Ended::Fused;
        let receipt = Receipt::of(&[failed], None).unwrap();
        assert!(!receipt.holds);
        assert_eq!(receipt.failures, 1);
        assert_eq!(Receipt::of(&[], None), None);
    }
}
