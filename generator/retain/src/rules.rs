//! Rules as they are promised.

use avouch_database::{DatabaseError, Read};
use avouch_model::{
    Span,
    configuration::Schedule,
    product::{Action, Database, Location, RetentionRule},
    receipt::{Exceptions, Fate, Promise},
};

/// The lag of a rule that nothing schedules: what a person who runs it by hand every day can keep.
const UNSCHEDULED: Span = Span::Seconds(86_400);

/// What a rule promises: its lag is what is configured, or the longest gap of the schedule (that of purges, where purges
/// have one), or a day.
pub fn promise(rule: &RetentionRule, schedule: &Schedule) -> Promise {
    Promise {
        rule: rule.name.clone(),
        keep: rule.keep,
        max_lag: rule.max_lag.or(schedule.purge_gap).or(schedule.run_gap).unwrap_or(UNSCHEDULED),
        enforce: rule.enforce,
        fate: match rule.terms.action {
            Action::Delete => Fate::Deleted,
            Action::Anonymise(_) => Fate::Anonymised,
            Action::Archive(_) => Fate::Archived,
        },
        exceptions: Exceptions {
            part: rule.terms.condition.is_some(),
            hold: rule.terms.hold.is_some(),
            tenants: rule.terms.tenants.is_some(),
        },
    }
}

/// Whether the lag is more than a quarter of what is kept: "two hours" that may be three is worth saying.
pub const fn lag_is_large(promise: &Promise) -> bool {
    promise.max_lag.seconds_min().saturating_mul(4) > promise.keep.seconds_min()
}

/// The tables that no rule names, by name in order. `rules` are those of this database.
///
/// # Errors
/// When the schema cannot be read.
pub fn tables_without_rule(read: &mut dyn Read, rules: &[&RetentionRule]) -> Result<Vec<String>, DatabaseError> {
    let tables = read.tables()?.into_iter().map(|table| table.name);
    Ok(tables.filter(|table| !rules.iter().any(|rule| rule.table.eq_ignore_ascii_case(table))).collect())
}

/// What the two credentials of a database must be allowed for these rules, as the statements that allow it: `reader` plans and
/// proves, `purger` deletes.
pub fn grants(database: &Database, _rules: &[&RetentionRule]) -> Vec<String> {
    match &database.location {
        Location::Sqlite(file) => {
            vec![format!("deleting needs to write `{file}` and its folder; planning and proving only to read them")]
        }
    }
}
