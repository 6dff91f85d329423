//! Claims and the journal, on D1: what each request says is so whether it comes once or twice.

use avouch_model::{Timestamp, product::D1};

use super::{
    error::D1Error,
    session::{Session, TRIES, may_pass, rest},
};
use crate::{
    DatabaseError, Limits, Value,
    purge::{
        Claim,
        journal::{Clock, JOURNAL_TABLE, LEASE_TABLE, TABLES},
    },
};

/// The number of a claim that is none: under it a request is tried that must fail.
const TRIAL: i64 = -1;

/// A claim that this process has.
pub(super) struct Lease {
    pub(super) rule: Value,
    pub(super) owner: Value,
    pub(super) number: Value,
    pub(super) clock: Clock,
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
    let (name, owner) = (Value::from(rule), Value::from(owner));
    let told = told.and_then(|told| i64::try_from(told).ok()).unwrap_or(0);
    what_fails_is_undone(session, &name)?;
    let sql = format!("SELECT claim, owner, expires FROM {LEASE_TABLE} WHERE rule = :rule");
    let last = session.ask(&sql, &[("rule", &name)], Limits::default())?;
    let claimed = |until: i64, session: &Session| DatabaseError::Claimed {
        database: session.database.clone(),
        rule: rule.to_owned(),
        until: Timestamp::from_unix(until),
    };
    if last.number(2) > now.unix() && last.field(1) != Some(&owner) {
        return Err(claimed(last.number(2), session));
    }
    // A database that was restored from a copy may have forgotten claims that the record knows.
    let (clock, seen) = (Clock::at(now), Value::Integer(last.number(0)));
    let next = Value::Integer(last.number(0).max(told) + 1);
    let (told, expires) = (Value::Integer(told), Value::Integer(clock.expires()));
    // Nothing happens where the last claim is not the one that was seen: of two who come at once one is late, and so is the
    // same request when it comes again.
    let take = format!(
        "INSERT INTO {LEASE_TABLE} (rule, claim, owner, expires) VALUES (:rule, :next, :owner, :expires) ON CONFLICT (rule) DO UPDATE \
         SET claim = excluded.claim, owner = excluded.owner, expires = excluded.expires WHERE {LEASE_TABLE}.claim = :seen"
    );
    let ours = format!("EXISTS (SELECT 1 FROM {LEASE_TABLE} WHERE rule = :rule AND claim = :next AND owner = :owner)");
    let forget = format!("DELETE FROM {JOURNAL_TABLE} WHERE rule = :rule AND claim <= :told AND {ours}");
    let recovered = format!(
        "SELECT coalesce(sum(deleted), 0), coalesce(sum(children), 0) FROM {JOURNAL_TABLE} WHERE rule = :rule AND claim < :next"
    );
    let binds = [("rule", &name), ("next", &next), ("owner", &owner), ("expires", &expires), ("seen", &seen), ("told", &told)];
    let request = [take.as_str(), &forget, &sql, &recovered].map(|sql| (sql, binds.to_vec()));
    let answers = session.again(&request, Limits::default())?;
    let [_, _, held, recovered] = &answers[..] else { return Err(unread(session)) };
    if held.rows.field(0) != Some(&next) || held.rows.field(1) != Some(&owner) {
        return Err(claimed(held.rows.number(2), session));
    }
    let sum = |place: usize| recovered.rows.number(place).unsigned_abs();
    let claim = Claim { number: held.rows.number(0).unsigned_abs(), recovered: sum(0), recovered_children: sum(1) };
    Ok((claim, Lease { rule: name, owner, number: next, clock, batches: 0 }))
}

/// Sends a request that must fail at its end, and looks whether its beginning is still there: on this stands that a window
/// and its line in the journal are one.
fn what_fails_is_undone(session: &mut Session, rule: &Value) -> Result<(), DatabaseError> {
    let (trial, one, two) = (Value::Integer(TRIAL), Value::Integer(1), Value::Integer(2));
    let write = |deleted: &str| {
        format!(
            "INSERT INTO {JOURNAL_TABLE} (rule, claim, batch, at, deleted, children) VALUES (:rule, :trial, :batch, 0, {deleted}, 0)"
        )
    };
    let (well, ill) = (write("0"), write("NULL"));
    let binds = |batch| vec![("rule", rule), ("trial", &trial), ("batch", batch)];
    let request = [(well.as_str(), binds(&one)), (ill.as_str(), binds(&two))];
    for tried in 1.. {
        match session.once(&request, Limits::default()) {
            Ok(_) => return Err(session.failed(D1Error::NotUndone)),
            Err(DatabaseError::D1 { cause: D1Error::Refused { message }, .. })
                if message.contains("NOT NULL constraint failed") =>
            {
                break;
            }
            Err(error) if tried < TRIES && may_pass(&error) => rest(tried),
            Err(error) => return Err(error),
        }
    }
    let sql = format!("SELECT count(*) FROM {JOURNAL_TABLE} WHERE rule = :rule AND claim = :trial");
    let left = session.ask(&sql, &[("rule", rule), ("trial", &trial)], Limits::default())?;
    if left.number(0) == 0 {
        return Ok(());
    }
    let sql = format!("DELETE FROM {JOURNAL_TABLE} WHERE rule = :rule AND claim = :trial");
    session.ask(&sql, &[("rule", rule), ("trial", &trial)], Limits::default())?;
    Err(session.failed(D1Error::NotUndone))
}

impl Lease {
    /// What the journal says of a window; none when it was not done.
    pub(super) fn line(&self, session: &mut Session, batch: u64) -> Result<Option<(u64, u64)>, DatabaseError> {
        let sql =
            format!("SELECT deleted, children FROM {JOURNAL_TABLE} WHERE rule = :rule AND claim = :claim AND batch = :batch");
        let batch = Value::Integer(i64::try_from(batch).unwrap_or(i64::MAX));
        let found = session.ask(&sql, &[("rule", &self.rule), ("claim", &self.number), ("batch", &batch)], Limits::default())?;
        Ok(found.rows.first().map(|_| (found.number(0).unsigned_abs(), found.number(1).unsigned_abs())))
    }

    /// Gives it back, if nobody took it.
    pub(super) fn release(self, session: &mut Session) -> Result<(), DatabaseError> {
        let sql = format!("UPDATE {LEASE_TABLE} SET expires = 0 WHERE rule = :rule AND claim = :claim AND owner = :owner");
        let binds = vec![("rule", &self.rule), ("claim", &self.number), ("owner", &self.owner)];
        session.again(&[(sql.as_str(), binds)], Limits::default()).map(drop)
    }
}

/// Makes the tables, if they are not there. Tells whether it made them.
pub(crate) fn prepare_journal(database: &str, place: &D1) -> Result<bool, DatabaseError> {
    let mut session = Session::open(database, place, &place.purge_token_env)?;
    let there =
        format!("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('{LEASE_TABLE}', '{JOURNAL_TABLE}')");
    let answers = session.again(&[there.as_str(), TABLES[0], TABLES[1]].map(|sql| (sql, Vec::new())), Limits::default())?;
    Ok(answers.first().is_some_and(|there| there.rows.number(0) < 2))
}

pub(super) fn unread(session: &Session) -> DatabaseError {
    session.failed(D1Error::Unread { what: "a result is missing".to_owned() })
}
