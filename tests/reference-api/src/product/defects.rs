//! Defects of a product: edits of its files, and the claims that must turn with them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::repository::Files;

/// `defects.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(default, rename = "defect")]
    defects: Vec<Defect>,
}

impl Table {
    /// The defects, each named once, with claims that it turns and at most two that may turn along.
    pub(super) fn checked(self) -> anyhow::Result<Vec<Defect>> {
        let mut names = BTreeSet::new();
        for defect in &self.defects {
            let name = &defect.name;
            if !names.insert(name) {
                bail!("two defects are named `{name}`");
            }
            if defect.claims.is_empty() || (defect.edits.is_empty() && defect.history.is_empty()) {
                bail!("the defect `{name}` turns no claim, or edits nothing");
            }
            if defect.linked.len() > 2 || defect.claims.iter().any(|claim| defect.linked.contains_key(claim)) {
                bail!("the defect `{name}` links more than two claims, or one that it turns");
            }
        }
        Ok(self.defects)
    }
}

/// A defect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// Its name.
    pub name: String,
    /// What changes.
    pub change: String,
    /// The claims that must leave `pass`.
    pub claims: Vec<String>,
    /// Claims that may turn with them, each with the reason.
    #[serde(default)]
    pub linked: BTreeMap<String, String>,
    /// Whether it was written by somebody who knew the claim and the product, and had not read the check. Such defects are
    /// tried several at a time.
    #[serde(default)]
    pub blind: bool,
    /// What is edited in the release.
    #[serde(default)]
    pub(super) edits: Vec<Edit>,
    /// What is edited in the commit before it alone.
    #[serde(default)]
    pub(super) history: Vec<Edit>,
}

impl Defect {
    /// The decisions that nobody signs.
    pub(super) fn unsigned(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().filter(|edit| edit.unsigned).map(|edit| edit.file.as_str())
    }

    /// Whether both can be tried in one product: they edit other files, and other claims may turn with them.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        let files = |defect: &Self| -> BTreeSet<String> {
            defect.edits.iter().chain(&defect.history).map(|edit| edit.file.clone()).collect()
        };
        let claims = |defect: &Self| -> BTreeSet<String> { defect.claims.iter().chain(defect.linked.keys()).cloned().collect() };
        self.blind && other.blind && files(self).is_disjoint(&files(other)) && claims(self).is_disjoint(&claims(other))
    }
}

/// An edit of one file: exactly one of its kinds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    file: String,
    /// A text that occurs exactly once, for which `with` is written.
    replace: Option<String>,
    with: Option<String>,
    /// The whole new text.
    write: Option<String>,
    /// What is added at the end.
    append: Option<String>,
    /// Whether the file goes.
    #[serde(default)]
    remove: bool,
    /// Whether the decision stays unsigned.
    #[serde(default)]
    unsigned: bool,
}

impl Edit {
    /// Makes the edit, which must find what it changes.
    pub(super) fn apply(&self, files: &mut Files) -> anyhow::Result<()> {
        let path = &self.file;
        let missing = || format!("there is no `{path}` to edit");
        match (&self.replace, &self.with, &self.write, &self.append, self.remove, self.unsigned) {
            (Some(old), Some(new), None, None, false, false) => {
                let text = files.get_mut(path).with_context(missing)?;
                match text.matches(old.as_str()).count() {
                    1 => *text = text.replacen(old.as_str(), new, 1),
                    count => bail!("`{path}` holds the text to be replaced {count} times instead of once:\n{old}"),
                }
            }
            (None, None, Some(text), None, false, false) => drop(files.insert(path.clone(), text.clone())),
            (None, None, None, Some(text), false, false) => files.get_mut(path).with_context(missing)?.push_str(text),
            (None, None, None, None, true, false) => drop(files.remove(path).with_context(missing)?),
            (None, None, None, None, false, true) => drop(files.get(path).with_context(missing)?),
            _ => bail!("an edit of `{path}` is exactly one of `replace` and `with`, `write`, `append`, `remove`, `unsigned`"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defects(text: &str) -> anyhow::Result<Vec<Defect>> {
        toml::from_str::<Table>(text).map_err(anyhow::Error::from).and_then(Table::checked)
    }

    #[test]
    fn an_edit_finds_what_it_changes_exactly_once() {
        let listed = defects(
            "[[defect]]\nname = 'a'\nchange = 'b'\nclaims = ['C']\nedits = [{ file = 'x', replace = 'one', with = 'two' }]",
        )
        .unwrap();
        let edit = &listed[0].edits[0];
        let mut files = Files::from([("x".to_owned(), "one three".to_owned())]);
        edit.apply(&mut files).unwrap();
        assert_eq!(files["x"], "two three");
        assert!(edit.apply(&mut files).unwrap_err().to_string().contains("0 times"));
        let mut twice = Files::from([("x".to_owned(), "one one".to_owned())]);
        assert!(edit.apply(&mut twice).unwrap_err().to_string().contains("2 times"));
        assert!(edit.apply(&mut Files::new()).is_err());
    }

    #[test]
    fn a_defect_names_claims_edits_and_few_links() {
        let with = |rest: &str| defects(&format!("[[defect]]\nname = 'a'\nchange = 'b'\n{rest}"));
        assert!(with("claims = ['C']\nedits = [{ file = 'x', remove = true }]").is_ok());
        assert!(with("claims = []\nedits = [{ file = 'x', remove = true }]").is_err());
        assert!(with("claims = ['C']").is_err());
        assert!(with("claims = ['C']\nedits = [{ file = 'x', remove = true }]\nlinked = { C = 'r' }").is_err());
        let mut files = Files::from([("x".to_owned(), String::new())]);
        let both = with("claims = ['C']\nedits = [{ file = 'x', remove = true, append = 'y' }]").unwrap();
        assert!(both[0].edits[0].apply(&mut files).is_err(), "an edit is of one kind");
    }

    #[test]
    fn only_blind_defects_of_other_files_and_claims_are_tried_together() {
        let one = |name: &str, rest: &str| format!("[[defect]]\nname = '{name}'\nchange = 'b'\n{rest}\n");
        let listed = defects(
            &[
                one("a", "claims = ['A']\nblind = true\nedits = [{ file = 'x', remove = true }]"),
                one("b", "claims = ['B']\nblind = true\nedits = [{ file = 'y', remove = true }]"),
                one("c", "claims = ['C']\nedits = [{ file = 'z', remove = true }]"),
                one("d", "claims = ['D']\nblind = true\nhistory = [{ file = 'x', append = 'more' }]"),
                one("e", "claims = ['E']\nblind = true\nlinked = { A = 'r' }\nedits = [{ file = 'w', remove = true }]"),
            ]
            .concat(),
        )
        .unwrap();
        let apart = |left: usize, right: usize| listed[left].is_apart_from(&listed[right]);
        assert!(apart(0, 1) && apart(1, 0));
        assert!(!apart(0, 2), "one is not blind");
        assert!(!apart(0, 3), "one file");
        assert!(!apart(0, 4), "one claim");
    }
}
