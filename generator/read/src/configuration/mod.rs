//! `avouch.toml`: strict, every mistake at its place with the way out, several at once.
//!
//! Architecture invariant: a [`Configuration`] that exists is one that can run; nothing is checked again later.

mod buckets;
mod databases;
mod retention;
mod settings;
mod targets;

use std::{collections::BTreeMap, sync::Arc};

use avouch_model::{
    Digest, Json,
    configuration::Configuration,
    diagnostic::{Diagnostic, Level, Source},
};

use crate::toml_walk::{self, TableReader, Walk};

/// Reads a configuration. Warnings come with it; they do not stop anything.
///
/// # Errors
/// Every mistake that was found, at its place.
pub fn load(source: &Arc<Source>) -> Result<(Configuration, Vec<Diagnostic>), Vec<Diagnostic>> {
    let document = toml_walk::parse(source)?;
    let walk = Walk::new(source);
    let configuration = read(&walk.root(&document));
    let problems = walk.problems();
    match configuration {
        Some(configuration) if problems.iter().all(|problem| problem.level == Level::Warning) => Ok((configuration, problems)),
        _ => Err(problems),
    }
}

/// The configuration, or none when a mistake that was reported leaves a hole in it.
fn read(root: &TableReader<'_, '_>) -> Option<Configuration> {
    // Every section is read before any hole ends the reading, so that all mistakes are reported.
    let (product, profiles) = settings::product(root);
    let release_tags = settings::release(root);
    let sbom = settings::sbom(root);
    let schedule = settings::schedule(root);
    let databases = databases::databases(root);
    let buckets = buckets::buckets(root);
    let retention = retention::retention(root, &databases, &buckets, &schedule);
    let targets = targets::targets(root);
    let bind = settings::bind(root);
    let numbers = numbers(root);
    let (gate, gate_terms) = settings::gate(root);
    let people = settings::people(root);
    let disclosure = settings::disclosure(root);
    let evidence = settings::evidence(root);
    let site = settings::site(root);
    root.finish();
    Some(Configuration {
        digest: Digest::of(root.walk().source().text.as_bytes()),
        product: product?,
        profiles,
        release_tags,
        sbom,
        databases,
        buckets,
        retention,
        targets,
        bind,
        numbers,
        gate,
        gate_terms,
        people,
        disclosure,
        evidence: evidence?,
        site,
        schedule,
    })
}

/// `[numbers.CHECK]`: which checks and numbers exist is known to the mapping, which is held against this later.
fn numbers(root: &TableReader<'_, '_>) -> BTreeMap<String, BTreeMap<String, Json>> {
    let Some(table) = root.optional("numbers").table() else { return BTreeMap::new() };
    let checks =
        table.entries().into_iter().filter_map(|(check, field)| Some((check.into_inner(), field.object()?.into_inner())));
    checks.collect()
}

/// Whether a text is a slug: lower-case letters, digits, `-` and `_`, at most 64, beginning with a letter or digit.
pub fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a text is a relative path that stays beneath its root: no drive, no root, no `..`, no control characters.
pub fn is_inner_path(text: &str) -> bool {
    let absolute = text.starts_with('/') || text.contains('\\') || text.get(1..2) == Some(":");
    !text.is_empty() && !absolute && !text.chars().any(char::is_control) && text.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests;
