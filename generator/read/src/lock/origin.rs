//! Where a package comes from, and how its archive is recognised.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::address;

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The registry that the ecosystem asks unless it is told otherwise.
    Registry,
    /// Another registry.
    OtherRegistry {
        /// Its URL, without credentials.
        url: String,
    },
    /// A commit of a git repository.
    Git {
        /// The repository's URL, without `git+`, reference and credentials.
        url: String,
        /// The full commit id. A `bun.lock` states only the first digits of a commit at GitHub; they stay as they are.
        commit: String,
    },
    /// An archive at a URL.
    Archive {
        /// The URL, without credentials.
        url: String,
    },
    /// A folder or file of the repository, or beside it.
    Path {
        /// The path as the lockfile states it, relative to the lockfile; none when it states none or an absolute one,
        /// which would tell about the machine.
        path: Option<String>,
    },
}

/// A hash of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    /// How it is computed.
    pub algorithm: HashAlgorithm,
    /// Lower-case hexadecimal digits.
    pub hex: String,
}

/// A file that a package is distributed as.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Archive {
    /// Its URL, without credentials; none where the lockfile leaves it to the registry.
    pub url: Option<String>,
    /// Its name; none where the URL ends with it, or the lockfile does not tell it.
    pub file: Option<String>,
    /// Its hashes.
    pub hashes: Vec<Hash>,
}

/// What a lockfile recognises a package by that is no hash of the archive which its registry serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seal {
    /// SHA-512 of the zip that Yarn (2 and later) packs from the archive, which depends on the version of its cache.
    YarnZip {
        /// The cache key, `10c0`: the version of the cache and how it compresses.
        cache_key: String,
        /// Lower-case hexadecimal digits.
        hex: String,
    },
    /// Go's `h1:` (golang.org/x/mod/sumdb/dirhash, Hash1): SHA-256 of the sorted list of the SHA-256 of every file.
    GoDirectory {
        /// The files of the module; otherwise its `go.mod` alone.
        whole: bool,
        /// Lower-case hexadecimal digits.
        hex: String,
    },
}

/// How a hash is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-1: broken, and all that old lockfiles have.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// MD5: broken, and what some Python indexes still state.
    Md5,
    /// BLAKE2b of 256 bits.
    Blake2b256,
}

impl HashAlgorithm {
    /// The name in CycloneDX (1.6, `hash-alg`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Md5 => "MD5",
            Self::Blake2b256 => "BLAKE2b-256",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            Self::Md5 => 16,
            Self::Blake2b256 => 32,
        }
    }
}

/// A hash as Python writes it: `sha256:0123…`. None when it is not one that is known.
pub(crate) fn named_hash(text: &str) -> Option<Hash> {
    let (name, digits) = text.split_once([':', '='])?;
    let algorithm = match name {
        "sha1" => HashAlgorithm::Sha1,
        "sha256" => HashAlgorithm::Sha256,
        "sha384" => HashAlgorithm::Sha384,
        "sha512" => HashAlgorithm::Sha512,
        "md5" => HashAlgorithm::Md5,
        "blake2b" => HashAlgorithm::Blake2b256,
        _ => return None,
    };
    hex_hash(algorithm, digits)
}

/// A hash of these hexadecimal digits; none when they are not such a hash.
pub(crate) fn hex_hash(algorithm: HashAlgorithm, digits: &str) -> Option<Hash> {
    let bytes = hex::decode(digits).ok()?;
    (bytes.len() == algorithm.bytes()).then(|| Hash { algorithm, hex: hex::encode(bytes) })
}

/// The hashes of a subresource integrity value (W3C Subresource Integrity, section 3.5): `sha512-BASE64 sha1-BASE64`. None
/// when one of them is no hash; unknown algorithms are left out, as the specification says.
pub(crate) fn integrity(text: &str) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    for part in text.split_ascii_whitespace() {
        let (name, rest) = part.split_once('-')?;
        let algorithm = match name {
            "sha1" => HashAlgorithm::Sha1,
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            _ => continue,
        };
        let encoded = rest.split('?').next().unwrap_or_default();
        let bytes = BASE64_STANDARD.decode(encoded).ok().filter(|bytes| bytes.len() == algorithm.bytes())?;
        hashes.push(Hash { algorithm, hex: hex::encode(bytes) });
    }
    hashes.sort();
    hashes.dedup();
    Some(hashes)
}

/// A path that a lockfile states, unless it is absolute.
pub(crate) fn relative_path(path: &str) -> Option<String> {
    let path = path.strip_prefix("file:").or_else(|| path.strip_prefix("link:")).unwrap_or(path);
    let absolute = path.starts_with(['/', '\\', '~']) || path.as_bytes().get(1) == Some(&b':');
    (!absolute && !path.is_empty()).then(|| path.to_owned())
}

/// The folder that a relative path leads to; none when it leads out of the workspace. The workspace's own is `.`.
pub(crate) fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// Whether this is the full id of a commit (SHA-1 or SHA-256).
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A git URL with its commit: `git+https://host/a.git?branch=b#0123…`, also `…#commit=0123…` and `git@host:a.git#0123…`.
/// None when it names no full commit, or is an archive, after whose `#` its SHA-1 may stand.
pub(crate) fn git(url: &str) -> Option<Origin> {
    let (place, fragment) = url.rsplit_once('#')?;
    let bare = place.split('?').next().unwrap_or(place);
    if address::is_web(bare) && !bare.ends_with(".git") && !fragment.contains("commit=") {
        return None;
    }
    let commit = fragment.split('&').find_map(|part| {
        let commit = part.strip_prefix("commit=").unwrap_or(part);
        is_commit(commit).then_some(commit)
    })?;
    Some(Origin::Git { url: git_url(place), commit: commit.to_ascii_lowercase() })
}

