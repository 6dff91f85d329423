//! A difference for people: the loud part first.

use std::{collections::BTreeSet, fmt::Write as _};

use avouch_sbom::{Difference, Edge};

use super::Side;
use crate::output::{Output, plain};

pub(super) fn text(output: &Output, old: &Side, new: &Side, difference: &Difference) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = write!(text, "{}\n{}\n", output.strong(&format!("{title} ({})", lines.len())), lines.concat());
        }
    };
    let hashes = difference.hash_changed.iter().map(|it| {
        let mut line = format!("  {}  {}\n", named(&it.name, it.version.as_deref()), plain(&it.algorithm));
        it.old.iter().for_each(|hash| line.push_str(&format!("    - {}\n", plain(hash))));
        it.new.iter().for_each(|hash| line.push_str(&format!("    + {}\n", plain(hash))));
        line
    });
    section("✕ HASH CHANGED UNDER THE SAME VERSION", hashes.collect());
    section("Hash no longer told", listed(&difference.hash_lost));
    let sources = difference.source_changed.iter();
    section(
        "Same version from elsewhere",
        sources.map(|it| format!("  {}: {}\n", named(&it.name, it.version.as_deref()), arrow(&it.old, &it.new))).collect(),
    );
    for (title, changes) in [
        ("Upgraded", &difference.upgraded),
        ("Downgraded", &difference.downgraded),
        ("Other version", &difference.version_changed),
    ] {
        section(title, changes.iter().map(|it| format!("  {}  {}\n", plain(&it.name), arrow(&it.old, &it.new))).collect());
    }
    section("Added", listed(&difference.added));
    section("Removed", listed(&difference.removed));
    let licences = difference
        .licence_changed
        .iter()
        .map(|it| format!("  {}, {}: {}\n", named(&it.name, it.version.as_deref()), it.kind, arrow(&it.old, &it.new)));
    section("Licence changed", licences.collect());
    let scopes = difference.scope_changed.iter();
    section(
        "Scope changed",
        scopes.map(|it| format!("  {}: {}\n", named(&it.name, it.version.as_deref()), arrow(&it.old, &it.new))).collect(),
    );
    let (edges, others) = edges(difference);
    section("Edges changed", edges.iter().map(|(sign, edge)| format!("  {sign} {}\n", between(edge))).collect());
    if others > 0 {
        let _ = writeln!(text, "{others} edges came or went with components that were added or removed.");
    }
    let _ = writeln!(text, "{} → {}: {} components unchanged.", about(old), about(new), difference.unchanged);
    text
}

/// The edges between components that are in both BOMs, each with its sign, and how many others there are.
pub(super) fn edges(difference: &Difference) -> (Vec<(char, &Edge)>, usize) {
    let passing: BTreeSet<&str> = difference.added.iter().chain(&difference.removed).map(|it| it.name.as_str()).collect();
    let stays = |edge: &&Edge| !passing.contains(edge.from.as_str()) && !passing.contains(edge.to.as_str());
    let removed = difference.edges_removed.iter().filter(stays).map(|edge| ('-', edge));
    let kept: Vec<(char, &Edge)> = removed.chain(difference.edges_added.iter().filter(stays).map(|edge| ('+', edge))).collect();
    let others = difference.edges_added.len() + difference.edges_removed.len() - kept.len();
    (kept, others)
}

/// What a side is, in a few words.
pub(super) fn about(side: &Side) -> String {
    let product = side.contents.product.as_ref().map(|product| format!(" of {}", plain(&product.to_string())));
    format!("{} ({}{})", plain(&side.name), plain(&side.contents.format), product.unwrap_or_default())
}

fn listed(components: &[avouch_sbom::Changed]) -> Vec<String> {
    components.iter().map(|it| format!("  {}\n", named(&it.name, it.version.as_deref()))).collect()
}

fn named(name: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{} {}", plain(name), plain(version)),
        None => plain(name),
    }
}

fn arrow(old: &Option<String>, new: &Option<String>) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "(not told)".to_owned(), plain);
    format!("{} → {}", text(old), text(new))
}

fn between(edge: &Edge) -> String {
    let name = |name: &str| if name.is_empty() { "(the product)".to_owned() } else { plain(name) };
    format!("{} → {}", name(&edge.from), name(&edge.to))
}
