//! Rules as they are promised.

use std::collections::BTreeSet;

use avouch_database::{DatabaseError, Read, Table, purge::journal, quote};
use avouch_model::{
    Span,
    configuration::Schedule,
    product::{Action, Database, HoldList, Location, RetentionRule},
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
    let tables = read.tables()?;
    let named: BTreeSet<&str> =
        rules.iter().filter_map(|rule| Table::named(&tables, &rule.table)).map(|table| table.name.as_str()).collect();
    Ok(tables.iter().map(|table| &table.name).filter(|name| !named.contains(name.as_str())).cloned().collect())
}

/// What the credentials of a database must be allowed for these rules: whoever reads plans and proves, whoever purges deletes.
/// `READER` and `PURGER` stand for their roles.
pub fn grants(database: &Database, rules: &[&RetentionRule]) -> Vec<String> {
    if let Location::Sqlite(file) = &database.location {
        return vec![format!("deleting needs to write `{file}` and its folder; planning and proving only to read them")];
    }
    if let Location::D1(d1) = &database.location {
        let token =
            |variable: &str, right: &str| format!("`{variable}` holds a token with `{right}` on the account {}", d1.account);
        return vec![token(&d1.read_token_env, "D1 Read"), token(&d1.purge_token_env, "D1 Edit")];
    }
    let mut read: BTreeSet<String> = BTreeSet::new();
    let mut change = BTreeSet::new();
    for rule in rules {
        let terms = &rule.terms;
        let listed = terms.hold.iter().filter_map(|hold| match &hold.list {
            HoldList::Table { table, .. } => Some(table),
            HoldList::Query(_) => None,
        });
        let tables = listed.chain(terms.tenants.iter().map(|tenants| &tenants.table));
        read.extend(tables.chain(&terms.children).chain([&rule.table]).map(|table| quote(table)));
        // UPDATE locks the rows before they go.
        change.insert(match &terms.action {
            Action::Anonymise(set) => {
                let columns: Vec<_> = set.keys().map(|column| quote(column)).collect();
                format!("GRANT UPDATE ({}) ON {} TO PURGER;", columns.join(", "), quote(&rule.table))
            }
            Action::Delete | Action::Archive(_) => format!("GRANT DELETE, UPDATE ON {} TO PURGER;", quote(&rule.table)),
        });
        change.extend(terms.children.iter().map(|child| format!("GRANT DELETE, UPDATE ON {} TO PURGER;", quote(child))));
    }
    let read: Vec<_> = read.into_iter().collect();
    let mut grants = vec![format!("GRANT SELECT ON {} TO READER, PURGER;", read.join(", "))];
    grants.extend(change);
    grants.push(format!("GRANT SELECT, INSERT, UPDATE ON {} TO PURGER;", journal::LEASE_TABLE));
    grants.push(format!("GRANT SELECT, INSERT, DELETE ON {} TO PURGER;", journal::JOURNAL_TABLE));
    grants
}
