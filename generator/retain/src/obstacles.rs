//! What stands in the way of deleting: rows that refer to those that are due, and triggers.
//!
//! Deliberately narrow. Only rows of the rule's own table are ever deleted; where SQLite would refuse, cascade, set to
//! NULL or run the product's code, nothing is done and the way out is said. The purge itself holds the same line again:
//! a window that changes any other row is undone.

use avouch_database::{Limits, Read, quote};

use crate::{
    Asked, Encoding, RetainError,
    survey::{Place, cutoffs, database},
};

/// Refuses when deleting the rows that are due would touch other rows.
pub(crate) fn refuse_any(asked: &Asked<'_>, read: &mut dyn Read, place: &Place, encoding: Encoding) -> Result<(), RetainError> {
    triggers(asked, read, place)?;
    references(asked, read, place, encoding)
}

fn triggers(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<(), RetainError> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(:table) ORDER BY name";
    let binds = [("table", place.table.as_str().into())];
    let found = read.query(sql, &binds, Limits::default()).map_err(database(asked, "look for triggers"))?;
    for row in &found.rows {
        if let [name, sql] = &row[..]
            && runs_on_delete(sql.as_text().unwrap_or("DELETE"))
        {
            return Err(RetainError::Trigger {
                rule: asked.rule.name.clone(),
                table: place.table.clone(),
                trigger: name.as_text().unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether a CREATE TRIGGER names DELETE before its ON; a name that is the word DELETE counts too, on the safe side.
fn runs_on_delete(sql: &str) -> bool {
    let words = sql.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.take_while(|word| !word.eq_ignore_ascii_case("on")).any(|word| word.eq_ignore_ascii_case("delete"))
}

fn references(asked: &Asked<'_>, read: &mut dyn Read, place: &Place, encoding: Encoding) -> Result<(), RetainError> {
    let tables = read.tables().map_err(database(asked, "read the schema"))?;
    let own_key =
        tables.iter().find(|table| table.name == place.table).map(|table| table.primary_key.as_slice()).unwrap_or_default();
    let cutoff = encoding.write(cutoffs(asked).0);
    for child in &tables {
        let keys = child.foreign_keys.iter().filter(|key| key.parent.eq_ignore_ascii_case(&place.table));
        for key in keys {
            let parent = if key.parent_columns.is_empty() { own_key } else { &key.parent_columns };
            let pairs = parent.iter().zip(&key.columns);
            let mut same: Vec<_> =
                pairs.map(|(parent, child)| format!("parent.{} = child.{}", quote(parent), quote(child))).collect();
            same.push(format!("parent.{} < :cutoff", quote(&place.column)));
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM {} AS child JOIN {} AS parent ON {})",
                quote(&child.name),
                quote(&place.table),
                same.join(" AND ")
            );
            let found = read.query(&sql, &[("cutoff", cutoff.clone())], Limits::default());
            let found = found.map_err(database(asked, "look for rows that refer to those that are due"))?;
            if found.single().and_then(avouch_database::Value::as_integer) != Some(0) {
                return Err(RetainError::Referenced {
                    rule: asked.rule.name.clone(),
                    table: place.table.clone(),
                    child: child.name.clone(),
                    on_delete: key.on_delete.to_ascii_lowercase(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_on_delete_is_told_from_others() {
        for (sql, expected) in [
            ("CREATE TRIGGER a AFTER DELETE ON t BEGIN SELECT 1; END", true),
            ("create trigger a\nbefore delete\non t begin select 1; end", true),
            ("CREATE TRIGGER a INSERT ON t BEGIN DELETE FROM u; END", false),
            ("CREATE TRIGGER log_delete AFTER INSERT ON t BEGIN SELECT 1; END", false),
            ("CREATE TRIGGER a DELETE ON\"t\" BEGIN SELECT 1; END", true),
        ] {
            assert_eq!(runs_on_delete(sql), expected, "{sql}");
        }
    }
}
