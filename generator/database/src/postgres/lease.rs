//! Claims and the journal, on Postgres.

use avouch_model::Timestamp;

use super::session::{Session, Way};
use crate::{
    DatabaseError, Limits, Rows, Value,
    purge::{
        Claim,
        journal::{Clock, JOURNAL_TABLE, LEASE_TABLE, TABLES},
    },
};

/// A claim that this process has.
pub(super) struct Lease {
    rule: Value,
    owner: Value,
    number: Value,
    clock: Clock,
    /// Windows that are in the journal.
    pub(super) batches: u64,
}

pub(super) fn claim(
    session: &mut Session,
    rule: &str,
    owner: &str,
    now: Timestamp,
    told: Option<u64>,
) -> Result<(Claim, Lease), DatabaseError> {
    session.run("BEGIN")?;
    let claimed = claim_within(session, rule, owner, now, told);
    session.end(claimed, |_| true)
}

fn claim_within(
    session: &mut Session,
    rule: &str,
    owner: &str,
    now: Timestamp,
    told: Option<u64>,
) -> Result<(Claim, Lease), DatabaseError> {
    let (name, owner) = (Value::from(rule), Value::from(owner));
    let told = told.and_then(|told| i64::try_from(told).ok()).unwrap_or(0);
    // The row is there before it is locked, so that two that begin at once meet at it.
    session.change(
        &format!(
            "INSERT INTO {LEASE_TABLE} (rule, claim, owner, expires) VALUES (:rule, 0, '', 0) ON CONFLICT (rule) DO NOTHING"
        ),
        &[("rule", &name)],
    )?;
    let sql = format!("SELECT claim, owner, expires FROM {LEASE_TABLE} WHERE rule = :rule FOR UPDATE");
    let last = session.ask(&sql, &[("rule", &name)], Limits::default())?;
    if last.number(2) > now.unix() && last.field(1) != Some(&owner) {
        let database = session.database.clone();
        return Err(DatabaseError::Claimed { database, rule: rule.to_owned(), until: Timestamp::from_unix(last.number(2)) });
    }
    // A database that was restored from a copy may have forgotten claims that the record knows.
    let clock = Clock::at(now);
    let next = Value::Integer(last.number(0).max(told) + 1);
    let (told, expires) = (Value::Integer(told), Value::Integer(clock.expires()));
    session.change(
        &format!("UPDATE {LEASE_TABLE} SET claim = :claim, owner = :owner, expires = :expires WHERE rule = :rule"),
        &[("claim", &next), ("owner", &owner), ("expires", &expires), ("rule", &name)],
    )?;
    let sql = format!("DELETE FROM {JOURNAL_TABLE} WHERE rule = :rule AND claim <= :told");
    session.change(&sql, &[("rule", &name), ("told", &told)])?;
    let sql = format!(
        "SELECT CAST(coalesce(sum(deleted), 0) AS BIGINT), CAST(coalesce(sum(children), 0) AS BIGINT) FROM {JOURNAL_TABLE} \
         WHERE rule = :rule AND claim < :claim"
    );
    let untold = session.ask(&sql, &[("rule", &name), ("claim", &next)], Limits::default())?;
    let (recovered, recovered_children) = (untold.number(0).unsigned_abs(), untold.number(1).unsigned_abs());
    let claim = Claim { number: next.as_integer().unwrap_or(0).unsigned_abs(), recovered, recovered_children };
    Ok((claim, Lease { rule: name, owner, number: next, clock, batches: 0 }))
}

/// The answer to a count.
pub(super) fn count(rows: &Rows) -> u64 {
    rows.number(0).unsigned_abs()
}

impl Lease {
    /// Whether it is still the last claim; then it lasts a while longer. Its row stays locked until the transaction ends, so
    /// nobody takes it over in between.
    pub(super) fn renew(&self, session: &mut Session) -> Result<bool, DatabaseError> {
        let sql = format!("UPDATE {LEASE_TABLE} SET expires = :expires WHERE rule = :rule AND claim = :claim AND owner = :owner");
        let expires = Value::Integer(self.clock.expires());
        let binds = [("expires", &expires), ("rule", &self.rule), ("claim", &self.number), ("owner", &self.owner)];
        Ok(session.change(&sql, &binds)? == 1)
    }

    /// Writes what a window did.
    pub(super) fn journal(
        &self,
        session: &mut Session,
        batch: u64,
        deleted: u64,
        children: u64,
        archive: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let number = |count: u64| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        let (batch, at, deleted, children) =
            (number(batch), Value::Integer(self.clock.now().unix()), number(deleted), number(children));
        let archive = archive.map_or(Value::Null, Value::from);
        let sql = format!(
            "INSERT INTO {JOURNAL_TABLE} (rule, claim, batch, at, deleted, children, archive) \
             VALUES (:rule, :claim, :batch, :at, :deleted, :children, :archive)"
        );
        let binds = [
            ("rule", &self.rule),
            ("claim", &self.number),
            ("batch", &batch),
            ("at", &at),
            ("deleted", &deleted),
            ("children", &children),
            ("archive", &archive),
        ];
        session.change(&sql, &binds).map(drop)
    }

    /// Gives it back, if nobody took it.
    pub(super) fn release(self, session: &mut Session) -> Result<(), DatabaseError> {
        let sql = format!("UPDATE {LEASE_TABLE} SET expires = 0 WHERE rule = :rule AND claim = :claim AND owner = :owner");
        session.change(&sql, &[("rule", &self.rule), ("claim", &self.number), ("owner", &self.owner)]).map(drop)
    }
}

/// Makes the tables, if they are not there. Tells whether it made them.
pub(crate) fn prepare_journal(way: Way<'_>) -> Result<bool, DatabaseError> {
    let mut session = Session::open(way)?;
    let there = format!(
        "SELECT count(*) FROM pg_class WHERE relname IN ('{LEASE_TABLE}', '{JOURNAL_TABLE}') AND pg_table_is_visible(oid)"
    );
    let there = count(&session.ask(&there, &[], Limits::default())?);
    if there < 2 {
        session.run(&format!("BEGIN; {}; COMMIT", TABLES.join("; ")))?;
    }
    Ok(there < 2)
}
