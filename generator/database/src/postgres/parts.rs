//! Partitions that lie before the cut-off as a whole: dropping one costs next to nothing, however many rows it has.

use tokio_postgres::error::SqlState;

use super::{
    lease::{Lease, count},
    session::Session,
};
use crate::{DatabaseError, Limits, Table, Value, purge::Deletion, quote};

/// Whether partitions may be dropped: only an age decides, rows are deleted, and no other table refers to them.
pub(super) fn may_drop(deletion: &Deletion, tables: &[Table]) -> bool {
    let table = &deletion.due.table;
    let referred = tables.iter().flat_map(|table| &table.foreign_keys).any(|key| key.parent == *table);
    deletion.due.is_plain() && deletion.children.is_empty() && !referred
}

/// Drops one partition whose own bounds, as the catalogue has them, end at the cut-off or before it. Tells how many rows it
/// had; none when there is no such partition, or when dropping is not allowed: then rows are deleted as in any table.
/// One with more rows than are `allowed` is an error.
pub(super) fn drop_one(
    session: &mut Session,
    deletion: &Deletion,
    kind: &str,
    lease: &Lease,
    allowed: u64,
) -> Result<Option<u64>, DatabaseError> {
    session.run("BEGIN")?;
    let dropped = match drop_within(session, deletion, kind, lease, allowed) {
        Err(DatabaseError::Postgres { cause, .. }) if cause.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(None),
        // A view or a foreign key hangs on it.
        Err(DatabaseError::Postgres { cause, .. }) if cause.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => Ok(None),
        // Somebody reads it: rows can be deleted beside that, and a partition cannot be dropped.
        // Or it takes too long to count.
        Err(DatabaseError::Contended { .. } | DatabaseError::Cancelled { .. }) => Ok(None),
        dropped => dropped,
    };
    session.end(dropped, Option::is_some)
}

fn drop_within(
    session: &mut Session,
    deletion: &Deletion,
    kind: &str,
    lease: &Lease,
    allowed: u64,
) -> Result<Option<u64>, DatabaseError> {
    if !lease.renew(session)? {
        return Err(DatabaseError::ClaimLost { database: session.database.clone() });
    }
    let Some(part) = before_the_cutoff(session, deletion, kind)? else { return Ok(None) };
    // Nobody writes into it any more while it is counted, and whoever reads goes on.
    session.run(&format!("LOCK TABLE {part} IN SHARE MODE"))?;
    let rows = count(&session.ask(&format!("SELECT count(*) FROM {part}"), &[], Limits::default())?);
    deletion.within(rows, allowed, &session.database)?;
    session.run(&format!("LOCK TABLE {part} IN ACCESS EXCLUSIVE MODE"))?;
    // It is the same partition with the same bounds, or it is left alone.
    if before_the_cutoff(session, deletion, kind)?.as_ref() != Some(&part) {
        return Ok(None);
    }
    session.run(&format!("DROP TABLE {part}"))?;
    lease.journal(session, lease.batches + 1, rows, 0, None)?;
    Ok(Some(rows))
}

/// The quoted name of the first partition that ends before or at the cut-off.
fn before_the_cutoff(session: &mut Session, deletion: &Deletion, kind: &str) -> Result<Option<String>, DatabaseError> {
    let due = &deletion.due;
    let sql = format!(
        "SELECT namespace, part FROM (SELECT CAST(n.nspname AS TEXT) AS namespace, CAST(c.relname AS TEXT) AS part, \
         substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?([^'')]+)''?\\)') AS bound \
         FROM pg_partitioned_table p JOIN pg_class t ON t.oid = p.partrelid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.partattrs[0] \
         JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE t.relname = :table AND pg_table_is_visible(t.oid) AND a.attname = :column AND p.partstrat = 'r' AND p.partnatts = 1 \
         AND c.relkind = 'r' AND NOT i.inhdetachpending) AS parts \
         WHERE CASE WHEN bound IS NULL OR bound = 'MAXVALUE' THEN FALSE ELSE CAST(bound AS {kind}) <= {cutoff} END ORDER BY 1, 2 LIMIT 1",
        cutoff = due.parameter("cutoff"),
    );
    let (table, column) = (Value::from(due.table.as_str()), Value::from(due.column.as_str()));
    let cutoff = deletion.binds.iter().find(|(name, _)| name == "cutoff").map(|(_, value)| value);
    let Some(cutoff) = cutoff.filter(|cutoff| !cutoff.is_null()) else { return Ok(None) };
    let found = session.ask(&sql, &[("table", &table), ("column", &column), ("cutoff", cutoff)], Limits::default())?;
    Ok(found.rows.first().and_then(|row| match &row[..] {
        [Value::Text(namespace), Value::Text(part)] => Some(format!("{}.{}", quote(namespace), quote(part))),
        _ => None,
    }))
}
