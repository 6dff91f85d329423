//! Licences: what a package declares, what its licence texts confirm, and how CycloneDX writes both.
//!
//! *Declared* is what a manifest or a lockfile states. *Concluded* is what the texts in the package bear out: the declared
//! expression, where the texts that were identified suffice for it; or the texts' own licences, where nothing is declared.
//! Nothing else is ever concluded, and what is not known is written as `NOASSERTION`.

use std::{
    collections::{BTreeSet, HashSet},
    sync::LazyLock,
};

use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

use crate::{
    Spec,
    format::{Evidence, Licence, LicenceChoice},
    validate::SPDX_SCHEMA,
};

/// What stands for a fact that is not known (SPDX 2.3, section 7.13).
pub(crate) const UNKNOWN: &str = "NOASSERTION";

/// Expressions as they are found: ids that the list has deprecated, `GPL-2.0+`, no guessing of names.
const AS_FOUND: ParseMode = ParseMode {
    allow_deprecated: true,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_slash_as_or_operator: false,
    allow_unknown: false,
};

/// A licence that is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// An expression over ids of the SPDX licence list (SPDX 2.3, annex D).
    Expression(String),
    /// Any other text.
    Text(String),
}

/// What is known of a package's licence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) declared: Option<Stated>,
    pub(crate) concluded: Option<String>,
}

impl Stated {
    /// Reads a licence as it was written. `/` was Cargo's `OR`, and operators may be in lower case.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case(UNKNOWN) || text.eq_ignore_ascii_case("UNKNOWN") {
            return None;
        }
        let expression = with_operators(text);
        match Expression::parse_mode(&expression, AS_FOUND) {
            Ok(_) => Some(Self::Expression(expression)),
            Err(_) => Some(Self::Text(text.to_owned())),
        }
    }
}

impl Known {
    /// From what is declared and the licences whose texts lie in the package.
    pub(crate) fn of(declared: Option<&str>, texts: &BTreeSet<&'static str>) -> Self {
        let declared = declared.and_then(Stated::read);
        let concluded = match &declared {
            Some(Stated::Expression(text)) if !texts.is_empty() => confirmed(text, texts).then(|| text.clone()),
            // Several texts beside no declaration do not say how they are joined.
            None => match texts.iter().collect::<Vec<_>>().as_slice() {
                [one] => Some((**one).to_owned()),
                _ => None,
            },
            Some(_) => None,
        };
        Self { declared, concluded }
    }

    /// The licence that holds without a choice of whoever uses the package.
    pub(crate) fn effective(&self) -> Option<&str> {
        self.concluded.as_deref().filter(|text| !text.split_ascii_whitespace().any(|word| word == "OR"))
    }

    /// As CycloneDX writes it: the component's `licenses`, and its evidence for what these have no room for.
    ///
    /// 1.7 has room for both. 1.6 has room for several licences or for one expression: then the concluded one is written,
    /// and the declared one is evidence. 1.5 tells them apart by place alone.
    pub(crate) fn written(&self, spec: Spec) -> (Vec<LicenceChoice>, Option<Evidence>) {
        let declared = self.declared.as_ref().map(|stated| choice(stated, "declared", spec));
        let concluded = self.concluded.as_ref().map(|text| choice(&Stated::Expression(text.clone()), "concluded", spec));
        let beside = |choice| Some(Evidence { licenses: vec![choice] });
        match (declared, concluded) {
            (None, None) => {
                let license = Licence { id: None, name: Some(UNKNOWN.to_owned()), acknowledgement: None };
                (vec![LicenceChoice::Licence { license }], None)
            }
            (Some(only), None) | (None, Some(only)) => (vec![only], None),
            (Some(declared), Some(concluded)) => match spec {
                Spec::V1_5 => (vec![declared], beside(concluded)),
                Spec::V1_6 if is_expression(&declared) || is_expression(&concluded) => (vec![concluded], beside(declared)),
                Spec::V1_6 | Spec::V1_7 => (vec![declared, concluded], None),
            },
        }
    }
}

/// The licence that a manifest declares, alone.
pub(crate) fn declared(text: &str, spec: Spec) -> Vec<LicenceChoice> {
    Stated::read(text).map(|stated| choice(&stated, "declared", spec)).into_iter().collect()
}

fn choice(stated: &Stated, acknowledgement: &'static str, spec: Spec) -> LicenceChoice {
    let acknowledgement = (spec >= Spec::V1_6).then_some(acknowledgement);
    let licence = |id: Option<&str>, name: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        LicenceChoice::Licence { license: Licence { id: owned(id), name: owned(name), acknowledgement } }
    };
    match stated {
        Stated::Expression(text) if is_id(text) => licence(Some(text), None),
        Stated::Expression(text) => LicenceChoice::Expression { expression: text.clone(), acknowledgement },
        Stated::Text(text) => licence(None, Some(text)),
    }
}

const fn is_expression(choice: &LicenceChoice) -> bool {
    matches!(choice, LicenceChoice::Expression { .. })
}

/// Whether it is one id that the schema of CycloneDX lists.
fn is_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    plain && spdx::license_id(text).is_some() && QUOTED.contains(text)
}

/// What stands between two quotes in the schema: the ids, and a few words more.
static QUOTED: LazyLock<HashSet<&str>> = LazyLock::new(|| SPDX_SCHEMA.split('"').collect());

/// Whether the texts suffice for the expression: one of those joined by `OR`, all of those joined by `AND`. An exception
/// has a text of its own, which is not looked for.
fn confirmed(expression: &str, texts: &BTreeSet<&'static str>) -> bool {
    let has = |requirement: &LicenseReq| {
        let LicenseItem::Spdx { id, .. } = &requirement.license else { return false };
        requirement.addition.is_none() && texts.contains(id.name)
    };
    Expression::parse_mode(expression, AS_FOUND).is_ok_and(|parsed| parsed.evaluate(has))
}

