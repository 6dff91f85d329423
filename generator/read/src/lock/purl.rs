//! Package URLs (ECMA-427): the identity of a package across tools.

use avouch_model::percent::encoded_in_purl as encoded;

use super::{Ecosystem, Origin, Package};

impl Package {
    /// Its package URL. None for what comes from a path: it would look like a package of the registry, and be taken for
    /// one by whoever looks up advisories.
    pub fn purl(&self) -> Option<String> {
        self.purl_from(&self.origin)
    }

    /// The package URL of the package that its registry has by this name and version: what a copy is a copy of.
    pub fn published_purl(&self) -> Option<String> {
        self.purl_from(&Origin::Registry)
    }

    fn purl_from(&self, origin: &Origin) -> Option<String> {
        let version = self.version.as_deref();
        match self.ecosystem {
            Ecosystem::Cargo => cargo_purl(&self.name, version, origin),
            Ecosystem::Npm => npm_purl(&self.name, version, origin),
            Ecosystem::PyPi => pypi_purl(&self.name, version, origin),
            Ecosystem::Go => golang_purl(&self.name, version, origin),
        }
    }
}

/// The package URL of a crate; none for a path.
pub fn cargo_purl(name: &str, version: Option<&str>, origin: &Origin) -> Option<String> {
    purl(format!("pkg:cargo/{}", encoded(name)), version, origin)
}

/// The package URL of a JavaScript package, its scope as the namespace; none for a path.
pub fn npm_purl(name: &str, version: Option<&str>, origin: &Origin) -> Option<String> {
    let name: Vec<String> = name.split('/').map(encoded).collect();
    purl(format!("pkg:npm/{}", name.join("/")), version, origin)
}

/// The package URL of a Python distribution, its name normalised; none for a path.
pub fn pypi_purl(name: &str, version: Option<&str>, origin: &Origin) -> Option<String> {
    purl(format!("pkg:pypi/{}", encoded(&pypi_name(name))), version, origin)
}

/// The name of a Python distribution as indexes compare it (PEP 503): lower case, and one `-` for every run of `-`, `_`
/// and `.`.
pub fn pypi_name(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// The package URL of a Go module, all but its last part the namespace, in lower case as the type's definition demands;
/// none for a path.
pub fn golang_purl(name: &str, version: Option<&str>, origin: &Origin) -> Option<String> {
    let parts: Vec<String> = name.split('/').map(|part| encoded(&part.to_lowercase())).collect();
    purl(format!("pkg:golang/{}", parts.join("/")), version, origin)
}

/// The package URL of something that no ecosystem knows: a product.
pub fn generic_purl(name: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("@{}", encoded(version))).unwrap_or_default();
    format!("pkg:generic/{}{version}", encoded(name))
}

fn purl(mut purl: String, version: Option<&str>, origin: &Origin) -> Option<String> {
    let qualifier = match origin {
        Origin::Path { .. } => return None,
        Origin::Registry => None,
        Origin::OtherRegistry { url } => Some(("repository_url", url.clone())),
        Origin::Git { url, commit } => Some(("vcs_url", format!("git+{url}@{commit}"))),
        Origin::Archive { url } => Some(("download_url", url.clone())),
    };
    if let Some(version) = version {
        purl.push('@');
        purl.push_str(&encoded(version));
    }
    if let Some((key, value)) = qualifier {
        purl.push('?');
        purl.push_str(key);
        purl.push('=');
        purl.push_str(&encoded(&value));
    }
    Some(purl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_percent_encoded() {
        let registry = &Origin::Registry;
        assert_eq!(npm_purl("@a/b", Some("1.0.0+x"), registry).unwrap(), "pkg:npm/%40a/b@1.0.0%2Bx");
        assert_eq!(cargo_purl("é", None, registry).unwrap(), "pkg:cargo/%C3%A9");
        assert_eq!(pypi_purl("Zope.Interface__x", Some("1!2.0"), registry).unwrap(), "pkg:pypi/zope-interface-x@1%212.0");
        let module = golang_purl("github.com/Masterminds/semver/v3", Some("v3.2.0+incompatible"), registry);
        assert_eq!(module.unwrap(), "pkg:golang/github.com/masterminds/semver/v3@v3.2.0%2Bincompatible");
    }

    #[test]
    fn the_origin_is_part_of_the_identity() {
        let commit = "0123456789012345678901234567890123456789".to_owned();
        let git = Origin::Git { url: "https://host/a.git".into(), commit };
        assert_eq!(
            cargo_purl("a", Some("1.0.0"), &git).unwrap(),
            "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps:%2F%2Fhost%2Fa.git%400123456789012345678901234567890123456789"
        );
        let other = Origin::OtherRegistry { url: "https://host/index".into() };
        assert_eq!(cargo_purl("a", Some("1.0.0"), &other).unwrap(), "pkg:cargo/a@1.0.0?repository_url=https:%2F%2Fhost%2Findex");
        assert_eq!(cargo_purl("a", Some("1.0.0"), &Origin::Path { path: None }), None);
    }
}
