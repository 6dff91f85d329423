//! What a rule would do now.

use avouch_database::{Read, open_read};
use avouch_model::{Digest, Span, Timestamp, canonical, receipt::Promise, time::Day};
use serde::{Deserialize, Serialize};

use crate::{
    Asked, Encoding, RetainError, obstacles,
    place::{self, Place},
    survey::{self, Survey, cutoffs, database},
};

/// That many rows in the future are mistakes in rows; more, if they are also more than one in a hundred, are a clock that is
/// wrong.
const FUTURE_ROWS: u64 = 10;
/// 2026-11-01T00:00:00Z: no rule was executed by this program before.
const PROGRAM_MADE: i64 = 1_793_491_200;
/// How far the database's own clock may be from ours, in seconds.
const CLOCKS_DIFFER: u64 = 60;

/// What a rule would delete now. Holds counts and days, and no value of any row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The rule as it is promised.
    pub promise: Promise,
    /// When the plan was made.
    pub at: Timestamp,
    /// Rows strictly older than this are due.
    pub cutoff: Timestamp,
    /// How the column writes its times; none when no row has one.
    pub encoding: Option<Encoding>,
    /// Rows in the table.
    pub rows: u64,
    /// Rows that are due.
    pub due: u64,
    /// Rows that are due for longer than the promise allows: the breach.
    pub overdue: u64,
    /// Rows without a time: counted and kept.
    pub undated: u64,
    /// Rows dated more than a day in the future: counted and kept.
    pub future: u64,
    /// Rows that would be due, were it not for a legal hold: counted and kept.
    pub held: u64,
    /// Rows of other tables that would go with those that are due, by table.
    pub children: Vec<(String, u64)>,
    /// The day of the oldest row.
    pub oldest: Option<Day>,
    /// The day of the newest row that is not from the future.
    pub newest: Option<Day>,
    /// The day of the newest row that is due.
    pub newest_due: Option<Day>,
    /// Whether an index begins with the column. Purging needs none; counting is quicker with one.
    pub indexed: bool,
    /// The fuse: the largest part that one run may delete without confirmation, in percent.
    pub fuse_percent: u8,
    /// Whether more is due than the fuse allows.
    pub fused: bool,
    /// What `--confirm` names: the rule, the schema, the encoding, the day of the cut-off, the day of the oldest row, and how many rows
    /// are due to the nearest power of two. It stands while a person reads the plan, and not for another day.
    pub digest: Digest,
}

impl Plan {
    /// The part of the table that is due, in percent, rounded up.
    pub fn due_percent(&self) -> u8 {
        let percent = (u128::from(self.due) * 100).div_ceil(u128::from(self.rows.max(1)));
        u8::try_from(percent).unwrap_or(100)
    }

    /// How many rows a run of this plan may delete: what the fuse allows. Beyond the fuse, which was confirmed then, what is due by the
    /// plan and a hundredth more: nothing ages during a run, as its cut-off stands, but a hold may end and a row without a time may come.
    pub(crate) fn allowed(&self) -> u64 {
        if self.fused {
            return self.due.saturating_add(self.due.div_ceil(100));
        }
        if self.fuse_percent >= 100 {
            return u64::MAX;
        }
        let allowed = u128::from(self.rows) * u128::from(self.fuse_percent) / 100;
        u64::try_from(allowed).unwrap_or(u64::MAX)
    }
}

/// Looks at the database, and says what a rule would delete. Deletes nothing.
///
/// # Errors
/// Whenever the rule must not be executed: the database, the table, the column or its times cannot be read, other rows
/// would be touched, or the clock cannot be trusted. A tripped fuse is no error here.
pub fn plan(asked: &Asked<'_>) -> Result<Plan, RetainError> {
    let mut read = open_read(asked.database, asked.root).map_err(database(asked, "open the database"))?;
    let (place, survey) = look(asked, read.as_mut())?;
    judge(asked, read.as_mut(), &place, &survey)
}

/// The plan, unless something stands in the way of it.
pub(crate) fn judge(asked: &Asked<'_>, read: &mut dyn Read, place: &Place, survey: &Survey) -> Result<Plan, RetainError> {
    let mut children = Vec::new();
    if survey.due > 0 {
        obstacles::refuse_any(asked, read, place)?;
        children = obstacles::count_children(asked, read, place)?;
    }
    Ok(Plan { children, ..of(asked, place, survey) })
}