/// The text with `/` written as `OR`, operators in upper case, and one blank between words.
fn with_operators(text: &str) -> String {
    // A slash within a LicenseRef or an address is no operator; ids of the list have none.
    let spaced = if text.contains("://") { text.to_owned() } else { text.replace('/', " OR ") };
    let words = spaced.split_ascii_whitespace().map(|word| match word {
        "or" | "Or" => "OR",
        "and" | "And" => "AND",
        "with" | "With" => "WITH",
        other => other,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ids: &[&'static str]) -> BTreeSet<&'static str> {
        ids.iter().copied().collect()
    }

    #[test]
    fn a_licence_is_an_id_an_expression_or_a_name() {
        let shown = |text| serde_json::to_string(&declared(text, Spec::V1_5)).unwrap();
        assert_eq!(shown("MIT"), r#"[{"license":{"id":"MIT"}}]"#);
        assert_eq!(shown("(MIT OR Apache-2.0)"), r#"[{"expression":"(MIT OR Apache-2.0)"}]"#);
        assert_eq!(shown("MIT/Apache-2.0"), r#"[{"expression":"MIT OR Apache-2.0"}]"#);
        assert_eq!(shown("mit or isc"), r#"[{"license":{"name":"mit or isc"}}]"#, "ids are not guessed");
        assert_eq!(shown("MIT or ISC"), r#"[{"expression":"MIT OR ISC"}]"#);
        assert_eq!(shown("SEE LICENSE IN x"), r#"[{"license":{"name":"SEE LICENSE IN x"}}]"#);
        assert_eq!(shown("MIT OR"), r#"[{"license":{"name":"MIT OR"}}]"#);
        assert_eq!(shown("Apache-2.0 WITH LLVM-exception"), r#"[{"expression":"Apache-2.0 WITH LLVM-exception"}]"#);
        assert_eq!(shown("GPL-2.0+"), r#"[{"expression":"GPL-2.0+"}]"#);
        assert_eq!(shown("LicenseRef-own AND MIT"), r#"[{"expression":"LicenseRef-own AND MIT"}]"#);
        assert_eq!(shown("https://x.example/licence"), r#"[{"license":{"name":"https://x.example/licence"}}]"#);
        for nothing in [" ", "UNKNOWN", "NOASSERTION"] {
            assert_eq!(shown(nothing), "[]");
        }
    }

    #[test]
    fn a_declared_expression_is_concluded_when_the_texts_suffice_for_it() {
        let concluded = |declared: Option<&str>, ids: &[&'static str]| Known::of(declared, &texts(ids)).concluded;
        assert_eq!(concluded(Some("MIT/Apache-2.0"), &["MIT"]).as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(concluded(Some("MIT AND Zlib"), &["MIT"]), None, "one of two texts that are needed");
        assert_eq!(concluded(Some("MIT AND Zlib"), &["MIT", "Zlib"]).as_deref(), Some("MIT AND Zlib"));
        assert_eq!(concluded(Some("(MIT OR ISC) AND Unicode-3.0"), &["ISC", "MIT"]), None);
        assert_eq!(concluded(Some("Apache-2.0 WITH LLVM-exception"), &["Apache-2.0"]), None);
        assert_eq!(concluded(Some("MIT"), &[]), None, "a declaration alone concludes nothing");
        assert_eq!(concluded(Some("MIT"), &["ISC"]), None, "text and declaration disagree");
        assert_eq!(concluded(Some("the usual"), &["MIT"]), None);
        assert_eq!(concluded(None, &["MIT"]).as_deref(), Some("MIT"));
        assert_eq!(concluded(None, &["ISC", "MIT"]), None);
    }

    #[test]
    fn each_version_keeps_declared_and_concluded_apart_in_its_own_way() {
        let written = |declared, ids: &[&'static str], spec| {
            let (licences, evidence) = Known::of(declared, &texts(ids)).written(spec);
            let evidence = evidence.map(|evidence| evidence.licenses).unwrap_or_default();
            format!("{} {}", serde_json::to_string(&licences).unwrap(), serde_json::to_string(&evidence).unwrap())
        };
        let either = Some("MIT OR ISC");
        assert_eq!(written(either, &["MIT"], Spec::V1_5), r#"[{"expression":"MIT OR ISC"}] [{"expression":"MIT OR ISC"}]"#);
        assert_eq!(
            written(either, &["MIT"], Spec::V1_6),
            r#"[{"expression":"MIT OR ISC","acknowledgement":"concluded"}] [{"expression":"MIT OR ISC","acknowledgement":"declared"}]"#
        );
        assert_eq!(
            written(either, &["MIT"], Spec::V1_7),
            r#"[{"expression":"MIT OR ISC","acknowledgement":"declared"},{"expression":"MIT OR ISC","acknowledgement":"concluded"}] []"#
        );
        assert_eq!(
            written(Some("MIT"), &["MIT"], Spec::V1_6),
            r#"[{"license":{"id":"MIT","acknowledgement":"declared"}},{"license":{"id":"MIT","acknowledgement":"concluded"}}] []"#
        );
        assert_eq!(written(None, &[], Spec::V1_6), r#"[{"license":{"name":"NOASSERTION"}}] []"#);
    }

    #[test]
    fn a_licence_with_a_choice_is_not_yet_the_effective_one() {
        assert_eq!(Known::of(Some("MIT"), &texts(&["MIT"])).effective(), Some("MIT"));
        assert_eq!(Known::of(Some("MIT OR ISC"), &texts(&["MIT"])).effective(), None);
        assert_eq!(Known::of(Some("MIT"), &texts(&[])).effective(), None);
    }
}
