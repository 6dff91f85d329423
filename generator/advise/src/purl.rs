//! Package URLs (ECMA-427) in the eyes of advisories: which ecosystem they speak of, and whether two name one package.

pub use avouch_model::purl::{NotAPurl, Purl};

use crate::Ecosystem;

/// What a package URL means to whoever publishes advisories.
pub trait OfEcosystem {
    /// The ecosystem of its type; none for types that name no registry of packages.
    fn ecosystem(&self) -> Option<Ecosystem>;

    /// Whether both name one package, by the rules of its ecosystem; versions and qualifiers do not count.
    fn is_of_package(&self, other: &Self) -> bool;
}

impl OfEcosystem for Purl {
    fn ecosystem(&self) -> Option<Ecosystem> {
        Ecosystem::of_purl(&self.kind)
    }

    fn is_of_package(&self, other: &Self) -> bool {
        let normal = |purl: &Self| match purl.ecosystem() {
            Some(ecosystem) => ecosystem.normal(&purl.full_name()),
            None => purl.full_name(),
        };
        self.kind == other.kind && normal(self) == normal(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
