//! What the manifests of packages state: `Cargo.toml`, `package.json`, and Python's `METADATA`.

use avouch_read::structured::{Node, parse_toml};
use serde_json::Value;

use super::{TEXT_BYTES_MAX, Told};

/// More authors than this are not listed.
const AUTHORS_MAX: usize = 20;
/// The longest name or address that is written.
const TEXT_CHARS_MAX: usize = 2_048;

/// A manifest: what it is of, and what it tells.
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) told: Told,
}

/// What a `Cargo.toml` states. `workspace` is the manifest that its `….workspace = true` refers to.
pub(super) fn cargo(bytes: &[u8], workspace: Option<&[u8]>) -> Option<Manifest> {
    let document = |bytes| parse_toml("Cargo.toml", bytes, TEXT_BYTES_MAX).ok();
    // The rest of a manifest (features, targets, dependencies) can be a hundred times as long as what is asked for.
    let own = package_table(bytes).and_then(document).or_else(|| document(bytes))?;
    let shared = workspace.and_then(document);
    let field = |name: &str| -> Option<&Node> {
        let found = own.root.pointer("/package")?.get(name)?;
        match found.get("workspace") {
            Some(_) => shared.as_ref()?.root.pointer("/workspace/package")?.get(name),
            None => Some(found),
        }
    };
    let text = |name: &str| field(name).and_then(Node::as_text);
    let authors = field("authors").and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_text);
    let (homepage, repository) = (text("homepage").and_then(web_address), text("repository").and_then(web_address));
    Some(Manifest {
        name: text("name")?.to_owned(),
        version: text("version")?.to_owned(),
        told: Told {
            licence: text("license").and_then(stated),
            authors: names(authors),
            page: repository.clone().or(homepage),
            source: repository,
            ..Told::default()
        },
    })
}

/// The name in a `Cargo.toml`.
pub(super) fn crate_name(bytes: &[u8]) -> Option<String> {
    let document = package_table(bytes).and_then(|bytes| parse_toml("Cargo.toml", bytes, TEXT_BYTES_MAX).ok())?;
    Some(document.root.pointer("/package/name")?.as_text()?.to_owned())
}

/// The lines from `[package]` to the next table. None where that cannot be told by the beginnings of lines.
fn package_table(bytes: &[u8]) -> Option<&[u8]> {
    let mut from = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match from {
            None if line.starts_with(b"[package]") => from = Some(at),
            Some(from) if line.starts_with(b"[") => return bytes.get(from..at),
            _ => {}
        }
        at += line.len();
    }
    bytes.get(from?..)
}

/// What a `package.json` states.
pub(super) fn package_json(bytes: &[u8]) -> Option<Manifest> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    // A text or an object; the second form is of npm's early years.
    let either = |value: Option<&Value>, key: &str| -> Option<String> {
        let value = value?;
        value.as_str().or_else(|| value.get(key)?.as_str()).map(str::to_owned)
    };
    let first = document.get("licenses").and_then(Value::as_array);
    let several: Vec<String> = first.into_iter().flatten().filter_map(|one| either(Some(one), "type")).collect();
    let several = (!several.is_empty()).then(|| several.join(" OR "));
    let licence = either(document.get("license"), "type").or(several);
    let author = either(document.get("author"), "name");
    let repository = either(document.get("repository"), "url").and_then(|text| repository(&text));
    let homepage = text("homepage").and_then(web_address);
    Some(Manifest {
        name: text("name")?.to_owned(),
        version: text("version")?.to_owned(),
        told: Told {
            licence: licence.as_deref().and_then(stated),
            authors: names(author.as_deref().into_iter()),
            page: repository.clone().or(homepage),
            source: repository,
            ..Told::default()
        },
    })
}

