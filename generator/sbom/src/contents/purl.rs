//! What package URLs identify, for comparison.

use avouch_model::purl::Purl;

use super::Identity;

/// What a package URL identifies; none when the text is none.
pub(super) fn identity(purl: &str) -> Option<Identity> {
    let purl: Purl = purl.parse().ok()?;
    let name = purl.namespace.iter().chain([&purl.name]).map(String::as_str).collect::<Vec<_>>().join("/");
    let pairs: Vec<String> = purl.qualifiers.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut source = pairs.join("&");
    if let Some(subpath) = &purl.subpath {
        source = format!("{source}#{subpath}");
    }
    Some(Identity {
        name: format!("{}/{name}", purl.kind),
        has_purl: true,
        version: purl.version,
        source: (!source.is_empty()).then_some(source),
    })
}

/// A qualifier of a package URL.
pub(crate) fn qualifier(purl: &str, key: &str) -> Option<String> {
    purl.parse::<Purl>().ok()?.qualifiers.remove(key)
}

/// A name with its group in front, where it has one.
pub(crate) fn full_name(group: Option<&str>, name: &str) -> String {
    match group.filter(|group| !group.is_empty()) {
        Some(group) => format!("{group}/{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_is_taken_apart() {
        for (purl, name, version, source) in [
            ("pkg:npm/%40scope/name@1.0.0", "npm/@scope/name", Some("1.0.0"), None),
            ("pkg:npm/@scope/name", "npm/@scope/name", None, None),
            ("pkg:CARGO/a@1?vcs_url=x&b=%63#sub", "cargo/a", Some("1"), Some("b=c&vcs_url=x#sub")),
            ("pkg:cargo/a@2.0.0%2Bbuild", "cargo/a", Some("2.0.0+build"), None),
            ("pkg:golang/github.com/a/b@v1", "golang/github.com/a/b", Some("v1"), None),
        ] {
            let found = identity(purl).unwrap();
            let seen = (found.name.as_str(), found.version.as_deref(), found.source.as_deref());
            assert_eq!(seen, (name, version, source), "{purl}");
        }
        for wrong in ["", "npm/a", "pkg:npm", "pkg:/", "pkg:npm/", "pkg:npm/%zz@1"] {
            assert_eq!(identity(wrong), None, "{wrong}");
        }
        assert_eq!(qualifier("pkg:cargo/a@1?x=y&vcs_url=git%2Bhttps://h/%40z#s", "vcs_url").as_deref(), Some("git+https://h/@z"));
    }
}
