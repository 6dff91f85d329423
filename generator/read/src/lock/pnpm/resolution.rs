//! Where a package of a `pnpm-lock.yaml` comes from, and what recognises it.

use super::{
    super::{
        Archive, Ecosystem, Hash, Origin, Package, address,
        origin::{archive, git_url, integrity, is_commit, relative_path},
        package_lock, sound,
    },
    key::Key,
    refuse,
};
use crate::structured::{Document, Entry, Node, Unreadable, shown};

pub(super) fn package(document: &Document, key: Key<'_>, entry: &Entry, node: &Node) -> Result<Package, Unreadable> {
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let name = text("name").unwrap_or(key.name);
    // Another runtime than the one that pnpm runs on is locked as `node@runtime:22.0.0`.
    let reference = key.reference.strip_prefix("runtime:").unwrap_or(key.reference);
    let plain = reference.starts_with(|first: char| first.is_ascii_digit()) && !reference.contains(['/', ':']);
    let version = text("version").or_else(|| plain.then_some(reference));
    sound(&document.source, &entry.key_span, name, version)?;
    let resolution = node.get("resolution");
    let resolved = |name: &str| resolution.and_then(|resolution| resolution.get(name)).and_then(Node::as_text);
    let hash = |value: &str| {
        let hashes = integrity(value);
        hashes.ok_or_else(|| refuse(document, &entry.key_span, format!("the integrity of `{}` is not a hash", shown(name))))
    };
    let hashes: Vec<Hash> = resolved("integrity").map(hash).transpose()?.unwrap_or_default();
    let variants = resolution.and_then(|resolution| resolution.get("variants")).and_then(Node::as_list).unwrap_or_default();
    let mut archives = package_lock::archives(resolved("tarball"), &hashes);
    for variant in variants {
        let of = |key: &str| variant.get("resolution").and_then(|it| it.get(key)).and_then(Node::as_text);
        let hashes = of("integrity").map(hash).transpose()?.unwrap_or_default();
        archives.push(Archive { url: of("url").map(address::of_archive), file: None, hashes });
    }
    let origin = match (resolved("repo"), resolved("commit"), resolved("tarball"), resolved("directory")) {
        (Some(url), Some(commit), ..) if is_commit(commit) => {
            Origin::Git { url: git_url(url), commit: commit.to_ascii_lowercase() }
        }
        (Some(_), ..) => {
            let message = format!("`{}` comes from git without a full commit id", shown(name));
            return Err(refuse(document, &entry.key_span, message));
        }
        (_, _, Some(tarball), _) if tarball.starts_with("file:") => Origin::Path { path: relative_path(tarball) },
        (_, _, Some(tarball), _) => of_tarball(name, tarball, node),
        (_, _, _, Some(folder)) => Origin::Path { path: relative_path(folder) },
        _ if key.reference.starts_with("file:") || key.name.starts_with("file:") => {
            Origin::Path { path: relative_path(key.reference) }
        }
        _ => match (key.registry, archives.first().and_then(|archive| archive.url.as_deref())) {
            (Some(host), _) => package_lock::registry_at(&format!("https://{host}")),
            (None, Some(url)) => Origin::Archive { url: url.to_owned() },
            (None, None) => Origin::Registry,
        },
    };
    archives.sort();
    Ok(Package {
        hashes,
        archives,
        patched: entry.key.contains("(patch_hash=") || node.get("patched").and_then(Node::as_bool) == Some(true),
        conditional: ["os", "cpu", "libc"].iter().any(|key| node.get(key).is_some()),
        ..Package::new(Ecosystem::Npm, name, version, origin)
    })
}

/// Where an archive comes from. pnpm writes the address of one from a registry too, where it cannot be derived; only what
/// comes from elsewhere has a `version` of its own in the entry.
fn of_tarball(name: &str, tarball: &str, node: &Node) -> Origin {
    match archive(tarball) {
        git @ Origin::Git { .. } => git,
        other => match package_lock::origin(name, Some(tarball)) {
            Origin::Archive { .. } if node.get("version").is_none() && node.get("name").is_none() => registry_of(tarball, other),
            found => found,
        },
    }
}

/// The registry at the host of an archive.
fn registry_of(tarball: &str, otherwise: Origin) -> Origin {
    let host_end = tarball.find("://").and_then(|at| Some(at + 3 + tarball.get(at + 3..)?.find('/')?));
    match host_end.and_then(|end| tarball.get(..end)) {
        Some(host) => package_lock::registry_at(host),
        None => otherwise,
    }
}
