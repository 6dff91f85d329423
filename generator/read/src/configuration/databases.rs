//! `[databases]`: where the product keeps its rows.

use std::{collections::BTreeMap, net::IpAddr};

use avouch_model::{
    Span,
    product::{D1, Database, Location},
};
use toml::Spanned;
use url::Url;

use crate::toml_walk::TableReader;

/// Where Cloudflare's API is.
const CLOUDFLARE: &str = "https://api.cloudflare.com/client/v4";

pub(super) fn databases(root: &TableReader<'_, '_>) -> BTreeMap<String, Database> {
    let Some(table) = root.optional("databases").table() else { return BTreeMap::new() };
    let mut databases = BTreeMap::new();
    for (name, field) in table.entries() {
        let Some(database) = field.table() else { continue };
        let location = if database.has("url") { by_url(&database) } else { postgres(&database) };
        let recovery_window = database.optional("recovery_window").parsed::<Span>().map(Spanned::into_inner);
        database.finish();
        if let Some(location) = location {
            let name = name.into_inner();
            databases.insert(name.clone(), Database { name, location, recovery_window });
        }
    }
    databases
}

fn by_url(database: &TableReader<'_, '_>) -> Option<Location> {
    let url = database.required("url").words()?;
    if let Some(place) = url.get_ref().strip_prefix("d1://") {
        return d1(database, &url, place);
    }
    if let Some(path) = url.get_ref().strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Some(Location::Sqlite(path.to_owned()));
    }
    let (message, help) = match url.get_ref().split(':').next().unwrap_or_default() {
        "postgres" | "postgresql" => (
            "the URL of a server holds who connects, and perhaps a password".to_owned(),
            "name environment variables that hold it: `read_url_env = \"…\"` and `purge_url_env = \"…\"`",
        ),
        _ => (
            format!("`{}` is not the address of a database", url.get_ref()),
            "write `sqlite:path/of/file.db` or `d1://ACCOUNT/DATABASE`",
        ),
    };
    database.walk().report(database.walk().error("bad-url", url.span(), message).label("written here").help(help));
    None
}

/// Reading and purging have tokens of their own here too.
fn d1(database: &TableReader<'_, '_>, url: &Spanned<String>, place: &str) -> Option<Location> {
    let refuse = |code, at: &Spanned<String>, message: String, help: &str| {
        database.walk().report(database.walk().error(code, at.span(), message).label("written here").help(help));
        None
    };
    let (read, purge) = (database.required("read_token_env").words(), database.required("purge_token_env").words());
    let endpoint = database.optional("endpoint").words();
    let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let uuid = |text: &str| text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(hexadecimal);
    let Some((account, name)) =
        place.split_once('/').filter(|(account, name)| account.len() == 32 && hexadecimal(account) && uuid(name))
    else {
        let message = format!("`{}` names no database of D1", url.get_ref());
        return refuse(
            "bad-url",
            url,
            message,
            "write `d1://ACCOUNT/DATABASE`: 32 hexadecimal digits, and the UUID of the database",
        );
    };
    if let Some(endpoint) = endpoint.as_ref().filter(|endpoint| !is_endpoint(endpoint.get_ref())) {
        let message = "an API is asked over HTTPS, or on a loopback address".to_owned();
        return refuse(
            "bad-url",
            endpoint,
            message,
            "write `https://host/path` without a slash at its end, or leave `endpoint` out",
        );
    }
    let (read, purge) = (read?, purge?);
    if read.get_ref() == purge.get_ref() {
        let message = "reading and deleting would have the same credentials".to_owned();
        return refuse("bad-value", &purge, message, "name a variable of its own, with a token that may edit D1");
    }
    Some(Location::D1(D1 {
        account: account.to_ascii_lowercase(),
        database: name.to_ascii_lowercase(),
        endpoint: endpoint.map_or_else(|| CLOUDFLARE.to_owned(), Spanned::into_inner),
        read_token_env: read.into_inner(),
        purge_token_env: purge.into_inner(),
    }))
}

/// Whether a credential may be sent there: nobody reads it on the way, and the URL holds nothing of its own.
pub(super) fn is_endpoint(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let loopback = url.host_str().is_some_and(|host| {
        host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    bare && !text.ends_with('/') && (url.scheme() == "https" || url.scheme() == "http" && loopback)
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
