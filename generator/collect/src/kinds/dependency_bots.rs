//! Configurations of Renovate and Dependabot: what they look after, what they label, what they merge.
//!
//! "Configuration options" and "Config Presets" of Renovate's documentation; "Dependabot options reference". Presets that
//! lie elsewhere are not followed: what they may decide stays open.

use avouch_read::{lock::MANIFEST_BYTES_MAX, structured::Node};
use globset::GlobBuilder;
use regex::Regex;

use crate::{Unasked, World, ecosystems::folder, parsed::Form};

/// The largest configuration that is read, in bytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// How many rules of Renovate are read.
const RULES_MAX: usize = 500;

/// A bot as its configuration says.
#[derive(Debug)]
pub(super) enum Bot {
    /// Renovate; the configuration.
    Renovate(Node),
    /// Dependabot; the entries of `updates`.
    Dependabot(Vec<Node>),
}

/// What happens to a major update of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Majors {
    /// Somebody has to merge it.
    Kept,
    /// It is merged by itself.
    Merged,
    /// A preset that is not here decides.
    Open,
}

/// Reads a configuration of Renovate; none if a `package.json` holds none.
pub(super) fn renovate(world: &World<'_>, path: &str) -> Result<Option<Bot>, Unasked> {
    if path == "package.json" {
        // What is wrong with a manifest is told by other questions.
        let Ok(document) = world.document(path, Form::Json, MANIFEST_BYTES_MAX) else { return Ok(None) };
        return Ok(document.root.get("renovate").cloned().map(Bot::Renovate));
    }
    let document = world.document(path, Form::Jsonc, BYTES_MAX).map_err(|Unasked(why)| {
        let hint = if path.ends_with('5') { "; of JSON5 only comments and trailing commas are read" } else { "" };
        Unasked(format!("{why}{hint}"))
    })?;
    if rules(&document.root).len() > RULES_MAX {
        return Err(Unasked(format!("{path}:1:1: the configuration has more than {RULES_MAX} rules")));
    }
    Ok(Some(Bot::Renovate(document.root.clone())))
}

/// Reads a configuration of Dependabot.
pub(super) fn dependabot(world: &World<'_>, path: &str) -> Result<Option<Bot>, Unasked> {
    let document = world.document(path, Form::Yaml, BYTES_MAX)?;
    let updates = document.root.get("updates").and_then(Node::as_list);
    let updates =
        updates.ok_or_else(|| Unasked(format!("{path}:1:1: a configuration of Dependabot needs the list `updates`")))?;
    Ok(Some(Bot::Dependabot(updates.to_vec())))
}

impl Bot {
    /// Whether it proposes updates for a file (a lockfile, or a workflow) of an ecosystem.
    pub(super) fn covers(&self, ecosystem: &str, path: &str) -> bool {
        match self {
            Self::Renovate(root) => renovate_covers(root, ecosystem, path),
            Self::Dependabot(updates) => updates.iter().any(|update| {
                let text = |key: &str| update.get(key).and_then(Node::as_written).unwrap_or_default();
                let everything = |ignored: &Node| {
                    ignored.get("dependency-name").and_then(Node::as_text) == Some("*")
                        && ignored.get("update-types").is_none()
                        && ignored.get("versions").is_none()
                };
                let ignored = update.get("ignore").and_then(Node::as_list).unwrap_or_default();
                dependabot_ecosystem(text("package-ecosystem")).contains(&ecosystem)
                    && text("open-pull-requests-limit") != "0"
                    && !ignored.iter().any(everything)
                    && in_directory(update, ecosystem, path)
            }),
        }
    }

    /// Whether an update of a package gets a label.
    pub(super) fn labels(&self, package: &str, label: &str) -> bool {
        let has = |node: &Node, key: &str| {
            let labels = node.get(key).and_then(Node::as_list).unwrap_or_default();
            labels.iter().any(|one| one.as_text() == Some(label))
        };
        match self {
            Self::Renovate(root) => {
                if !renovate_proposes(root, package) {
                    return false;
                }
                let mut labelled = has(root, "labels");
                let mut added = has(root, "addLabels");
                for rule in rules(root) {
                    // Only a rule that surely applies gives the label.
                    if applies(rule, package) == Some(true) {
                        if rule.get("labels").is_some() {
                            labelled = has(rule, "labels");
                        }
                        added |= has(rule, "addLabels");
                    }
                }
                labelled || added
            }
            Self::Dependabot(updates) => updates.iter().any(|update| has(update, "labels") && !ignores(update, package)),
        }
    }

