//! The keys by which versions of the lockfile name a package: `/@s/a/1.0.0_b@2.0.0`, `/@s/a@1.0.0(b@2.0.0)` and
//! `@s/a@1.0.0(b@2.0.0)`.

/// The versions that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Major {
    Five,
    Six,
    Nine,
}

impl Major {
    /// The keys that a dependency may have, the likeliest first.
    pub(super) fn keys(self, name: &str, reference: &str) -> impl Iterator<Item = String> {
        let named = match self {
            Self::Five => format!("/{name}/{reference}"),
            Self::Six => format!("/{name}@{reference}"),
            Self::Nine => format!("{name}@{reference}"),
        };
        // An alias, and whatever does not come from the registry, is referred to by its whole key.
        [named, reference.to_owned()].into_iter()
    }
}

/// What a key without its peers says of a package.
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    /// The version, or where it comes from.
    pub(super) reference: &'a str,
    /// The host of another registry, as version 5 writes it.
    pub(super) registry: Option<&'a str>,
}

impl<'a> Key<'a> {
    pub(super) fn of(major: Major, bare: &'a str) -> Self {
        if major == Major::Five { Self::of_five(bare) } else { Self::of_later(bare) }
    }

    fn of_later(bare: &'a str) -> Self {
        let key = bare.strip_prefix('/').unwrap_or(bare);
        // The scope's `@` is the first character; the next one ends the name.
        let split = key.char_indices().skip(1).find(|(_, character)| *character == '@').map(|(at, _)| at);
        let (name, reference) = split.and_then(|at| key.split_at_checked(at)).unwrap_or((key, ""));
        Self { name, reference: reference.strip_prefix('@').unwrap_or(reference), registry: None }
    }

    fn of_five(bare: &'a str) -> Self {
        let unnamed = Self { name: bare, reference: bare, registry: None };
        let (registry, path) = match bare.strip_prefix('/') {
            Some(path) => (None, path),
            // `host/name/version`; whatever has no version at its end is no package of a registry.
            None => match bare.split_once('/') {
                Some((host, path)) if host.contains('.') && is_version(path.rsplit('/').next().unwrap_or_default()) => {
                    (Some(host), path)
                }
                _ => return unnamed,
            },
        };
        match path.rsplit_once('/') {
            Some((name, reference)) => Self { name, reference, registry },
            None => unnamed,
        }
    }
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && text.contains('.')
}

/// A key without its peers: `a@1.0.0(b@2.0.0)` is `a@1.0.0`, and in version 5 `/a/1.0.0_b@2.0.0` is `/a/1.0.0`.
pub(super) fn without_peers(major: Major, key: &str) -> &str {
    if major != Major::Five {
        return key.split('(').next().unwrap_or(key);
    }
    // A version holds no `_`, and a name may; peers may hold a `/` in place of which older pnpm writes `+`.
    let version = version_start(key);
    let (before, from) = key.split_at_checked(version).unwrap_or((key, ""));
    let end = before.len() + from.find(['_', '(']).unwrap_or(from.len());
    key.get(..end).unwrap_or(key)
}

/// Where the version of a key of version 5 begins.
fn version_start(key: &str) -> usize {
    let path = key.strip_prefix('/').map_or(key, |path| path);
    let offset = key.len() - path.len();
    let skipped = usize::from(offset == 0);
    let scoped = path.split('/').nth(skipped).is_some_and(|part| part.starts_with('@'));
    let slashes = skipped + if scoped { 2 } else { 1 };
    let found = path.match_indices('/').nth(slashes - 1).map(|(at, _)| at + 1);
    offset + found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_version_5_are_taken_apart() {
        for (key, bare, name, reference) in [
            ("/a/1.0.0", "/a/1.0.0", "a", "1.0.0"),
            ("/@s/a_b/1.0.0_c@2.0.0+d@3.0.0", "/@s/a_b/1.0.0", "@s/a_b", "1.0.0"),
            ("/a/1.0.0_@s+b@1.0.0", "/a/1.0.0", "a", "1.0.0"),
            ("registry.example/@s/a/1.0.0_x", "registry.example/@s/a/1.0.0", "@s/a", "1.0.0"),
        ] {
            assert_eq!(without_peers(Major::Five, key), bare);
            let key = Key::of(Major::Five, bare);
            assert_eq!((key.name, key.reference), (name, reference));
        }
        let git = "github.com/o/r/0123456789abcdef0123456789abcdef01234567";
        assert_eq!(without_peers(Major::Five, git), git);
        assert_eq!(Key::of(Major::Five, git).name, git);
    }
}
