//! `[databases]`: where the product keeps its rows.

use std::collections::BTreeMap;

use avouch_model::{
    Span,
    product::{Database, Location},
};

use crate::toml_walk::TableReader;

pub(super) fn databases(root: &TableReader<'_, '_>) -> BTreeMap<String, Database> {
    let Some(table) = root.optional("databases").table() else { return BTreeMap::new() };
    let mut databases = BTreeMap::new();
    for (name, field) in table.entries() {
        let Some(database) = field.table() else { continue };
        let location = if database.has("url") { sqlite(&database) } else { postgres(&database) };
        let recovery_window = database.optional("recovery_window").parsed::<Span>().map(toml::Spanned::into_inner);
        database.finish();
        if let Some(location) = location {
            let name = name.into_inner();
            databases.insert(name.clone(), Database { name, location, recovery_window });
        }
    }
    databases
}

fn sqlite(database: &TableReader<'_, '_>) -> Option<Location> {
    let url = database.required("url").words()?;
    if let Some(path) = url.get_ref().strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Some(Location::Sqlite(path.to_owned()));
    }
    let (message, help) = match url.get_ref().split(':').next().unwrap_or_default() {
        "postgres" | "postgresql" => (
            "the URL of a server holds who connects, and perhaps a password".to_owned(),
            "name environment variables that hold it: `read_url_env = \"…\"` and `purge_url_env = \"…\"`",
        ),
        "d1" => (
            "`d1` databases are not supported yet".to_owned(),
            "write `sqlite:path/of/file.db`; an exported or local D1 file works as SQLite",
        ),
        _ => (format!("`{}` is not the address of a database", url.get_ref()), "write `sqlite:path/of/file.db`"),
    };
    database.walk().report(database.walk().error("bad-url", url.span(), message).label("written here").help(help));
    None
}

/// Reading and purging have credentials of their own, so each has a variable of its own.
fn postgres(database: &TableReader<'_, '_>) -> Option<Location> {
    if !database.has("read_url_env") && !database.has("purge_url_env") {
        // The shorter of the two ways to say where it is.
        database.required("url");
        return None;
    }
    let (read, purge) = (database.required("read_url_env").words(), database.required("purge_url_env").words());
    let ca_file = database.optional("ca_file").words().map(toml::Spanned::into_inner);
    let (read, purge) = (read?, purge?);
    if read.get_ref() == purge.get_ref() {
        let message = "reading and deleting would have the same credentials";
        let help = "name a variable of its own, with the URL of a role that may delete";
        database.walk().report(database.walk().error("bad-value", purge.span(), message).label("written here").help(help));
    }
    Some(Location::Postgres { read_url_env: read.into_inner(), purge_url_env: purge.into_inner(), ca_file })
}
