//! Package URLs (ECMA-427), taken apart and put together.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::percent::{decoded, encoded_in_purl};

/// A package URL in its parts, percent-encoding undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purl {
    /// The type, `cargo`; lower case.
    pub kind: String,
    /// The namespace, `@scope` or `github.com/owner`.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The version.
    pub version: Option<String>,
    /// The qualifiers; keys in lower case.
    pub qualifiers: BTreeMap<String, String>,
    /// The path within the package.
    pub subpath: Option<String>,
}

/// The text is no package URL.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no package URL such as pkg:npm/%40scope/name@1.2.3 or pkg:cargo/name")]
pub struct NotAPurl(pub String);

impl Purl {
    /// The name as advisories write it: the namespace in front (`@scope/name`, `github.com/owner/module`, `group:artifact`).
    pub fn full_name(&self) -> String {
        let separator = if self.kind == "maven" { ":" } else { "/" };
        match &self.namespace {
            Some(namespace) => format!("{namespace}{separator}{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether it says that the package comes from somewhere else than the ecosystem's own registry: a git repository, another
    /// registry, an archive. What is published about the registry's package may or may not hold for it.
    pub fn is_elsewhere(&self) -> bool {
        ["vcs_url", "repository_url", "download_url"].iter().any(|key| self.qualifiers.contains_key(*key))
    }
}

impl FromStr for Purl {
    type Err = NotAPurl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| NotAPurl(text.to_owned()))
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = encoded_in_purl;
        write!(formatter, "pkg:{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            for part in namespace.split('/') {
                write!(formatter, "{}/", encoded(part))?;
            }
        }
        formatter.write_str(&encoded(&self.name))?;
        if let Some(version) = &self.version {
            write!(formatter, "@{}", encoded(version))?;
        }
        for (place, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(formatter, "{}{key}={}", if place == 0 { '?' } else { '&' }, encoded(value))?;
        }
        if let Some(subpath) = &self.subpath {
            let parts: Vec<String> = subpath.split('/').map(encoded).collect();
            write!(formatter, "#{}", parts.join("/"))?;
        }
        Ok(())
    }
}

/// The parts, from the right as the standard has it (section 5.6): subpath, qualifiers, type, version, name, namespace. A `#` or
/// `?` that somebody forgot to encode in a qualifier's value is taken for what it is most likely to be: a part of the value.
fn parse(text: &str) -> Option<Purl> {
    // Scheme and type are written in any case (ECMA-427, sections 5.2 and 5.4).
    let (scheme, rest) = text.split_once(':')?;
    let rest = rest.trim_start_matches('/');
    if !scheme.eq_ignore_ascii_case("pkg") {
        return None;
    }
    let (rest, subpath) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, rest) = rest.split_once('/')?;
    // A scope of npm may be written with a bare `@` in front, which begins no version.
    let at = rest.rfind('@').filter(|at| *at > 0 && !rest.get(..*at).unwrap_or_default().ends_with('/'));
    let (path, version) = match at {
        Some(at) => (rest.get(..at)?, Some(decoded(rest.get(at + 1..)?)?).filter(|version| !version.is_empty())),
        None => (rest, None),
    };
    let parts = parts(path)?;
    let (name, namespace) = parts.split_last()?;
    let subpath: Vec<String> = self::parts(subpath)?.into_iter().filter(|part| !matches!(part.as_str(), "." | "..")).collect();
    Some(Purl {
        kind: word(kind, ".+-")?,
        namespace: (!namespace.is_empty()).then(|| namespace.join("/")),
        name: name.clone(),
        version,
        qualifiers: self::qualifiers(qualifiers)?,
        subpath: (!subpath.is_empty()).then(|| subpath.join("/")),
    })
}