/// Counts, and refuses to believe a clock that contradicts the rows, the last run or the database's own.
pub(crate) fn look(asked: &Asked<'_>, read: &mut dyn Read) -> Result<(Place, Survey), RetainError> {
    if matches!(asked.rule.keep, Span::Months(0) | Span::Seconds(0)) {
        return Err(RetainError::KeepsNothing { rule: asked.rule.name.clone() });
    }
    if let Some(last) = asked.last_run.filter(|last| *last > asked.now) {
        return Err(RetainError::ClockWentBack { rule: asked.rule.name.clone(), now: asked.now, last });
    }
    // Only before anything is done: what `now` was then is no clock of after.
    clocks(asked, read)?;
    look_again(asked, read)
}

/// Counts by the cut-offs of a run, however long ago it began.
pub(crate) fn look_again(asked: &Asked<'_>, read: &mut dyn Read) -> Result<(Place, Survey), RetainError> {
    if let Some(minimum) = asked.rule.terms.minimum
        && cutoffs(asked).0 > minimum.before(asked.now)
    {
        return Err(RetainError::BelowMinimum { rule: asked.rule.name.clone(), keep: asked.rule.keep, minimum });
    }
    let mut place = place::find(asked, read)?;
    let survey = survey::survey(asked, read, &mut place)?;
    let dated = survey.rows.saturating_sub(survey.undated);
    if survey.future > FUTURE_ROWS && survey.future.saturating_mul(100) > dated {
        return Err(RetainError::ClockBehind {
            rule: asked.rule.name.clone(),
            table: place.table().to_owned(),
            now: asked.now,
            future: survey.future,
            dated,
        });
    }
    Ok((place, survey))
}

/// Refuses a clock that stands before this program was made, or far from that of the database. SQLite's is our own.
fn clocks(asked: &Asked<'_>, read: &mut dyn Read) -> Result<(), RetainError> {
    let (rule, now) = (asked.rule.name.clone(), asked.now);
    if now < Timestamp::from_unix(PROGRAM_MADE) {
        return Err(RetainError::ClockBeforeProgram { rule, now });
    }
    if read.clock_is_ours() {
        return Ok(());
    }
    let there = read.now().map_err(database(asked, "ask the database for its time"))?;
    if there.seconds_since(now).unsigned_abs() > CLOCKS_DIFFER {
        return Err(RetainError::ClocksDiffer { rule, now, there });
    }
    Ok(())
}

pub(crate) fn of(asked: &Asked<'_>, place: &Place, survey: &Survey) -> Plan {
    let fuse_percent = asked.rule.fuse_percent;
    let (cutoff, _) = cutoffs(asked);
    Plan {
        promise: asked.promise.clone(),
        at: asked.now,
        cutoff,
        encoding: survey.encoding,
        rows: survey.rows,
        due: survey.due,
        overdue: survey.overdue,
        undated: survey.undated,
        future: survey.future,
        held: survey.held,
        children: Vec::new(),
        oldest: survey.oldest,
        newest: survey.newest,
        newest_due: survey.newest_due,
        indexed: place.indexed,
        fuse_percent,
        fused: u128::from(survey.due) * 100 > u128::from(survey.rows) * u128::from(fuse_percent),
        digest: digest(asked, place, survey, cutoff),
    }
}

fn digest(asked: &Asked<'_>, place: &Place, survey: &Survey, cutoff: Timestamp) -> Digest {
    let about = [
        asked.rule.name.clone(),
        asked.database.name.clone(),
        place.table().to_owned(),
        place.column().to_owned(),
        place.deletion.schema.to_string(),
        // What else the rule says, in every detail.
        format!("{:?}", asked.rule.terms),
        asked.rule.keep.to_string(),
        survey.encoding.map(|encoding| encoding.to_string()).unwrap_or_default(),
        cutoff.day().to_string(),
        survey.oldest.map(|day| day.to_string()).unwrap_or_default(),
        (u64::BITS - survey.due.leading_zeros()).to_string(),
    ];
    // A list of texts always has a canonical form.
    canonical::digest(&about).unwrap_or_else(|_| Digest::of(b""))
}
