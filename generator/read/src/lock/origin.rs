//! Where a package comes from, and how its archive is recognised.

use base64::{Engine, prelude::BASE64_STANDARD};

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
        /// The full commit id.
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
}

impl HashAlgorithm {
    /// The name in CycloneDX (1.6, `hash-alg`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
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

/// A URL without the user and password that somebody put into it. The user of an `ssh` URL is part of the address.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let Some((user, host)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    if scheme.ends_with("ssh") && !user.contains(':') {
        return url.to_owned();
    }
    format!("{scheme}://{host}{tail}")
}

/// A path that a lockfile states, unless it is absolute.
pub(crate) fn relative_path(path: &str) -> Option<String> {
    let path = path.strip_prefix("file:").or_else(|| path.strip_prefix("link:")).unwrap_or(path);
    let absolute = path.starts_with(['/', '\\', '~']) || path.as_bytes().get(1) == Some(&b':');
    (!absolute && !path.is_empty()).then(|| path.to_owned())
}

/// A git URL with its commit: `git+https://host/a.git?branch=b#0123…`. None when it names no full commit.
pub(crate) fn git(url: &str) -> Option<Origin> {
    let (place, commit) = url.rsplit_once('#')?;
    let full = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let place = place.strip_prefix("git+").unwrap_or(place);
    let place = place.split('?').next().unwrap_or(place);
    full.then(|| Origin::Git { url: without_credentials(place), commit: commit.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_a_url() {
        for (url, plain) in [
            ("https://user:secret@host/a@b", "https://host/a@b"),
            ("https://token@host:8443?x", "https://host:8443?x"),
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("ssh://git:secret@host/a", "ssh://host/a"),
            ("https://host/a", "https://host/a"),
        ] {
            assert_eq!(without_credentials(url), plain);
        }
    }

    #[test]
    fn a_path_of_the_machine_is_not_told() {
        assert_eq!(relative_path("file:../lib").as_deref(), Some("../lib"));
        for path in ["file:/home/a/lib", "C:\\lib", "~/lib", ""] {
            assert_eq!(relative_path(path), None, "{path}");
        }
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
