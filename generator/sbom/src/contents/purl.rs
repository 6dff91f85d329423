//! Package URLs (<https://github.com/package-url/purl-spec>), taken apart for comparison.

use super::Identity;

/// What a package URL identifies; none when the text is none.
pub(super) fn identity(purl: &str) -> Option<Identity> {
    let rest = purl.strip_prefix("pkg:")?.trim_start_matches('/');
    let (rest, subpath) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (path, version) = match rest.rsplit_once('@') {
        // An `@` in front of a scope that somebody forgot to escape is no version.
        Some((path, version)) if !version.contains('/') && !path.ends_with('/') => (path, Some(decoded(version))),
        _ => (rest, None),
    };
    let (kind, name) = path.split_once('/')?;
    if kind.is_empty() || name.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = qualifiers.split('&').filter(|part| !part.is_empty()).collect();
    parts.sort_unstable();
    let mut source = parts.join("&");
    if !subpath.is_empty() {
        source = format!("{source}#{subpath}");
    }
    Some(Identity {
        name: format!("{}/{}", kind.to_ascii_lowercase(), decoded(name.trim_end_matches('/'))),
        has_purl: true,
        version: version.filter(|version| !version.is_empty()),
        source: (!source.is_empty()).then_some(source),
    })
}

/// A qualifier of a package URL, decoded.
pub(crate) fn qualifier(purl: &str, key: &str) -> Option<String> {
    let (rest, _) = purl.split_once('#').unwrap_or((purl, ""));
    let (_, qualifiers) = rest.split_once('?')?;
    let mut pairs = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| decoded(value))
}

/// A name with its group in front, where it has one.
pub(crate) fn full_name(group: Option<&str>, name: &str) -> String {
    match group.filter(|group| !group.is_empty()) {
        Some(group) => format!("{group}/{name}"),
        None => name.to_owned(),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                digit(high).zip(digit(low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_is_taken_apart() {
        for (purl, name, version, source) in [
            ("pkg:npm/%40scope/name@1.0.0", "npm/@scope/name", Some("1.0.0"), None),
            ("pkg:npm/@scope/name", "npm/@scope/name", None, None),
            ("pkg:CARGO/a@1?vcs_url=x&b=c#sub", "cargo/a", Some("1"), Some("b=c&vcs_url=x#sub")),
            ("pkg:cargo/a@2.0.0%2Bbuild", "cargo/a", Some("2.0.0+build"), None),
            ("pkg:golang/github.com/a/b@v1", "golang/github.com/a/b", Some("v1"), None),
            ("pkg:npm/%zz@1", "npm/%zz", Some("1"), None),
        ] {
            let found = identity(purl).unwrap();
            let seen = (found.name.as_str(), found.version.as_deref(), found.source.as_deref());
            assert_eq!(seen, (name, version, source), "{purl}");
        }
        for wrong in ["", "npm/a", "pkg:npm", "pkg:/", "pkg:npm/"] {
            assert_eq!(identity(wrong), None, "{wrong}");
        }
        assert_eq!(qualifier("pkg:cargo/a@1?x=y&vcs_url=git%2Bhttps://h/%40z#s", "vcs_url").as_deref(), Some("git+https://h/@z"));
    }
}