    /// What happens to a major update of a package.
    pub(super) fn majors(&self, package: &str) -> Majors {
        match self {
            // Dependabot itself merges nothing; a workflow may.
            Self::Dependabot(_) => Majors::Kept,
            Self::Renovate(root) => {
                let mut state = Majors::Kept;
                for preset in texts(root.get("extends")) {
                    state = match preset.as_str() {
                        ":automergeAll" | ":automergeMajor" => Majors::Merged,
                        ":automergeDisabled" => Majors::Kept,
                        preset if is_known(preset) => state,
                        // A preset of others may say anything, and what follows here overrides it.
                        _ if state == Majors::Merged => Majors::Merged,
                        _ => Majors::Open,
                    };
                }
                let says = |node: &Node| {
                    let major = node.get("major").and_then(|major| major.get("automerge")).and_then(Node::as_bool);
                    major.or_else(|| node.get("automerge").and_then(Node::as_bool))
                };
                let turned = |said: bool| if said { Majors::Merged } else { Majors::Kept };
                if let Some(said) = says(root) {
                    state = turned(said);
                }
                for rule in rules(root) {
                    let updates = texts(rule.get("matchUpdateTypes"));
                    if !updates.is_empty() && !updates.iter().any(|update| update == "major") {
                        continue;
                    }
                    let off = rule.get("enabled").and_then(Node::as_bool) == Some(false);
                    match (says(rule), applies(rule, package)) {
                        (_, Some(true)) if off => state = Majors::Kept,
                        (Some(said), Some(true)) => state = turned(said),
                        // A rule that may apply and merges is taken to do so.
                        (Some(true), None) => state = Majors::Merged,
                        _ => {}
                    }
                }
                state
            }
        }
    }
}

/// Presets that come with Renovate and merge no major update.
fn is_known(preset: &str) -> bool {
    let groups = [
        "config:",
        ":",
        "group:",
        "monorepo:",
        "replacements:",
        "schedule:",
        "workarounds:",
        "helpers:",
        "docker:",
        "default:",
        "packages:",
        "security:",
        "customManagers:",
        "abandonments:",
        "preview:",
        "npm:",
        "regexManagers:",
        "mergeConfidence:",
    ];
    groups.iter().any(|group| preset.starts_with(group)) && !preset.contains("utomergeMajor") && !preset.contains("utomergeAll")
}

fn texts(node: Option<&Node>) -> Vec<String> {
    match node {
        Some(node) => match node.as_list() {
            Some(items) => items.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
            None => node.as_text().map(str::to_owned).into_iter().collect(),
        },
        None => vec![],
    }
}

fn rules(root: &Node) -> &[Node] {
    root.get("packageRules").and_then(Node::as_list).unwrap_or_default()
}

/// Whether a rule applies to major updates of a package; none if what it asks for is not told by the package's name.
fn applies(rule: &Node, package: &str) -> Option<bool> {
    let names: Vec<String> = ["matchPackageNames", "matchDepNames"].iter().flat_map(|key| texts(rule.get(key))).collect();
    let patterns: Vec<String> =
        ["matchPackagePatterns", "matchDepPatterns"].iter().flat_map(|key| texts(rule.get(key))).collect();
    let prefixes: Vec<String> =
        ["matchPackagePrefixes", "matchDepPrefixes"].iter().flat_map(|key| texts(rule.get(key))).collect();
    let regex = |pattern: &str| pattern == "*" || Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(package));
    let one = |name: &str| named(name, package);
    let (not, wanted): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.starts_with('!'));
    if not.iter().any(|name| one(name.trim_start_matches('!'))) {
        return Some(false);
    }
    let excluded = texts(rule.get("excludePackageNames")).iter().any(|name| one(name))
        || texts(rule.get("excludePackagePatterns")).iter().any(|pattern| regex(pattern))
        || texts(rule.get("excludePackagePrefixes")).iter().any(|prefix| package.starts_with(prefix.as_str()));
    if excluded {
        return Some(false);
    }
    let says_which = !wanted.is_empty() || !patterns.is_empty() || !prefixes.is_empty();
    let meant = wanted.iter().any(|name| one(name))
        || patterns.iter().any(|pattern| regex(pattern))
        || prefixes.iter().any(|prefix| package.starts_with(prefix.as_str()));
    if says_which && !meant {
        return Some(false);
    }
    let updates = texts(rule.get("matchUpdateTypes"));
    if !updates.is_empty() && !updates.iter().any(|update| update == "major") {
        return Some(false);
    }
    let told = [
        "matchPackageNames",
        "matchDepNames",
        "matchPackagePatterns",
        "matchDepPatterns",
        "matchPackagePrefixes",
        "matchDepPrefixes",
        "matchUpdateTypes",
    ];
    let keys = rule.as_table().map_or(&[][..], |table| table.entries());
    let other = keys.iter().any(|entry| entry.key.starts_with("match") && !told.contains(&entry.key.as_str()));
    if other { None } else { Some(true) }
}

