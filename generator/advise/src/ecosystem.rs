//! Ecosystems: who names packages and orders versions.

use std::fmt;

use crate::version::Scheme;

/// An ecosystem by its name in OSV (schema, section "Defined ecosystems").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Rust crates.
    CratesIo,
    /// Go modules.
    Go,
    /// JavaScript packages.
    Npm,
    /// Python packages.
    PyPi,
    /// One whose versions are not ordered here; only versions that an advisory lists one by one can be told.
    Other(Box<str>),
}

impl Ecosystem {
    /// The ecosystem of an OSV name; a suffix that scopes it to a release (`Debian:12`) is kept.
    pub fn of_osv(name: &str) -> Self {
        match name {
            "crates.io" => Self::CratesIo,
            "Go" => Self::Go,
            "npm" => Self::Npm,
            "PyPI" => Self::PyPi,
            other => Self::Other(other.into()),
        }
    }

    /// The ecosystem of a package URL's type (ECMA-427); none for types that name no registry of packages.
    pub fn of_purl(kind: &str) -> Option<Self> {
        Some(match kind {
            "cargo" => Self::CratesIo,
            "golang" => Self::Go,
            "npm" => Self::Npm,
            "pypi" => Self::PyPi,
            "generic" | "github" | "gitlab" | "bitbucket" => return None,
            "composer" => Self::Other("Packagist".into()),
            "gem" => Self::Other("RubyGems".into()),
            "hex" => Self::Other("Hex".into()),
            "maven" => Self::Other("Maven".into()),
            "nuget" => Self::Other("NuGet".into()),
            "pub" => Self::Other("Pub".into()),
            other => Self::Other(other.into()),
        })
    }

    /// Its name in OSV.
    pub fn name(&self) -> &str {
        match self {
            Self::CratesIo => "crates.io",
            Self::Go => "Go",
            Self::Npm => "npm",
            Self::PyPi => "PyPI",
            Self::Other(name) => name,
        }
    }

    /// How it orders versions; none where that is not known here.
    pub const fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::CratesIo | Self::Go | Self::Npm => Some(Scheme::Semver),
            Self::PyPi => Some(Scheme::Pep440),
            Self::Other(_) => None,
        }
    }

    /// A package's name in the one spelling by which two names are the same package: crates.io takes `-` and `_` for one,
    /// PyPI normalises by PEP 503, and package URLs lower the case of Go modules.
    pub fn normal(&self, name: &str) -> String {
        match self {
            Self::CratesIo => {
                let lower = name.to_ascii_lowercase();
                if lower.contains('_') { lower.replace('_', "-") } else { lower }
            }
            Self::Go => name.to_lowercase(),
            Self::PyPi => {
                let mut normal = String::with_capacity(name.len());
                for character in name.chars() {
                    if !matches!(character, '-' | '_' | '.') {
                        normal.extend(character.to_lowercase());
                    } else if !normal.ends_with('-') {
                        normal.push('-');
                    }
                }
                normal
            }
            Self::Npm | Self::Other(_) => name.to_owned(),
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_package_are_one() {
        assert_eq!(Ecosystem::PyPi.normal("Zope.Interface__x"), "zope-interface-x");
        assert_eq!(Ecosystem::CratesIo.normal("Serde_JSON"), "serde-json");
        assert_eq!(Ecosystem::Npm.normal("JSONStream"), "JSONStream");
        assert_eq!(Ecosystem::Go.normal("github.com/BurntSushi/toml"), "github.com/burntsushi/toml");
    }
}
