//! `[buckets]`: object storage that rows are archived in.

use std::collections::BTreeMap;

use avouch_model::product::{Archive, Bucket};
use toml::Spanned;

use super::databases::is_endpoint;
use crate::toml_walk::{Field, TableReader, suggestion};

pub(super) fn buckets(root: &TableReader<'_, '_>) -> BTreeMap<String, Bucket> {
    let Some(table) = root.optional("buckets").table() else { return BTreeMap::new() };
    let mut buckets = BTreeMap::new();
    for (name, field) in table.entries() {
        let Some(table) = field.table() else { continue };
        if !is_name(name.get_ref()) {
            let message = format!("`{}` is not the name of a bucket", name.get_ref());
            field.report(
                "bad-value",
                name.span(),
                message,
                "write it as in `s3://NAME/PREFIX`: lower-case letters, digits, `-`, `.`",
            );
        }
        let bucket = bucket(&table, name.get_ref());
        table.finish();
        if let Some(bucket) = bucket {
            buckets.insert(name.into_inner(), bucket);
        }
    }
    buckets
}

fn bucket(table: &TableReader<'_, '_>, name: &str) -> Option<Bucket> {
    let words = |key: &str| table.optional(key).words().map(Spanned::into_inner);
    let (region_field, endpoint_field) = (table.required("region"), table.optional("endpoint"));
    let (region, endpoint) = (region_field.words(), endpoint_field.words());
    if let Some(region) = region.as_ref().filter(|region| !is_region(region.get_ref())) {
        let message = format!("`{}` is not the name of a region", region.get_ref());
        region_field.report(
            "bad-value",
            region.span(),
            message,
            "write one such as `eu-central-1`; many stores want `us-east-1` or `auto`",
        );
    }
    if let Some(endpoint) = endpoint.as_ref().filter(|endpoint| !is_endpoint(endpoint.get_ref())) {
        let way_out = "write `https://host` without a slash at its end and without the bucket, or leave it out for S3 itself";
        endpoint_field.report("bad-url", endpoint.span(), "a store is asked over HTTPS, or on a loopback address", way_out);
    }
    let (access, secret) = (table.required("access_key_env").words(), table.required("secret_key_env").words());
    let (session_token_env, ca_file) = (words("session_token_env"), words("ca_file"));
    let (region, access, secret) = (region?.into_inner(), access?, secret?);
    if access.get_ref() == secret.get_ref() {
        let message = "the id and the secret of a key are two things";
        let way_out = "name the variable that holds the secret access key";
        table.optional("secret_key_env").report("bad-value", secret.span(), message, way_out);
    }
    let s3 = || format!("https://s3.{region}.amazonaws.com");
    Some(Bucket {
        name: name.to_owned(),
        endpoint: endpoint.map_or_else(s3, Spanned::into_inner),
        region,
        access_key_env: access.into_inner(),
        secret_key_env: secret.into_inner(),
        session_token_env,
        ca_file,
    })
}

/// Where a rule archives: a folder, or a bucket that is configured.
pub(super) fn archive(field: &Field<'_, '_>, buckets: &BTreeMap<String, Bucket>) -> Option<Archive> {
    let text = field.words()?;
    let refuse = |code, message: String, way_out: &str| {
        field.report(code, text.span(), message, way_out);
        None
    };
    let Some((scheme, place)) = text.get_ref().split_once("://") else { return Some(Archive::Folder(text.into_inner())) };
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    if scheme != "s3" || !is_name(name) || !is_prefix(prefix) {
        let message = format!("`{}` names no archive", text.get_ref());
        let way_out = "write a folder, or `s3://BUCKET/PREFIX` with letters, digits, `-`, `_` and `.` between single slashes";
        return refuse("bad-url", message, way_out);
    }
    let Some(bucket) = buckets.get(name) else {
        let way_out = match buckets.len() {
            0 => format!("add `[buckets.\"{name}\"]` with `region`, `access_key_env` and `secret_key_env`"),
            _ => suggestion(name, buckets.keys().map(String::as_str)),
        };
        return refuse("unknown-bucket", format!("no bucket is named `{name}`"), &way_out);
    };
    Some(Archive::Objects { bucket: bucket.clone(), prefix: prefix.to_owned() })
}

/// Amazon S3 User Guide, "General purpose bucket naming rules".
fn is_name(text: &str) -> bool {
    let end = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    let within = bytes.iter().all(|byte| end(Some(byte)) || matches!(byte, b'-' | b'.'));
    (3..=63).contains(&text.len()) && within && end(bytes.first()) && end(bytes.last())
}

/// It becomes a part of a host and of a signature.
fn is_region(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Characters that no store, no URL and no signature writes otherwise.
fn is_prefix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
    text.is_empty() || text.len() <= 512 && text.split('/').all(part)
}
