//! Why a rule is not executed, and the way out.

use avouch_database::{DatabaseError, purge::NotAnExpression};
use avouch_model::{Digest, Span, Timestamp};

use crate::Encoding;

/// Why a rule could not be planned, executed or proven.
#[derive(Debug, thiserror::Error)]
pub enum RetainError {
    /// The database said no.
    #[error("retention rule `{rule}`: cannot {operation}")]
    Database {
        /// The rule.
        rule: String,
        /// What was tried.
        operation: &'static str,
        /// The cause.
        #[source]
        cause: Box<DatabaseError>,
    },
    /// There is no such table.
    #[error(
        "retention rule `{rule}`: database `{database}` has no table `{table}`; correct `table`, or run the product's migrations"
    )]
    NoTable {
        /// The rule.
        rule: String,
        /// The database.
        database: String,
        /// The table.
        table: String,
    },
    /// There is no such column.
    #[error(
        "retention rule `{rule}`: table `{table}` has no column `{column}`; correct `column`, or run the product's migrations"
    )]
    NoColumn {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// An expression in the rule is none.
    #[error("retention rule `{rule}`: `{key}` is not one expression of SQL; correct it in the configuration")]
    Expression {
        /// The rule.
        rule: String,
        /// The key in the configuration.
        key: String,
        /// What is wrong with it.
        #[source]
        cause: NotAnExpression,
    },
    /// A column that must stay as it is would be set.
    #[error("retention rule `{rule}`: `set` names `{table}.{column}`, by which rows are found or referred to; leave it as it is")]
    SetKey {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A table that is to go with another has no way to.
    #[error(
        "retention rule `{rule}`: `children` names `{child}`, which has no foreign key to `{table}` or to another of its \
         children, or only round in a circle; leave it out, or name the tables between"
    )]
    NoChild {
        /// The rule.
        rule: String,
        /// The table of the rule.
        table: String,
        /// The table that is named.
        child: String,
    },
    /// A tenant's period cannot be read.
    #[error(
        "retention rule `{rule}`: `{table}.{column}` holds a period that is none (write a number and a unit, `6 months`), or \
         more than {periods_max} different ones; correct it, or set it to NULL"
    )]
    Periods {
        /// The rule.
        rule: String,
        /// The table of the tenants.
        table: String,
        /// The column of the periods.
        column: String,
        /// The most periods.
        periods_max: usize,
    },
    /// Less would be kept than the law asks.
    #[error("retention rule `{rule}`: keeping rows for {keep} is less than the declared minimum of {minimum}; keep them longer")]
    BelowMinimum {
        /// The rule.
        rule: String,
        /// What would be kept; of the rule or of a tenant.
        keep: Span,
        /// The minimum.
        minimum: Span,
    },
    /// Rows have no time, and the rule refuses them.
    #[error("retention rule `{rule}`: {undated} rows have no time, and `undated` is `refuse`; give them one")]
    Undated {
        /// The rule.
        rule: String,
        /// Rows without a time.
        undated: u64,
    },
    /// Rows are dated in the future, and the rule refuses them.
    #[error("retention rule `{rule}`: {future} rows are dated in the future, and `future` is `refuse`; correct them")]
    Future {
        /// The rule.
        rule: String,
        /// Rows dated in the future.
        future: u64,
    },
    /// The clock of the database says otherwise.
    #[error("retention rule `{rule}`: it is {now} here and {there} by the clock of the database; correct the one that is wrong")]
    ClocksDiffer {
        /// The rule.
        rule: String,
        /// Now.
        now: Timestamp,
        /// Now, as the database says.
        there: Timestamp,
    },
    /// The clock stands before this program was made.
    #[error("retention rule `{rule}`: it is {now} by the clock, before this program was made; correct the clock of this machine")]
    ClockBeforeProgram {
        /// The rule.
        rule: String,
        /// Now.
        now: Timestamp,
    },
    /// Nothing would be kept.
    #[error(
        "retention rule `{rule}`: `keep` is nothing, so every row would be deleted; write how long rows are kept, such as `90 days`"
    )]
    KeepsNothing {
        /// The rule.
        rule: String,
    },
    /// The first value is in no encoding that is known.
    #[error(
        "retention rule `{rule}`: `{table}.{column}` holds no time that can be read ({sorts}); known are Unix seconds, Unix \
         milliseconds or microseconds, Julian days, and texts such as 2026-11-21T06:02:00Z, 2026-11-21 06:02:00 or 2026-11-21 in \
         UTC, from the year 2000 on; name another column, or convert this one"
    )]
    Unreadable {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// How many values of which type there are, `12 text, 3 blob`.
        sorts: String,
    },
    /// Some values are not as the first one.
    #[error(
        "retention rule `{rule}`: {others} of {dated} values in `{table}.{column}` are not {encoding} from the year 2000 on \
         ({sorts}); a comparison would delete the wrong rows, so none is deleted; correct or convert those values first"
    )]
    Mixed {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The encoding of the first value.
        encoding: Encoding,
        /// How many values are otherwise.
        others: u64,
        /// How many values there are.
        dated: u64,
        /// How many values of which type there are.
        sorts: String,
    },
    /// Other tables refer to rows that are due.
    #[error(
        "retention rule `{rule}`: rows of `{child}` refer to rows of `{table}` that are due (foreign key, on delete {on_delete}); {}",
        way_out(child, table)
    )]
    Referenced {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The table that refers to it.
        child: String,
        /// What would happen to its rows.
        on_delete: String,
    },
    /// A table that cannot be looked at refers to the rows.
    #[error(
        "retention rule `{rule}`: `{child}` refers to rows of `{table}` by a foreign key, and cannot be looked at: put its schema on the \
         `search_path` of both credentials, and let a foreign key lie on a partitioned table as a whole and not on a part of it; or set \
         `enforce = \"product\"`"
    )]
    Unseen {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The table that refers to it.
        child: String,
    },
    /// A trigger would run.
    #[error(
        "retention rule `{rule}`: the trigger `{trigger}` runs when rows of `{table}` go or change, and may copy or change \
         others; set `enforce = \"product\"` and let the product delete"
    )]
    Trigger {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// The trigger.
        trigger: String,
    },
    /// The clock stands before the last execution.
    #[error(
        "retention rule `{rule}`: it is {now} by the clock, and the last run was at {last}; correct the clock of this machine"
    )]
    ClockWentBack {
        /// The rule.
        rule: String,
        /// Now.
        now: Timestamp,
        /// The last execution.
        last: Timestamp,
    },
    /// So many rows are dated in the future that rather the clock is wrong.
    #[error(
        "retention rule `{rule}`: {future} of {dated} rows of `{table}` are dated more than a day after {now}; correct the \
         clock of this machine, or those rows"
    )]
    ClockBehind {
        /// The rule.
        rule: String,
        /// The table.
        table: String,
        /// Now.
        now: Timestamp,
        /// Rows dated in the future.
        future: u64,
        /// Rows with a date.
        dated: u64,
    },
    /// The fuse stopped it.
    #[error(
        "retention rule `{rule}`: {due} of {rows} rows are due, more than {fuse_percent} in a hundred, so nothing was deleted; \
         read `avouch retention plan {rule}`, then run with `--confirm {digest}`, or raise `fuse_percent`"
    )]
    Fused {
        /// The rule.
        rule: String,
        /// Rows due.
        due: u64,
        /// Rows in the table.
        rows: u64,
        /// The fuse.
        fuse_percent: u8,
        /// The plan that would have to be confirmed.
        digest: Digest,
    },
    /// The fuse stopped it on its way: more became due than it had allowed.
    #[error(
        "retention rule `{rule}`: rows became due during the run, more than its fuse of {fuse_percent} in a hundred or the plan that was \
         confirmed allows, so it ended and its last window was undone; {deleted} rows were deleted before, and {due} of {rows} rows are due \
         now; read `avouch retention plan {rule}`, then run with `--confirm {digest}`, or raise `fuse_percent`"
    )]
    FusedMeanwhile {
        /// The rule.
        rule: String,
        /// Rows deleted before.
        deleted: u64,
        /// Rows due now.
        due: u64,
        /// Rows in the table now.
        rows: u64,
        /// The fuse.
        fuse_percent: u8,
        /// The plan of now.
        digest: Digest,
    },
    /// Another plan was confirmed than the one that would be executed now.
    #[error(
        "retention rule `{rule}`: the plan that was confirmed is not the plan of now, so nothing was deleted; read \
         `avouch retention plan {rule}` again, then run with `--confirm {digest}`"
    )]
    OtherPlan {
        /// The rule.
        rule: String,
        /// The plan of now.
        digest: Digest,
    },
    /// It was asked to stop.
    #[error(
        "retention rule `{rule}`: stopped after {deleted} of {due} rows; the database is consistent, and the next run goes on"
    )]
    Stopped {
        /// The rule.
        rule: String,
        /// Rows deleted.
        deleted: u64,
        /// Rows due at the start.
        due: u64,
    },
}

/// What to do about rows that refer to those that are due.
fn way_out(child: &str, table: &str) -> String {
    if child == table {
        return "windows cut between such rows, so let the product take the references away, or set `enforce = \"product\"`"
            .to_owned();
    }
    format!("give `{child}` a rule that deletes them first, name it in `children`, or set `enforce = \"product\"`")
}

impl RetainError {
    /// Whether a window had more rows than the run may delete.
    pub(crate) fn is_beyond_the_fuse(&self) -> bool {
        matches!(self, Self::Database { cause, .. } if matches!(**cause, DatabaseError::BeyondAllowance { .. }))
    }

    /// Whether another process works on the rule: then that one tells what came of it.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Database { cause, .. } if matches!(**cause, DatabaseError::Claimed { .. }))
    }
}
