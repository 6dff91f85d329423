//! `[targets]`: the running systems that may be probed, who the probes speak as, and the calls they make.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use avouch_model::product::{Principal, ProbeClass, ReleaseFrom, Route, Target};

use super::is_inner_path;
use crate::toml_walk::{Field, TableReader};

/// The most addresses of this machine that one target may be probed from.
const SOURCE_ADDRESSES_MAX: usize = 4096;
/// The methods of routes.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn targets(root: &TableReader<'_, '_>) -> BTreeMap<String, Target> {
    let Some(table) = root.optional("targets").table() else { return BTreeMap::new() };
    let read = table.entries().into_iter().filter_map(|(name, field)| {
        let target = target(name.into_inner(), &field.table()?)?;
        Some((target.name.clone(), target))
    });
    read.collect()
}

fn target(name: String, table: &TableReader<'_, '_>) -> Option<Target> {
    let url = address(&table.required("url"));
    let plain_url = address(&table.optional("plain_url"));
    let allow = allow(&table.optional("allow"));
    let environment = table.optional("environment").words().map_or_else(|| "unnamed".to_owned(), toml::Spanned::into_inner);
    let release_from = table.optional("release_from").table().and_then(|from| {
        let path = path(&from.required("get"));
        let pointer = pointer(&from.required("json"));
        from.finish();
        Some(ReleaseFrom { path: path?, pointer: pointer? })
    });
    let ca_file = table.optional("ca_file").words().map(toml::Spanned::into_inner);
    let source_addresses = source_addresses(&table.optional("source_addresses"));
    let requests_per_address = table.optional("requests_per_address").integer(1, 100_000).map_or(40, toml::Spanned::into_inner);
    let requests_max = table.optional("requests_max").integer(1, 1_000_000).map_or(20_000, toml::Spanned::into_inner);
    let principals = principals(table);
    let routes = routes(table);
    table.finish();
    Some(Target {
        name,
        url: url?,
        plain_url,
        allow,
        environment,
        release_from,
        ca_file,
        source_addresses,
        requests_per_address: u32::try_from(requests_per_address).ok()?,
        requests_max: u32::try_from(requests_max).ok()?,
        principals,
        routes,
    })
}