/// A name as `matchPackageNames` takes it: exact, a glob, or a regular expression between slashes.
fn named(pattern: &str, package: &str) -> bool {
    if let Some(regex) = pattern.strip_prefix('/') {
        let (regex, flags) = regex.rsplit_once('/').unwrap_or((regex, ""));
        let regex = if flags.contains('i') { format!("(?i){regex}") } else { regex.to_owned() };
        return Regex::new(&regex.replace("\\/", "/")).is_ok_and(|regex| regex.is_match(package));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
    pattern == package || glob.is_ok_and(|glob| glob.compile_matcher().is_match(package))
}

/// Whether Renovate proposes updates of a package at all.
fn renovate_proposes(root: &Node, package: &str) -> bool {
    let off = |node: &Node| node.get("enabled").and_then(Node::as_bool) == Some(false);
    let mut proposed = !off(root) && !texts(root.get("ignoreDeps")).iter().any(|name| name == package);
    for rule in rules(root) {
        if applies(rule, package) == Some(true)
            && let Some(enabled) = rule.get("enabled").and_then(Node::as_bool)
        {
            proposed = enabled;
        }
    }
    proposed
}

fn renovate_covers(root: &Node, ecosystem: &str, path: &str) -> bool {
    let managers: &[&str] = match ecosystem {
        "npm" => &["npm", "bun"],
        "cargo" => &["cargo"],
        "pypi" => &["pep621", "poetry", "pip_requirements", "pip-compile", "pipenv", "uv"],
        "go" => &["gomod"],
        "github-actions" => &["github-actions"],
        _ => return false,
    };
    let off = |node: &Node| node.get("enabled").and_then(Node::as_bool) == Some(false);
    let enabled = texts(root.get("enabledManagers"));
    let ignored = texts(root.get("ignorePaths"));
    let glob = |pattern: &String| {
        GlobBuilder::new(pattern).literal_separator(true).build().is_ok_and(|glob| glob.compile_matcher().is_match(path))
            || path.starts_with(pattern.trim_end_matches('*'))
    };
    // A rule without a name that switches a manager off.
    let switched_off = rules(root).iter().any(|rule| {
        let named = texts(rule.get("matchManagers"));
        let keys = rule.as_table().map_or(&[][..], |table| table.entries());
        let only = keys.iter().filter(|entry| entry.key.starts_with("match")).count() == 1;
        let all = named.is_empty()
            && texts(rule.get("matchPackageNames")).iter().any(|name| matches!(name.as_str(), "*" | "**" | "/.*/"));
        off(rule) && only && (all || managers.iter().any(|manager| named.iter().any(|name| name == manager)))
    });
    !off(root)
        && !switched_off
        && (enabled.is_empty() || managers.iter().any(|manager| enabled.iter().any(|name| name == manager)))
        && !managers.iter().any(|manager| root.get(manager).is_some_and(off))
        && !ignored.iter().any(glob)
}

/// The ecosystems, in our words, of one of Dependabot's.
fn dependabot_ecosystem(name: &str) -> &'static [&'static str] {
    match name {
        "npm" | "bun" => &["npm"],
        "cargo" | "rust-toolchain" => &["cargo"],
        "pip" | "uv" => &["pypi"],
        "gomod" => &["go"],
        "github-actions" => &["github-actions"],
        _ => &[],
    }
}

fn in_directory(update: &Node, ecosystem: &str, path: &str) -> bool {
    let mut directories = texts(update.get("directories"));
    directories.extend(texts(update.get("directory")));
    // `/` means the workflows of the repository.
    let here = if ecosystem == "github-actions" && path.starts_with(".github/workflows/") { "" } else { folder(path) };
    directories.iter().any(|directory| {
        let wanted = directory.trim_matches('/');
        wanted == here
            || GlobBuilder::new(wanted).literal_separator(true).build().is_ok_and(|glob| glob.compile_matcher().is_match(here))
            // An action of the repository lies beside what uses it.
            || (ecosystem == "github-actions" && wanted.is_empty() && path.starts_with(".github/"))
    })
}

/// Whether an entry of Dependabot leaves a package out altogether.
fn ignores(update: &Node, package: &str) -> bool {
    let ignored = update.get("ignore").and_then(Node::as_list).unwrap_or_default();
    ignored.iter().any(|one| {
        one.get("update-types").is_none()
            && one.get("versions").is_none()
            && one
                .get("dependency-name")
                .and_then(Node::as_text)
                .is_some_and(|name| GlobBuilder::new(name).build().is_ok_and(|glob| glob.compile_matcher().is_match(package)))
    })
}
