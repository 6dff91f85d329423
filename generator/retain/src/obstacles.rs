//! What stands in the way of a rule: rows that refer to those that are due, and triggers.
//!
//! Deliberately narrow. Only rows of the rule's own table and of the children that it names are ever changed; where the
//! database would refuse, cascade, set to NULL or run the product's code, nothing is done and the way out is said. The purge
//! itself holds the same line again: a window that changes any other row is undone.

use avouch_database::{Read, quote};

use crate::{
    Asked, RetainError,
    place::{Place, referred_columns},
    survey::{count_of, database},
};

/// Refuses when executing the rule would touch other rows.
pub(crate) fn refuse_any(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<(), RetainError> {
    triggers(asked, place)?;
    unseen(asked, place)?;
    // A row that stays takes nothing away from those that refer to it; what they refer to by is never set.
    if place.deletion.set.is_empty() { references(asked, read, place) } else { Ok(()) }
}

/// How many rows of each child would go, by its name.
pub(crate) fn count_children(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<Vec<(String, u64)>, RetainError> {
    let deletion = &place.deletion;
    let doomed = deletion.doomed(&deletion.due.due("cutoff"));
    let mut counts = Vec::new();
    for (child, doomed) in deletion.children.iter().zip(doomed) {
        let sql = format!("SELECT count(*) FROM {} WHERE {doomed}", quote(&child.table));
        let found = read.query(&sql, &place.binds(&["cutoff"]), crate::survey::LIMITS);
        let found = found.map_err(database(asked, "count the rows of the children"))?;
        counts.push((child.table.clone(), found.single().map_or(0, count_of)));
    }
    Ok(counts)
}

fn triggers(asked: &Asked<'_>, place: &Place) -> Result<(), RetainError> {
    let deletion = &place.deletion;
    let touched = deletion.touched();
    for table in place.tables.iter().filter(|table| touched.contains(&table.name.as_str())) {
        let runs =
            |trigger: &&avouch_database::Trigger| if deletion.set.is_empty() { trigger.on_delete } else { trigger.on_update };
        if let Some(trigger) = table.triggers.iter().find(runs) {
            return Err(RetainError::Trigger {
                rule: asked.rule.name.clone(),
                table: table.name.clone(),
                trigger: trigger.name.clone(),
            });
        }
    }
    Ok(())
}

/// Refuses when a table refers to one of those that lose rows and cannot be looked at.
fn unseen(asked: &Asked<'_>, place: &Place) -> Result<(), RetainError> {
    let touched = place.deletion.touched();
    let mut tables = place.tables.iter().filter(|table| touched.contains(&table.name.as_str()));
    match tables.find_map(|table| Some((table, table.unseen.first()?))) {
        Some((table, child)) => {
            Err(RetainError::Unseen { rule: asked.rule.name.clone(), table: table.name.clone(), child: child.clone() })
        }
        None => Ok(()),
    }
}

/// Refuses when a row that stays refers to one that goes.
fn references(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<(), RetainError> {
    let deletion = &place.deletion;
    let due = deletion.due.due("cutoff");
    let doomed = deletion.doomed(&due);
    let going = |table: &str| {
        if table == place.table() {
            return Some(due.as_str());
        }
        let place = deletion.children.iter().position(|child| child.table == table)?;
        doomed.get(place).map(String::as_str)
    };
    for table in &place.tables {
        for key in &table.foreign_keys {
            let Some(parent_goes) = going(&key.parent) else { continue };
            let list = |columns: &[String]| columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
            // Rows of one table that refer to each other may go in different windows.
            let stays = match going(&table.name) {
                Some(goes) if table.name != key.parent => format!("({goes}) IS NOT TRUE"),
                _ => "TRUE".to_owned(),
            };
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM {} WHERE ({}) IN (SELECT {} FROM {} WHERE {parent_goes}) AND {stays} LIMIT 1) AS found",
                quote(&table.name),
                key.compared.join(", "),
                list(&referred_columns(&place.tables, &key.parent, &key.parent_columns)),
                quote(&key.parent),
            );
            let found = read.query(&sql, &place.binds(&["cutoff"]), crate::survey::LIMITS);
            let found = found.map_err(database(asked, "look for rows that refer to those that are due"))?;
            if found.single().map(count_of) != Some(0) {
                return Err(RetainError::Referenced {
                    rule: asked.rule.name.clone(),
                    table: key.parent.clone(),
                    child: table.name.clone(),
                    on_delete: key.on_delete.to_ascii_lowercase(),
                });
            }
        }
    }
    Ok(())
}
