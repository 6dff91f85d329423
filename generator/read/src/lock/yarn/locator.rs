//! How Yarn names packages: descriptors (`a@npm:^1.0.0`) and locators (`a@npm:1.2.3`).

use avouch_model::percent::decoded_as_far as decoded;

use super::super::{
    Origin,
    origin::{archive, git, relative_path},
    package_lock,
};

/// The name and the rest of `name@rest`; a scope's `@` is part of the name.
pub(super) fn split(text: &str) -> (&str, &str) {
    let at = text.char_indices().skip(1).find(|(_, character)| *character == '@').map(|(at, _)| at);
    at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))).unwrap_or((text, ""))
}

/// What a patch is made of: the package that is patched and the patches, of `patch:source#patches::bindings`.
pub(super) fn patch(reference: &str) -> Option<(String, &str)> {
    let (source, selector) = reference.strip_prefix("patch:")?.split_once('#')?;
    Some((decoded(source), selector))
}

/// Where a locator's reference leads to. A patched package comes from where its source comes from.
pub(super) fn origin(name: &str, reference: &str) -> Option<Origin> {
    if let Some((source, _)) = patch(reference) {
        let (name, inner) = split(&source);
        // A patch of a patch is one too; nothing is patched endlessly.
        return if inner.len() < reference.len() { origin(name, inner) } else { None };
    }
    let (plain, bindings) = reference.split_once("::").unwrap_or((reference, ""));
    let (protocol, rest) = plain.split_once(':').unwrap_or(("", plain));
    Some(match protocol {
        "npm" | "" if !rest.contains('/') => {
            let archive = bindings.split('&').find_map(|binding| binding.strip_prefix("__archiveUrl="));
            archive.map_or(Origin::Registry, |url| package_lock::origin(name, Some(&decoded(url))))
        }
        "npm" => Origin::Registry,
        "workspace" | "link" | "portal" | "file" | "exec" => {
            let path = rest.split('#').next().unwrap_or(rest);
            Origin::Path { path: relative_path(path) }
        }
        _ => git(plain).unwrap_or_else(|| archive(plain)),
    })
}

#[cfg(test)]
mod tests {
    use avouch_model::percent::encoded_as_javascript;

    use super::*;

    #[test]
    fn a_locator_tells_where_a_package_comes_from() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let git = Origin::Git { url: "https://github.com/o/r.git".into(), commit: commit.into() };
        let path = |path: &str| Origin::Path { path: Some(path.into()) };
        for (reference, expected) in [
            ("npm:1.0.0".to_owned(), Origin::Registry),
            ("patch:a@npm%3A1.0.0#~/.yarn/patches/a.patch::version=1.0.0&hash=0".to_owned(), Origin::Registry),
            (format!("https://github.com/o/r.git#commit={commit}"), git.clone()),
            (format!("patch:a@https%3A//github.com/o/r.git%23commit={commit}#./p.patch"), git),
            ("workspace:packages/a".to_owned(), path("packages/a")),
            ("link:./a::locator=b%40workspace%3A.".to_owned(), path("./a")),
            ("file:./a#./a::hash=0&locator=b%40workspace%3A.".to_owned(), path("./a")),
        ] {
            assert_eq!(origin("a", &reference), Some(expected), "{reference}");
        }
        let archive = encoded_as_javascript("https://npm.example/team/a/-/a-1.0.0.tgz");
        let other = Origin::OtherRegistry { url: "https://npm.example/team".into() };
        assert_eq!(origin("a", &format!("npm:1.0.0::__archiveUrl={archive}")), Some(other));
    }
}