/// What the core metadata of a Python distribution states: headers like those of a mail, up to the first empty line.
pub(super) fn python(bytes: &[u8]) -> Option<Manifest> {
    let text = String::from_utf8_lossy(bytes);
    let headers: Vec<(&str, &str)> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| !name.starts_with([' ', '\t']))
        .map(|(name, value)| (name, value.trim()))
        .filter(|(_, value)| !value.is_empty() && *value != "UNKNOWN")
        .collect();
    let all =
        |name: &'static str| headers.iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    let first = |name: &'static str| all(name).next();
    let classified: Vec<&str> = all("Classifier").filter_map(classified).collect();
    // Several classifiers do not say how they are joined.
    let classified = if let [one] = classified.as_slice() { Some(*one) } else { None };
    // `License` was free text, at times the whole licence; its first line counts.
    let licence = first("License-Expression").or_else(|| first("License").filter(|text| text.len() < 100)).or(classified);
    let addresses: Vec<(String, String)> = all("Project-URL")
        .filter_map(|value| value.split_once(','))
        .filter_map(|(label, url)| Some((label.trim().to_ascii_lowercase(), web_address(url.trim())?)))
        .collect();
    let labelled =
        |labels: &[&str]| addresses.iter().find(|(label, _)| labels.contains(&label.as_str())).map(|(_, url)| url.clone());
    let source = labelled(&["source", "source code", "repository", "github", "code"]);
    let people = first("Author").or(first("Author-email")).or(first("Maintainer")).or(first("Maintainer-email"));
    Some(Manifest {
        name: first("Name")?.to_owned(),
        version: first("Version")?.to_owned(),
        told: Told {
            licence: licence.and_then(stated),
            authors: names(people.into_iter().flat_map(|people| people.split(','))),
            page: source.clone().or_else(|| first("Home-page").and_then(web_address)).or_else(|| labelled(&["homepage", "home"])),
            source,
            ..Told::default()
        },
    })
}

/// The licence that a classifier names, where it names one alone.
fn classified(classifier: &str) -> Option<&'static str> {
    Some(match classifier.strip_prefix("License :: OSI Approved :: ")? {
        "MIT License" => "MIT",
        "Apache Software License" => "Apache-2.0",
        "Mozilla Public License 2.0 (MPL 2.0)" => "MPL-2.0",
        "ISC License (ISCL)" => "ISC",
        "GNU General Public License v3 (GPLv3)" => "GPL-3.0-only",
        "GNU General Public License v3 or later (GPLv3+)" => "GPL-3.0-or-later",
        "The Unlicense (Unlicense)" => "Unlicense",
        _ => return None,
    })
}

/// A text that says something and fits on a line.
fn stated(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

/// The names of `Name <address> (page)`, without what is personal and not needed.
fn names<'a>(people: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for person in people.take(AUTHORS_MAX) {
        let name = person.split(['<', '(']).next().unwrap_or_default().trim().trim_matches('"');
        // An address alone names nobody.
        if let Some(name) = stated(name).filter(|name| !name.contains('@') && !names.contains(name)) {
            names.push(name);
        }
    }
    names
}

/// A repository as `package.json` names it: an address, or `owner/name` at a forge.
fn repository(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("git+").unwrap_or(text);
    if let Some(rest) = text.strip_prefix("git://") {
        return web_address(&format!("https://{rest}"));
    }
    if let Some(found) = web_address(text) {
        return Some(found);
    }
    let (forge, path) = match text.split_once(':') {
        None => ("github.com", text),
        Some(("github", path)) => ("github.com", path),
        Some(("gitlab", path)) => ("gitlab.com", path),
        Some(("bitbucket", path)) => ("bitbucket.org", path),
        Some(_) => return None,
    };
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let (owner, name) = path.split_once('/')?;
    (plain(owner) && plain(name)).then(|| format!("https://{forge}/{owner}/{name}"))
}

