//! Package URLs (ECMA-427), read.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::Ecosystem;

/// A package URL in its parts, percent-encoding undone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purl {
    /// The type, `cargo`; lower case.
    pub kind: String,
    /// The namespace, `@scope` or `github.com/owner`.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The version.
    pub version: Option<String>,
    /// The qualifiers.
    pub qualifiers: BTreeMap<String, String>,
}

/// The text is no package URL.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no package URL such as pkg:npm/%40scope/name@1.2.3 or pkg:cargo/name")]
pub struct NotAPurl(pub String);

impl Purl {
    /// The ecosystem of its type; none for types that name no registry of packages.
    pub fn ecosystem(&self) -> Option<Ecosystem> {
        Ecosystem::of_purl(&self.kind)
    }

    /// The name as advisories write it: the namespace in front (`@scope/name`, `github.com/owner/module`, `group:artifact`).
    pub fn full_name(&self) -> String {
        let separator = if self.kind == "maven" { ":" } else { "/" };
        match &self.namespace {
            Some(namespace) => format!("{namespace}{separator}{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether both name one package, by the rules of its ecosystem; versions and qualifiers do not count.
    pub fn is_of_package(&self, other: &Self) -> bool {
        let normal = |purl: &Self| match purl.ecosystem() {
            Some(ecosystem) => ecosystem.normal(&purl.full_name()),
            None => purl.full_name(),
        };
        self.kind == other.kind && normal(self) == normal(other)
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
        Ok(())
    }
}

/// The parts, from the right as the standard has it (section 5.6): subpath, qualifiers, type, version, name, namespace.
fn parse(text: &str) -> Option<Purl> {
    // Scheme and type are written in any case (ECMA-427, sections 5.2 and 5.4).
    let (scheme, rest) = text.split_once(':')?;
    let rest = rest.trim_start_matches('/');
    if !scheme.eq_ignore_ascii_case("pkg") {
        return None;
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (rest, written) = rest.split_once('?').map_or((rest, ""), |(rest, qualifiers)| (rest, qualifiers));
    let mut qualifiers = BTreeMap::new();
    for qualifier in written.split('&').filter(|qualifier| !qualifier.is_empty()) {
        let (key, value) = qualifier.split_once('=')?;
        if !value.is_empty() {
            qualifiers.insert(key.to_ascii_lowercase(), decoded(value)?);
        }
    }
    let (kind, rest) = rest.split_once('/')?;
    // A scope of npm may be written with a bare `@` in front, which begins no version.
    let at = rest.rfind('@').filter(|at| *at > 0 && !rest.get(..*at).unwrap_or_default().ends_with('/'));
    let (path, version) = match at {
        Some(at) => (rest.get(..at)?, Some(decoded(rest.get(at + 1..)?)?).filter(|version| !version.is_empty())),
        None => (rest, None),
    };
    let parts = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<Option<Vec<String>>>()?;
    let (name, namespace) = parts.split_last()?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".+-".contains(letter);
    if kind.is_empty() || !kind.chars().all(allowed) {
        return None;
    }
    Some(Purl {
        kind: kind.to_ascii_lowercase(),
        namespace: (!namespace.is_empty()).then(|| namespace.join("/")),
        name: name.clone(),
        version,
        qualifiers,
    })
}

fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_is_taken_apart_and_put_together() {
        let purl: Purl = "pkg:npm/%40scope/name@1.0.0%2Bx?vcs_url=git%2Bhttps:%2F%2Fh%2Fa.git%40c#sub".parse().unwrap();
        assert_eq!((purl.full_name().as_str(), purl.version.as_deref()), ("@scope/name", Some("1.0.0+x")));
        assert!(purl.is_elsewhere());
        assert_eq!(purl.to_string(), "pkg:npm/%40scope/name@1.0.0%2Bx?vcs_url=git%2Bhttps:%2F%2Fh%2Fa.git%40c");
        let bare: Purl = "pkg:npm/@scope/name".parse().unwrap();
        assert_eq!((bare.full_name().as_str(), bare.version), ("@scope/name", None));
        let go: Purl = "pkg:golang/github.com/owner/module/v2@v2.1.0".parse().unwrap();
        assert_eq!((go.full_name().as_str(), go.version.as_deref()), ("github.com/owner/module/v2", Some("v2.1.0")));
        let maven: Purl = "pkg:maven/org.example/core@1".parse().unwrap();
        assert_eq!(maven.full_name(), "org.example:core");
    }

    #[test]
    fn scheme_and_type_are_written_in_any_case() {
        let loud: Purl = "PKG:NPM/left@1.0.0".parse().unwrap();
        assert_eq!((loud.kind.as_str(), loud.ecosystem()), ("npm", Some(Ecosystem::Npm)));
        assert_eq!(loud.to_string(), "pkg:npm/left@1.0.0");
        assert!(loud.is_of_package(&"pkg:npm/left".parse().unwrap()));
        assert!(!loud.is_of_package(&"pkg:npm/Left".parse().unwrap()));
        let python = |text: &str| text.parse::<Purl>().unwrap();
        assert!(python("pkg:pypi/Zope_Interface@1").is_of_package(&python("pkg:PyPI/zope.interface@2")));
    }

    #[test]
    fn what_is_no_package_url_is_refused() {
        for text in ["", "npm/a", "pkg:npm", "pkg:npm/", "pkg:/a", "pkg:npm/%zz", "pkg:npm/a?x", "pkg:np m/a", "CVE-2026-1"] {
            assert!(text.parse::<Purl>().is_err(), "{text}");
        }
    }
}