/// The parts of a path. A `/` that is encoded within one is let pass, though the standard has none there: bills that are
/// recorded name the parts of a product with one, `pkg:generic/%40acme%2Fshop/part`.
fn parts(path: &str) -> Option<Vec<String>> {
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

/// Keys and values; a key without a value is as one that is not there, one that appears twice is refused (section 5.6.6).
fn qualifiers(text: &str) -> Option<BTreeMap<String, String>> {
    let mut qualifiers = BTreeMap::new();
    for qualifier in text.split('&').filter(|qualifier| !qualifier.is_empty()) {
        let (key, value) = qualifier.split_once('=')?;
        let key = word(key, ".-_")?;
        let value = decoded(value)?;
        if !value.is_empty() && qualifiers.insert(key, value).is_some() {
            return None;
        }
    }
    Some(qualifiers)
}

/// A word of ASCII letters, digits and these marks that begins with a letter; in lower case.
fn word(text: &str, marks: &str) -> Option<String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || marks.contains(letter);
    let sound = text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(allowed);
    sound.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn purl(text: &str) -> Purl {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_package_url_is_taken_apart_and_put_together() {
        let npm = purl("pkg:npm/%40scope/name@1.0.0%2Bx?vcs_url=git%2Bhttps:%2F%2Fh%2Fa.git%40c#sub");
        assert_eq!((npm.full_name().as_str(), npm.version.as_deref()), ("@scope/name", Some("1.0.0+x")));
        assert_eq!(npm.subpath.as_deref(), Some("sub"));
        assert!(npm.is_elsewhere());
        assert_eq!(npm.to_string(), "pkg:npm/%40scope/name@1.0.0%2Bx?vcs_url=git%2Bhttps:%2F%2Fh%2Fa.git%40c#sub");
        let bare = purl("pkg:npm/@scope/name");
        assert_eq!((bare.full_name().as_str(), bare.version), ("@scope/name", None));
        let go = purl("pkg:golang/github.com/owner/module/v2@v2.1.0");
        assert_eq!((go.full_name().as_str(), go.version.as_deref()), ("github.com/owner/module/v2", Some("v2.1.0")));
        assert_eq!(purl("pkg:maven/org.example/core@1").full_name(), "org.example:core");
    }

    /// What is written in another way means the same (ECMA-427, sections 5.4 to 5.6).
    #[test]
    fn ways_to_write_one_package_url_are_one() {
        for (written, canonical) in [
            ("PKG:NPM/left@1.0.0", "pkg:npm/left@1.0.0"),
            ("pkg:/cargo/a@1", "pkg:cargo/a@1"),
            ("pkg://cargo/a@1", "pkg:cargo/a@1"),
            ("pkg:///cargo//a@1", "pkg:cargo/a@1"),
            ("pkg:generic/a//b/c@1", "pkg:generic/a/b/c@1"),
            ("pkg:npm/@scope/a@1", "pkg:npm/%40scope/a@1"),
            ("pkg:oci/image@sha256%3Aabc", "pkg:oci/image@sha256:abc"),
            ("pkg:cargo/a@1?", "pkg:cargo/a@1"),
            ("pkg:cargo/a@1?b=&C=d", "pkg:cargo/a@1?c=d"),
            ("pkg:cargo/a@1?z=1&b=2", "pkg:cargo/a@1?b=2&z=1"),
            ("pkg:cargo/a@1?u=https://h/a.git", "pkg:cargo/a@1?u=https:%2F%2Fh%2Fa.git"),
            ("pkg:cargo/a@1#/x//./y/../z/", "pkg:cargo/a@1#x/y/z"),
            ("pkg:cargo/a@1#%78", "pkg:cargo/a@1#x"),
            ("pkg:cargo/a@", "pkg:cargo/a"),
            ("pkg:generic/%40acme%2Fshop/part@1", "pkg:generic/%40acme/shop/part@1"),
            ("pkg:cargo/%c3%a9@1%2b2", "pkg:cargo/%C3%A9@1%2B2"),
        ] {
            assert_eq!(purl(written).to_string(), canonical, "{written}");
            assert_eq!(purl(canonical), purl(written), "{written}");
        }
    }

    #[test]
    fn what_is_no_package_url_is_refused() {
        for text in [
            "",
            "npm/a",
            "pkg:npm",
            "pkg:npm/",
            "pkg:/a",
            "pkg:/",
            "pkg:@1.0.0",
            "pkg:npm/%zz",
            "pkg:npm/%+f",
            "pkg:npm/%ff",
            "pkg:npm/a@%2",
            "pkg:npm/a?x",
            "pkg:npm/a?x=%",
            "pkg:npm/a?x=1&X=2",
            "pkg:npm/a?1x=2",
            "pkg:npm/a?in%20production=true",
            "pkg:np m/a",
            "pkg:3nuget/a",
            "pkg:n&g?inx/a@1",
            "CVE-2026-1",
        ] {
            assert!(text.parse::<Purl>().is_err(), "{text}: {:?}", text.parse::<Purl>());
        }
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_taken_apart_into_the_same(
            kind in "[a-z][a-z0-9.+-]{0,5}",
            namespace in prop::collection::vec("[^/]{1,4}", 0..3),
            name in "[^/]{1,8}",
            version in prop::option::of("\\PC{1,8}"),
            qualifiers in prop::collection::btree_map("[a-z][a-z0-9._-]{0,4}", "\\PC{1,8}", 0..3),
            subpath in prop::option::of("[^/.]{1,5}(/[^/.]{1,5})?"),
        ) {
            let namespace = (!namespace.is_empty()).then(|| namespace.join("/"));
            let made = Purl { kind, namespace, name, version, qualifiers, subpath };
            let written = made.to_string();
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{}", written);
            prop_assert_eq!(written.parse::<Purl>().ok(), Some(made));
        }

        #[test]
        fn any_text_is_a_package_url_or_not(text in "(pkg:|PKG:)?[a-z/@%?#&=.:0-9+-]{0,24}") {
            if let Ok(purl) = text.parse::<Purl>() {
                prop_assert_eq!(purl.to_string().parse::<Purl>().ok(), Some(purl));
            }
        }
    }
}