/// The URL of a git repository without what is not part of its address; `git@host:path` and `host:path` of the shorthand
/// of `scp` become `ssh://` URLs, and `github:owner/name` one of GitHub.
pub(crate) fn git_url(place: &str) -> String {
    let place = place.strip_prefix("git+").unwrap_or(place);
    let place = place.split(['?', '#']).next().unwrap_or(place);
    for (prefix, host) in [("github:", "github.com"), ("gitlab:", "gitlab.com"), ("bitbucket:", "bitbucket.org")] {
        if let Some(path) = place.strip_prefix(prefix) {
            return format!("https://{host}/{path}");
        }
    }
    if !place.contains("://")
        && let Some((user, rest)) = place.split_once('@')
        && let Some((host, path)) = rest.split_once(':')
    {
        return address::plain(&format!("ssh://{user}@{host}/{path}"));
    }
    // `git+ssh://git@host:owner/name` is written by npm, and is no URL.
    if let Some(rest) = place.strip_prefix("ssh://")
        && let Some((authority, path)) = rest.split_once(':')
        && !authority.contains('/')
        && !path.starts_with(|first: char| first.is_ascii_digit())
    {
        return address::plain(&format!("ssh://{authority}/{path}"));
    }
    address::plain(place)
}

/// Where something comes from by its address: an archive, or the commit that a forge packs and names in the path. Of an
/// address that is no URL (`javascript:…`, `data:…`) the scheme alone is told.
pub(crate) fn archive(url: &str) -> Origin {
    let plain = address::plain(url);
    let packed = plain.strip_prefix("https://codeload.github.com/").and_then(|rest| rest.split_once("/tar.gz/"));
    match packed {
        Some((repository, commit)) if is_commit(commit) => {
            Origin::Git { url: format!("https://github.com/{repository}"), commit: commit.to_ascii_lowercase() }
        }
        _ => Origin::Archive { url: published(url) },
    }
}

fn published(url: &str) -> String {
    match address::scheme(url) {
        Some(scheme) if scheme.starts_with("git") => address::of_archive(&git_url(url)),
        Some(scheme) if !url.contains("://") => format!("{scheme}:"),
        _ => address::of_archive(url),
    }
}

/// The path that an address leads to; none when it is an address elsewhere, of whatever scheme.
pub(crate) fn as_path(text: &str) -> Option<Origin> {
    let path = match address::scheme(text).as_deref() {
        None => text,
        Some("file" | "link" | "portal" | "workspace") => text.split_once(':').map_or("", |(_, path)| path),
        Some(_) => return None,
    };
    Some(Origin::Path { path: relative_path(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_machine_is_not_told() {
        assert_eq!(relative_path("file:../lib").as_deref(), Some("../lib"));
        for path in ["file:/home/a/lib", "C:\\lib", "~/lib", ""] {
            assert_eq!(relative_path(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_an_archive_elsewhere() {
        for text in ["s3://bucket/a.tgz", "javascript:alert(1)", "HTTPS://host/a", "data:text/plain,SECRET", "github:o/a"] {
            assert_eq!(as_path(text), None, "{text}");
        }
        for text in ["../a", "FILE:../a", "portal:../a"] {
            assert_eq!(as_path(text), Some(Origin::Path { path: Some("../a".into()) }), "{text}");
        }
        for (text, url) in [
            ("s3://bucket/a.tgz?sig=SECRET", "s3://bucket/a.tgz"),
            ("javascript:alert(1)", "javascript:"),
            ("github:o/a#main", "https://github.com/o/a"),
            ("HTTPS://host/a.tgz", "https://host/a.tgz"),
        ] {
            assert_eq!(archive(text), Origin::Archive { url: url.into() });
        }
    }

    #[test]
    fn a_commit_is_told_apart_from_the_hash_of_an_archive() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let of = |place: &str| {
            git(&format!("{place}#{commit}")).map(|origin| match origin {
                Origin::Git { url, .. } => url,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(of("https://host.example/a/-/a-1.0.0.tgz"), None);
        for (place, url) in [
            ("https://user:secret@host.example/a.git", "https://host.example/a.git"),
            ("git+https://host.example/a?branch=b", "https://host.example/a"),
            ("git@host.example:o/a.git", "ssh://git@host.example/o/a.git"),
            ("git+ssh://git@host.example:o/a.git", "ssh://git@host.example/o/a.git"),
            ("git+ssh://git@host.example:22/o/a.git", "ssh://git@host.example:22/o/a.git"),
            ("github:o/a", "https://github.com/o/a"),
        ] {
            assert_eq!(of(place).as_deref(), Some(url), "{place}");
        }
        assert_eq!(git("git+https://host.example/a#main"), None);
    }

    #[test]
    fn an_integrity_value_may_hold_several_hashes() {
        let empty = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=?x md5-x";
        let hashes = integrity(empty).unwrap();
        assert_eq!(hashes.len(), 2);
        assert!(hashes[1].hex.starts_with("e3b0c442"));
        assert_eq!(integrity("sha512-AAAA"), None);
        assert_eq!(integrity("nonsense"), None);
    }
}