/// Scheme, host and port only: paths belong to routes.
fn address(field: &Field<'_, '_>) -> Option<String> {
    let text = field.words()?;
    let wrong = |message: &str| {
        field.report("bad-url", text.span(), message.to_owned(), "write scheme, host and port: `https://api.example.com`");
    };
    let Ok(url) = url::Url::parse(text.get_ref()) else {
        wrong("this is not the address of a target");
        return None;
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        wrong("a target is reached by http:// or https://");
        return None;
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        wrong("the address of a target has no path; routes have");
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        wrong("an address holds no credentials; principals name the environment variable that does");
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn allow(field: &Field<'_, '_>) -> BTreeSet<ProbeClass> {
    let mut allowed = BTreeSet::from([ProbeClass::Passive]);
    for word in field.texts().unwrap_or_default() {
        match word.get_ref().as_str() {
            "passive" => {}
            "active" => drop(allowed.insert(ProbeClass::Active)),
            // Whoever allows the stronger class allows the weaker ones.
            "intrusive" => allowed.extend([ProbeClass::Active, ProbeClass::Intrusive]),
            other => field.report(
                "unknown-value",
                word.span(),
                format!("no class of probe is named `{other}`"),
                "one of `passive`, `active`, `intrusive`",
            ),
        }
    }
    allowed
}

/// Single addresses, and ranges `127.0.8.1-127.0.8.200`.
fn source_addresses(field: &Field<'_, '_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for text in field.texts().unwrap_or_default() {
        let found = match text.get_ref().split_once('-') {
            None => text.get_ref().parse().ok().map(|address| vec![address]),
            Some((first, last)) => match (first.trim().parse(), last.trim().parse()) {
                (Ok(IpAddr::V4(first)), Ok(IpAddr::V4(last))) => {
                    let (first, last) = (u32::from(first), u32::from(last));
                    let count = last.checked_sub(first).and_then(|count| usize::try_from(count).ok());
                    count
                        .filter(|count| *count < SOURCE_ADDRESSES_MAX)
                        .map(|_| (first..=last).map(|bits| IpAddr::from(bits.to_be_bytes())).collect())
                }
                _ => None,
            },
        };
        match found {
            Some(found) => addresses.extend(found),
            None => field.report(
                "bad-address",
                text.span(),
                format!("`{}` is no address and no range of addresses", text.get_ref()),
                "write `192.0.2.7`, or a range of at most 4,096: `192.0.2.1-192.0.2.30`",
            ),
        }
    }
    addresses
}

fn principals(table: &TableReader<'_, '_>) -> BTreeMap<String, Principal> {
    let Some(principals) = table.optional("principals").table() else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for (name, field) in principals.entries() {
        let Some(principal) = field.table() else { continue };
        let tenant = principal.optional("tenant").words().map(toml::Spanned::into_inner);
        let header = principal.optional("header").words().map_or_else(|| "Authorization".to_owned(), toml::Spanned::into_inner);
        let value = principal.required("value").words();
        let further = principal.optional("with").table();
        let further = further.map_or_else(Vec::new, |table| table.entries());
        let with: Option<BTreeMap<String, String>> = further
            .into_iter()
            .map(|(name, value)| Some((name.into_inner(), from_environment(&value, value.words()?)?)))
            .collect();
        principal.finish();
        let (Some(value), Some(with)) = (value.and_then(|value| from_environment(&field, value)), with) else { continue };
        let name = name.into_inner();
        read.insert(name.clone(), Principal { name, tenant, header, value, with });
    }
    read
}

/// A credential, which names the variable that holds it.
fn from_environment(field: &Field<'_, '_>, value: toml::Spanned<String>) -> Option<String> {
    if !value.get_ref().contains("${") {
        field.report(
            "secret-in-configuration",
            value.span(),
            "a credential is written into the configuration".to_owned(),
            "name the environment variable that holds it: `value = \"Bearer ${PROBE_A}\"`",
        );
        return None;
    }
    Some(value.into_inner())
}

fn routes(table: &TableReader<'_, '_>) -> BTreeMap<String, Route> {
    let Some(routes) = table.optional("routes").table() else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for (name, field) in routes.entries() {
        let Some(route) = field.table() else { continue };
        let call = call(&route.required("call"));
        let body = route.optional("body");
        let body = body.words().and_then(|text| {
            let inner = is_inner_path(text.get_ref());
            if !inner {
                body.report(
                    "bad-path",
                    text.span(),
                    format!("`{}` leaves this folder", text.get_ref()),
                    "name a file beneath it",
                );
            }
            inner.then(|| text.into_inner())
        });
        let ok = route.optional("ok").integer(100, 599).and_then(|ok| u16::try_from(ok.into_inner()).ok()).unwrap_or(200);
        let id = pointer(&route.optional("id"));
        let undo = self::call(&route.optional("undo"));
        route.finish();
        if let Some((method, path)) = call {
            let name = name.into_inner();
            read.insert(name.clone(), Route { name, method, path, body, ok, id, undo });
        }
    }
    read
}

/// `POST /v1/items`
fn call(field: &Field<'_, '_>) -> Option<(String, String)> {
    let text = field.words()?;
    let found = text.get_ref().split_once(' ').map(|(method, path)| (method, path.trim()));
    match found {
        Some((method, path)) if METHODS.contains(&method) && is_path(path) => Some((method.to_owned(), path.to_owned())),
        _ => {
            field.report(
                "bad-call",
                text.span(),
                format!("`{}` is not a call", text.get_ref()),
                "write method and path: `POST /v1/items`",
            );
            None
        }
    }
}

fn path(field: &Field<'_, '_>) -> Option<String> {
    let text = field.words()?;
    if is_path(text.get_ref()) {
        return Some(text.into_inner());
    }
    field.report(
        "bad-path",
        text.span(),
        format!("`{}` is not a path of the target", text.get_ref()),
        "write it from the root: `/version`",
    );
    None
}

fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

fn pointer(field: &Field<'_, '_>) -> Option<String> {
    let text = field.text()?;
    if text.get_ref().is_empty() || text.get_ref().starts_with('/') {
        return Some(text.into_inner());
    }
    field.report(
        "bad-pointer",
        text.span(),
        format!("`{}` is not a JSON Pointer", text.get_ref()),
        "write it as `/commit` (RFC 6901)",
    );
    None
}
