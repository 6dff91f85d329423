//! What a bill of materials says of its own completeness (CycloneDX, `compositions`).

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{Bom, bom::Property};

/// How many things that may be missing are named.
const NAMED_MAX: usize = 20;
/// What our own bills say of a lockfile that is not in them; its path follows.
const LEFT_OUT: &str = "avouch:left-out:";
/// What our own bills say of something that a lockfile names and does not hold; the lockfile's path follows.
const UNRESOLVED: &str = "avouch:unresolved:";

/// How complete what is listed is.
#[derive(Deserialize)]
pub(crate) struct Composition {
    #[serde(default)]
    aggregate: String,
    #[serde(default)]
    assemblies: Vec<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Composition {
    /// Whether it speaks of the product: what it is made of or what it needs. One that names nothing speaks of everything.
    fn is_about(&self, product: Option<&str>) -> bool {
        let Some(product) = product else { return true };
        let mut named = self.assemblies.iter().chain(&self.dependencies).peekable();
        named.peek().is_none() || named.any(|named| named == product)
    }

    /// Whether it says that something may be missing: `incomplete`, `incomplete_first_party_only` and its like, and
    /// `not_specified`. `unknown` is what a lockfile that lists too much has.
    fn is_incomplete(&self) -> bool {
        self.aggregate.starts_with("incomplete") || self.aggregate == "not_specified"
    }
}

/// What a document tells: nothing at all, or perhaps why something may be missing. What could not be resolved cannot be
/// held against an advisory, whatever the compositions say.
pub(crate) fn told(bom: &Bom, compositions: &[Composition], properties: &[Property]) -> Option<Option<String>> {
    let product = bom.root.as_ref().map(|root| root.reference.as_str());
    let mut about = compositions.iter().filter(|composition| composition.is_about(product)).peekable();
    let tells = about.peek().is_some();
    let mut missing = unresolved(properties);
    let says = match about.find(|composition| composition.is_incomplete()) {
        Some(incomplete) => format!("says that it is incomplete (`{}`)", incomplete.aggregate),
        None if missing.is_empty() => return tells.then_some(None),
        None => "names what was not resolved".to_owned(),
    };
    missing.extend(left_out(properties));
    let needing = compositions.iter().filter(|composition| composition.is_incomplete());
    let needing: BTreeSet<&String> =
        needing.flat_map(|composition| composition.assemblies.iter().chain(&composition.dependencies)).collect();
    let needing = bom.components.iter().filter(|component| needing.contains(&component.reference));
    missing.extend(needing.map(|component| format!("something that {} needs", component.label())));
    let more = missing.len().saturating_sub(NAMED_MAX);
    missing.truncate(NAMED_MAX);
    if more > 0 {
        missing.push(format!("{more} things more"));
    }
    let missing = if missing.is_empty() { "it does not say what".to_owned() } else { missing.join("; ") };
    Some(Some(format!("the bill of materials {says}, may be missing: {missing}")))
}

fn unresolved(properties: &[Property]) -> Vec<String> {
    let named = properties.iter().filter_map(|property| Some((property.name.strip_prefix(UNRESOLVED)?, &property.value)));
    named.map(|(path, what)| format!("{path}: {}", what.as_deref().unwrap_or("something"))).collect()
}

fn left_out(properties: &[Property]) -> impl Iterator<Item = String> + '_ {
    properties.iter().filter_map(|property| {
        let path = property.name.strip_prefix(LEFT_OUT)?;
        let reason = property.value.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        Some(format!("{path}{reason}"))
    })
}

#[cfg(test)]
mod tests {
    use crate::Bom;

    fn bom(compositions: &str) -> Bom {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"bom-ref":"root","name":"shop"}},
            "properties":[{{"name":"avouch:left-out:b/package-lock.json","value":"it is damaged"}},{{"name":"other"}}]}},
            "components":[{{"bom-ref":"a","name":"a","version":"1","purl":"pkg:npm/a@1"}}]{compositions}}}"#
        );
        Bom::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_bill_that_says_it_is_incomplete_is_and_names_what_is_missing() {
        for aggregate in ["incomplete", "incomplete_third_party_only", "not_specified"] {
            for about in [r#""assemblies":["root"]"#, r#""dependencies":["a","root"]"#, r#""assemblies":[]"#] {
                let one = bom(&format!(r#","compositions":[{{"aggregate":"{aggregate}",{about}}}]"#));
                let why = one.incomplete.unwrap();
                assert!(why.contains(aggregate) && why.contains("may be missing: b/package-lock.json (it is damaged)"), "{why}");
                assert!(one.tells_completeness);
            }
        }
        let needs = bom(
            r#","compositions":[{"aggregate":"incomplete","assemblies":["root"]},{"aggregate":"incomplete","dependencies":["a"]}]"#,
        );
        assert!(needs.incomplete.unwrap().ends_with("; something that a 1 needs"));
    }

    #[test]
    fn what_was_not_resolved_is_named_whatever_the_compositions_say() {
        let bom = |compositions: &str| {
            let text = format!(
                r#"{{"bomFormat":"CycloneDX","metadata":{{"component":{{"bom-ref":"root","name":"shop"}},"properties":[
                {{"name":"avouch:left-out:b/package-lock.json","value":"it is damaged"}},
                {{"name":"avouch:unresolved:requirements.txt","value":"loose is not pinned with `==`"}}]}}{compositions}}}"#
            );
            Bom::read(text.as_bytes()).unwrap()
        };
        let named = "may be missing: requirements.txt: loose is not pinned with `==`; b/package-lock.json (it is damaged)";
        for (compositions, says) in [
            ("", "names what was not resolved"),
            (r#","compositions":[{"aggregate":"complete","assemblies":["root"]}]"#, "names what was not resolved"),
            (
                r#","compositions":[{"aggregate":"incomplete","assemblies":["root"]}]"#,
                "says that it is incomplete (`incomplete`)",
            ),
        ] {
            let bom = bom(compositions);
            let why = bom.incomplete.unwrap();
            assert_eq!(why, format!("the bill of materials {says}, {named}"), "{compositions}");
            assert!(bom.tells_completeness);
        }
    }

    #[test]
    fn a_bill_that_says_nothing_is_told_apart_from_a_complete_one() {
        for (compositions, tells) in [
            ("", false),
            (r#","compositions":[{"aggregate":"incomplete","assemblies":["a"]}]"#, false),
            (r#","compositions":[{"aggregate":"complete","assemblies":["root"]}]"#, true),
            (r#","compositions":[{"aggregate":"unknown","assemblies":["root"]}]"#, true),
        ] {
            let bom = bom(compositions);
            assert_eq!((bom.incomplete, bom.tells_completeness), (None, tells), "{compositions}");
        }
    }
}
