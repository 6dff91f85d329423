//! A difference for a pull request. What comes from a BOM stands in code spans alone: no name becomes a link, a mention, an
//! image or a heading.

use std::fmt::Write as _;

use avouch_sbom::{Changed, Difference};

use super::{
    Side,
    text::{about, edges},
};
use crate::markdown::code;

pub(super) fn markdown(old: &Side, new: &Side, difference: &Difference) -> String {
    let mut text = format!("### SBOM: {} → {}\n\n", code(&about(old)), code(&about(new)));
    if difference.is_loud() {
        text.push_str("> [!CAUTION]\n> A version has another hash than before. Nothing innocent explains that.\n\n");
    }
    if difference.is_empty() {
        text.push_str("Nothing changed.\n\n");
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = write!(text, "#### {title} ({})\n\n", lines.len());
            lines.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
            text.push('\n');
        }
    };
    let hashes = difference.hash_changed.iter().map(|it| {
        let all =
            |hashes: &std::collections::BTreeSet<String>| hashes.iter().map(|hash| code(hash)).collect::<Vec<_>>().join(", ");
        format!("{} {}: {} → {}", named(&it.name, it.version.as_deref()), code(&it.algorithm), all(&it.old), all(&it.new))
    });
    section("Hash changed under the same version", hashes.collect());
    section("Hash no longer told", listed(&difference.hash_lost));
    let changes = |changes: &[avouch_sbom::Change], with_version: bool| -> Vec<String> {
        let version = |it: &avouch_sbom::Change| if with_version { it.version.clone() } else { None };
        changes.iter().map(|it| format!("{}: {}", named(&it.name, version(it).as_deref()), arrow(&it.old, &it.new))).collect()
    };
    section("Same version from elsewhere", changes(&difference.source_changed, true));
    section("Upgraded", changes(&difference.upgraded, false));
    section("Downgraded", changes(&difference.downgraded, false));
    section("Other version", changes(&difference.version_changed, false));
    section("Added", listed(&difference.added));
    section("Removed", listed(&difference.removed));
    let licences = difference.licence_changed.iter();
    section(
        "Licence changed",
        licences
            .map(|it| format!("{}, {}: {}", named(&it.name, it.version.as_deref()), it.kind, arrow(&it.old, &it.new)))
            .collect(),
    );
    section("Scope changed", changes(&difference.scope_changed, true));
    let (edges, others) = edges(difference);
    let name = |name: &str| if name.is_empty() { "the product".to_owned() } else { code(name) };
    let word = |sign: char| if sign == '+' { "now" } else { "no longer" };
    let lines = edges.iter().map(|(sign, edge)| format!("{} {} needs {}", name(&edge.from), word(*sign), name(&edge.to)));
    section("Edges changed", lines.collect());
    if others > 0 {
        let _ = write!(text, "{others} edges came or went with components that were added or removed.\n\n");
    }
    let _ = writeln!(text, "{} components unchanged.", difference.unchanged);
    text
}

fn listed(components: &[Changed]) -> Vec<String> {
    components.iter().map(|it| named(&it.name, it.version.as_deref())).collect()
}

fn named(name: &str, version: Option<&str>) -> String {
    version.map_or_else(|| code(name), |version| code(&format!("{name} {version}")))
}

fn arrow(old: &Option<String>, new: &Option<String>) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "not told".to_owned(), code);
    format!("{} → {}", text(old), text(new))
}
