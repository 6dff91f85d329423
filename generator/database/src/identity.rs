//! What a connection reaches. The credential that reads and the one that deletes must reach the same, or what one counted the other deletes
//! elsewhere.

use std::{collections::BTreeMap, fs::Metadata, path::Path};

use avouch_model::product::D1;

use crate::{DatabaseError, purge::Deletion};

/// A file, or a database and its tables, told apart from every other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The database, as a person reads it, with what tells it apart.
    pub(crate) database: String,
    /// The server, where it tells.
    pub(crate) server: Option<String>,
    /// What a bare name of a table means, where it may mean several.
    pub(crate) tables: BTreeMap<String, String>,
}

impl Identity {
    /// A file, whatever leads to it: its device and its number there.
    #[cfg(unix)]
    pub(crate) fn of_file(path: &Path, found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self::named(format!("`{}` (device {}, inode {})", path.display(), found.dev(), found.ino()))
    }

    /// A file, by the path that is left when every link is followed: here a file has no number.
    #[cfg(not(unix))]
    pub(crate) fn of_file(path: &Path, _: &Metadata) -> Self {
        Self::named(format!("`{}`", path.canonicalize().unwrap_or_else(|_| path.to_owned()).display()))
    }

    /// A database on D1: every request names it and its account.
    pub(crate) fn of_d1(place: &D1) -> Self {
        Self::named(format!("database `{}` of account `{}` at {}", place.database, place.account, place.endpoint))
    }

    fn named(database: String) -> Self {
        Self { database, ..Self::default() }
    }

    /// Refuses to delete in another place than was read.
    pub(crate) fn must_be_of(self, deletion: &Deletion, database: &str) -> Result<(), DatabaseError> {
        let sql = deletion.due.due("cutoff").to_lowercase();
        let touched = deletion.touched();
        let matters = |table: &str| touched.contains(&table) || sql.contains(&table.to_lowercase());
        match deletion.reached.differs(&self, matters) {
            Some((read, purged)) => Err(DatabaseError::OtherPlace { database: database.to_owned(), read, purged }),
            None => Ok(()),
        }
    }

    /// What is not the same, on either side. What one side cannot tell or see is not compared.
    fn differs(&self, other: &Self, matters: impl Fn(&str) -> bool) -> Option<(String, String)> {
        if self.database != other.database {
            return Some((self.database.clone(), other.database.clone()));
        }
        let on = |name: &str, place: &str| format!("{name} of {place}");
        if let (Some(one), Some(another)) = (&self.server, &other.server)
            && one != another
        {
            return Some((on(&self.database, one), on(&other.database, another)));
        }
        let mut pairs = self.tables.iter().filter_map(|(name, one)| Some((name, one, other.tables.get(name)?)));
        let (_, one, another) = pairs.find(|(name, one, another)| one != another && matters(name))?;
        Some((on(one, &self.database), on(another, &other.database)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(database: &str, server: Option<&str>, table: &str) -> Identity {
        let tables = [("orders".to_owned(), table.to_owned())].into();
        Identity { database: database.to_owned(), server: server.map(str::to_owned), tables }
    }

    #[test]
    fn another_database_server_or_table_is_another_place() {
        let one = reached("app", Some("server 1"), "a.orders");
        for (other, is_same) in [
            (one.clone(), true),
            (reached("app", None, "a.orders"), true),
            (reached("appb", Some("server 1"), "a.orders"), false),
            (reached("app", Some("server 2"), "a.orders"), false),
            (reached("app", Some("server 1"), "b.orders"), false),
        ] {
            assert_eq!(one.differs(&other, |_| true).is_none(), is_same, "{other:?}");
        }
        assert_eq!(one.differs(&reached("app", None, "b.orders"), |_| false), None, "no table that the rule names");
    }
}
