//! `[databases]`: where the product keeps its rows.

use std::collections::BTreeMap;

use avouch_model::product::{Database, Location};

use crate::toml_walk::TableReader;

pub(super) fn databases(root: &TableReader<'_, '_>) -> BTreeMap<String, Database> {
    let Some(table) = root.optional("databases").table() else { return BTreeMap::new() };
    let mut databases = BTreeMap::new();
    for (name, field) in table.entries() {
        let Some(database) = field.table() else { continue };
        let url = database.required("url").words();
        database.finish();
        let Some(url) = url else { continue };
        let Some(path) = url.get_ref().strip_prefix("sqlite:").filter(|path| !path.is_empty()) else {
            let driver = url.get_ref().split(':').next().unwrap_or_default();
            let message = match driver {
                "postgres" | "postgresql" | "d1" => format!("`{driver}` databases are not supported yet"),
                _ => format!("`{}` is not the address of a database", url.get_ref()),
            };
            let help = "write `sqlite:path/of/file.db`; an exported or local D1 file works as SQLite";
            table.walk().report(table.walk().error("bad-url", url.span(), message).label("written here").help(help));
            continue;
        };
        let name = name.into_inner();
        databases.insert(name.clone(), Database { name, location: Location::Sqlite(path.to_owned()) });
    }
    databases
}