/// An address of the web that is safe to write anywhere: no credentials, no white space, nothing that RFC 3986 leaves out.
pub(super) fn web_address(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let fits = !host.is_empty() && !host.contains('@') && !host.contains('[') && text.len() <= TEXT_CHARS_MAX;
    (fits && text.bytes().all(plain) && text.matches('#').count() <= 1).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_manifest_tells_licence_authors_and_pages() {
        let text = "cargo-features = []\n[package]\nname = \"a\"\nversion = \"1.0.0\"\nauthors = [\n  \"Jane Doe <jane@x.example>\",\n  \
                    \"team@x.example\",\n]\nlicense = \"MIT/Apache-2.0\"\nrepository = \"https://x.example/a\"\n[dependencies]\n[[[broken";
        let manifest = cargo(text.as_bytes(), None).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("a", "1.0.0"));
        assert_eq!(manifest.told.licence.as_deref(), Some("MIT/Apache-2.0"));
        assert_eq!(manifest.told.authors, ["Jane Doe"], "addresses are left out");
        assert_eq!(manifest.told.page.as_deref(), Some("https://x.example/a"));
    }

    #[test]
    fn what_a_workspace_shares_is_looked_up_there() {
        let own = "[package]\nname = 'a'\nversion.workspace = true\nlicense = { workspace = true }\nhomepage = 'ftp://x'\n";
        let shared = "[workspace.package]\nversion = '2.0.0'\nlicense = 'ISC'\n";
        let manifest = cargo(own.as_bytes(), Some(shared.as_bytes())).unwrap();
        assert_eq!((manifest.version.as_str(), manifest.told.licence.as_deref()), ("2.0.0", Some("ISC")));
        assert_eq!(manifest.told.page, None);
        assert!(cargo(own.as_bytes(), None).is_none(), "a version that nobody states");
    }

    #[test]
    fn a_package_json_tells_them_in_every_form_it_ever_had() {
        let of = |rest: &str| package_json(format!(r#"{{"name": "@s/a", "version": "1.0.0", {rest}}}"#).as_bytes()).unwrap().told;
        assert_eq!(of(r#""license": "MIT""#).licence.as_deref(), Some("MIT"));
        assert_eq!(of(r#""license": {"type": "ISC"}"#).licence.as_deref(), Some("ISC"));
        assert_eq!(of(r#""licenses": [{"type": "MIT"}, {"type": "ISC"}]"#).licence.as_deref(), Some("MIT OR ISC"));
        assert_eq!(of(r#""license": 7"#).licence, None);
        assert_eq!(of(r#""author": "Jane <j@x.example> (https://x.example)""#).authors, ["Jane"]);
        assert_eq!(of(r#""author": {"name": "Jane", "email": "j@x.example"}"#).authors, ["Jane"]);
        for (text, page) in [
            ("git+https://x.example/a.git", "https://x.example/a.git"),
            ("git://x.example/a.git", "https://x.example/a.git"),
            ("owner/name", "https://github.com/owner/name"),
            ("gitlab:owner/name", "https://gitlab.com/owner/name"),
        ] {
            assert_eq!(of(&format!(r#""repository": {{"url": "{text}"}}"#)).source.as_deref(), Some(page), "{text}");
        }
        for text in ["git@x.example:a/b", "https://user:secret@x.example/a", "javascript:alert(1)", "https://x.example/ a"] {
            assert_eq!(of(&format!(r#""repository": "{text}""#)).source, None, "{text}");
        }
    }

    #[test]
    fn python_metadata_tells_them() {
        let text = "Metadata-Version: 2.4\nName: a_b\nVersion: 1.0\nAuthor-email: Jane <j@x.example>, j2@x.example\nLicense-Expression: MIT\n\
                    Project-URL: Source, https://x.example/a\n\nName: not a header\n";
        let manifest = python(text.as_bytes()).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.told.licence.as_deref()), ("a_b", Some("MIT")));
        assert_eq!(manifest.told.authors, ["Jane"]);
        assert_eq!(manifest.told.source.as_deref(), Some("https://x.example/a"));
        let old = "Name: a\nVersion: 1\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n";
        assert_eq!(python(old.as_bytes()).unwrap().told.licence.as_deref(), Some("MIT"));
        let two = format!("{old}Classifier: License :: OSI Approved :: ISC License (ISCL)\n");
        assert_eq!(python(two.as_bytes()).unwrap().told.licence, None, "two classifiers do not say how they are joined");
    }
}
