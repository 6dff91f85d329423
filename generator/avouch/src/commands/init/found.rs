//! What `avouch init` finds in a repository, by looking at names and small files only.

use std::fs;

use avouch_read::lock::Format;
use camino::{Utf8Path, Utf8PathBuf};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The product's name, from a manifest or the folder.
    pub(super) name: String,
    /// Lockfiles at the root that SBOMs are made from.
    pub(super) lockfiles: Vec<&'static str>,
    /// Lockfiles at the root that are not read yet.
    pub(super) unread: Vec<&'static str>,
    /// Wrangler configuration at the root.
    pub(super) wrangler: Option<&'static str>,
    /// Workflows of GitHub.
    pub(super) workflows: Vec<String>,
    /// SQLite databases: local D1 state and `.db` or `.sqlite` files near the root.
    pub(super) databases: Vec<String>,
    /// Test reports.
    pub(super) reports: Vec<String>,
}

const UNREAD: &[&str] = &["bun.lockb", "deno.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "Gemfile.lock", "composer.lock"];
const WRANGLER: &[&str] = &["wrangler.toml", "wrangler.jsonc", "wrangler.json"];
/// Where local D1 databases lie.
const D1_STATE: &str = ".wrangler/state/v3/d1/miniflare-D1DatabaseObject";
/// The most names of one kind that are listed.
const NAMES_MAX: usize = 8;

/// Looks at a repository.
pub(super) fn look(root: &Utf8Path) -> Found {
    let at_root = |names: &[&'static str]| names.iter().copied().filter(|name| root.join(name).is_file()).collect::<Vec<_>>();
    let mut databases = files(root, D1_STATE, &["sqlite"]);
    databases.retain(|path| !path.ends_with("/metadata.sqlite"));
    for folder in ["", "data", "db"] {
        databases.extend(files(root, folder, &["db", "sqlite", "sqlite3"]));
    }
    databases.retain(|path| is_sqlite(&root.join(path)));
    Found {
        name: name(root),
        lockfiles: at_root(&Format::ALL.map(Format::names).concat()),
        unread: at_root(UNREAD),
        wrangler: at_root(WRANGLER).first().copied(),
        workflows: files(root, ".github/workflows", &["yml", "yaml"]),
        databases,
        reports: ["reports", "test-results"].iter().flat_map(|folder| files(root, folder, &["xml"])).collect(),
    }
}

/// The first bytes of every SQLite database (SQLite file format, section 1.2).
fn is_sqlite(path: &Utf8Path) -> bool {
    let mut head = [0; 16];
    let read = fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && &head == b"SQLite format 3\0"
}

fn files(root: &Utf8Path, folder: &str, extensions: &[&str]) -> Vec<String> {
    let Ok(entries) = root.join(folder).read_dir_utf8() else { return Vec::new() };
    let mut found: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter(|entry| entry.path().extension().is_some_and(|extension| extensions.contains(&extension)))
        .map(|entry| Utf8PathBuf::from(folder).join(entry.file_name()).into_string())
        .collect();
    found.sort();
    found.truncate(NAMES_MAX);
    found
}

/// From `package.json`, `Cargo.toml` or wrangler's configuration; otherwise the folder's own name.
fn name(root: &Utf8Path) -> String {
    let text = |file: &str| fs::read_to_string(root.join(file)).ok();
    let package = || {
        let value: serde_json::Value = serde_json::from_str(&text("package.json")?).ok()?;
        Some(value.get("name")?.as_str()?.to_owned())
    };
    let table = |file: &str, section: Option<&str>| {
        let table: toml::Table = text(file)?.parse().ok()?;
        let section = section.map_or(Some(&table), |name| table.get(name)?.as_table());
        Some(section?.get("name")?.as_str()?.to_owned())
    };
    let folder = || root.canonicalize_utf8().ok()?.file_name().map(str::to_owned);
    let found =
        package().or_else(|| table("Cargo.toml", Some("package"))).or_else(|| table("wrangler.toml", None)).or_else(folder);
    let found = found.unwrap_or_default();
    // `@scope/name` is called name.
    let short = found.rsplit('/').next().unwrap_or_default().trim();
    let clean: String = short.chars().filter(|character| !character.is_control()).take(60).collect();
    if clean.is_empty() { "product".to_owned() } else { clean }
}

/// A slug made of a name.
pub(super) fn slug(name: &str) -> String {
    let mapped: String = name
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
        .collect();
    let slug = mapped.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let slug: String = slug.chars().take(40).collect();
    if slug.is_empty() { "product".to_owned() } else { slug }
}
