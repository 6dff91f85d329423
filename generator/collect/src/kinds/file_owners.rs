//! `file.owners`: does every sensitive path have an owner who is asked about changes?

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::ignore_rules::IgnoreRules;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, one},
    sources::{FILE_BYTES_MAX, bytes, chain},
};

/// Where forges look for it; the first that is there counts (GitHub: "About code owners"; GitLab: "Code Owners").
const PLACES: &[&str] = &[".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// How many files without an owner are kept.
const WITHOUT_MAX: usize = 50;

/// See the module.
pub(super) struct FileOwners;

/// Which files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Every file of the commit that is meant has an owner.
    paths: Globs,
    #[serde(default = "one")]
    files_min: u64,
}

/// What the file of owners says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// Where it is; none without one.
    owners: Option<String>,
    /// Lines that nobody can read: their numbers.
    unreadable: Vec<u64>,
    /// Files that are meant.
    files: u64,
    /// Those of them without an owner.
    without: Vec<String>,
}

impl Question for FileOwners {
    const ID: &'static str = "file.owners";
    const QUESTION: &'static str = "Does every sensitive path have an owner who is asked about changes?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/file-owners.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let paths = world.matching(&asked.paths, &Globs::default())?;
        let mut seen = Seen { files: paths.len() as u64, ..Seen::default() };
        let mut rules = Vec::new();
        for place in PLACES {
            if let Some(text) = bytes(world.tree, place, FILE_BYTES_MAX)? {
                rules = read(&String::from_utf8_lossy(&text), &mut seen.unreadable)?;
                seen.owners = Some((*place).to_owned());
                break;
            }
        }
        let owned = |path: &str| rules.iter().rev().find(|rule| rule.means(path)).is_some_and(|rule| rule.owned);
        seen.without = paths.into_iter().filter(|path| !owned(path)).take(WITHOUT_MAX).collect();
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        match &seen.owners {
            None if seen.files > 0 => findings.push(format!("there is none of {}", PLACES.join(", "))),
            Some(place) => {
                findings.extend(seen.without.iter().map(|path| format!("`{place}` gives no owner to `{path}`")));
                findings
                    .extend(seen.unreadable.iter().map(|line| format!("{place}:{line}:1: this line is ignored by the forge")));
            }
            None => {}
        }
        Judgement::decide(
            Population { examined: seen.files, required: asked.files_min },
            PositiveControl::NotNeeded,
            findings,
            format!("All {} sensitive files have an owner.", seen.files),
        )
    }
}

/// One line: a pattern, and whether it names an owner. The last that means a path counts.
struct Rule {
    pattern: IgnoreRules,
    /// `folder/*` means the files of the folder alone, unlike in git's own files.
    only_in: Option<String>,
    owned: bool,
}

impl Rule {
    fn means(&self, path: &str) -> bool {
        match &self.only_in {
            Some(folder) => path.rsplit_once('/').map_or("", |(folder, _)| folder) == folder,
            None => self.pattern.ignores(path),
        }
    }
}

/// Reads the lines. A section of GitLab (`[Name] @owner`) gives its owners to the lines below that name none.
fn read(text: &str, unreadable: &mut Vec<u64>) -> Result<Vec<Rule>, Unasked> {
    let mut rules = Vec::new();
    let mut section_owned = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let is_owner = |word: &&str| word.starts_with('@') && word.len() > 1 || word.contains('@') && !word.starts_with('@');
        if line.starts_with('[') || line.starts_with("^[") {
            let after = line.rsplit_once(']').map_or("", |(_, after)| after);
            section_owned = after.split_whitespace().any(|word| is_owner(&word));
            continue;
        }
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(pattern) = words.next() else { continue };
        // Forges read neither `!` nor `[…]` here: such a line means nothing.
        if pattern.starts_with('!') || pattern.contains('[') {
            unreadable.push(index as u64 + 1);
            continue;
        }
        let words: Vec<&str> = words.collect();
        let owned = words.iter().any(is_owner) || words.is_empty() && section_owned;
        let only_in = pattern.strip_suffix("/*").map(|folder| folder.trim_start_matches('/').to_owned());
        let pattern = IgnoreRules::of([(".gitignore", pattern)]).map_err(|error| Unasked(chain(&error)))?;
        rules.push(Rule { pattern, only_in: only_in.filter(|folder| !folder.contains('*')), owned });
    }
    Ok(rules)
}

const ASKED: &str = r#"{"paths":[".github/**","migrations/**"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every sensitive file has an owner",
        asked: ASKED,
        seen: r#"{"owners":".github/CODEOWNERS","unreadable":[],"files":4,"without":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one has none",
        asked: ASKED,
        seen: r#"{"owners":".github/CODEOWNERS","unreadable":[],"files":4,"without":["migrations/0001.sql"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody wrote down owners",
        asked: ASKED,
        seen: r#"{"owners":null,"unreadable":[],"files":4,"without":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a line that the forge does not read",
        asked: ASKED,
        seen: r#"{"owners":"CODEOWNERS","unreadable":[3],"files":4,"without":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is nothing sensitive",
        asked: ASKED,
        seen: r#"{"owners":"CODEOWNERS","unreadable":[],"files":0,"without":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn without(owners: &str) -> Vec<String> {
        let asked: Asked = serde_json::from_str(r#"{"paths":[".github/**","migrations/**","wrangler.jsonc"]}"#).unwrap();
        let files = [
            (".github/CODEOWNERS", owners),
            (".github/workflows/d.yml", ""),
            ("migrations/1.sql", ""),
            ("migrations/old/0.sql", ""),
            ("wrangler.jsonc", ""),
        ];
        Scene::of(files).with(|world| FileOwners::gather(world, &asked)).unwrap().without
    }

    #[test]
    fn the_last_line_that_means_a_path_counts() {
        assert_eq!(without("* @org/all\n"), Vec::<String>::new());
        assert_eq!(without("* @org/all\n/migrations/\n"), ["migrations/1.sql", "migrations/old/0.sql"]);
        assert_eq!(without(".github/ @a\n/migrations/* @b\n/wrangler.* c@d.example # who deploys\n"), ["migrations/old/0.sql"]);
        assert_eq!(without("# * @org/all\n").len(), 5);
        assert_eq!(without("[Data] @dba\n* \n"), Vec::<String>::new());
        assert_eq!(without("* @\n").len(), 5);
    }
}
