//! `secrets.tree`: does the tree of the release hold no secret?

use std::{collections::BTreeSet, sync::Arc};

use avouch_model::{
    diagnostic::{Diagnostic, Source},
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_repository::Files;
use avouch_scan::{Exceptions, Judged, Key, Rules, Scanner};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, one},
    secrets::{self, Searched, finds_a_planted_secret},
    sources::{FILE_BYTES_MAX, bytes, chain},
};

/// How many secrets are listed; all are counted.
const LISTED_MAX: usize = 200;

/// See the module.
pub(super) struct SecretsTree;

/// How secrets are looked for, and which count.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// A file of rules in the format of gitleaks, within the tree; it must extend the built-in ones.
    rules: Option<String>,
    /// A file of known secrets, within the tree.
    exceptions: Option<String>,
    /// The paths whose secrets count; otherwise all.
    files: Option<Globs>,
    /// The classes of paths whose secrets count; otherwise all.
    classes: Option<BTreeSet<Class>>,
    /// Rules whose hits count, globs of their ids; otherwise all.
    only_rules: Option<Globs>,
    /// Rules whose hits count although they are only worth knowing.
    #[serde(default)]
    also: BTreeSet<String>,
    /// At least so many contents must be searched.
    #[serde(default = "one")]
    files_min: u64,
}

/// A class of paths, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    Source,
    Test,
    Document,
    Example,
}

impl From<avouch_scan::PathClass> for Class {
    fn from(class: avouch_scan::PathClass) -> Self {
        match class {
            avouch_scan::PathClass::Source => Self::Source,
            avouch_scan::PathClass::Test => Self::Test,
            avouch_scan::PathClass::Document => Self::Document,
            avouch_scan::PathClass::Example => Self::Example,
        }
    }
}

/// What was searched, and where secrets lie.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// Whether secrets made up for this run were found.
    planted_found: bool,
    /// Texts that were searched.
    contents: u64,
    /// Texts that could not be searched, and some of them with the reason.
    unsearched: u64,
    unsearched_named: Vec<String>,
    /// Texts at paths that the rules leave out; not searched, and not among the others.
    #[serde(default, skip_serializing_if = "is_none")]
    left_out: u64,
    /// Whether older commits may be missing.
    shallow: bool,
    /// Secrets that count.
    secrets: u64,
    listed: Vec<Listed>,
    /// Secrets in files, of classes or by rules that do not count.
    elsewhere: u64,
    /// Secrets that an entry in force names.
    known: u64,
    /// Secrets whose entry has ended; they count.
    ended: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    rule: String,
    path: String,
    line: u64,
    class: Class,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
}

impl Question for SecretsTree {
    const ID: &'static str = "secrets.tree";
    const QUESTION: &'static str = "Does the tree of the release hold no secret?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/secrets-tree.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        look(world, asked, |scanner| secrets::files(world.tree, scanner).map_err(|error| Unasked(chain(&error))))
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        judged(seen, asked, "in the tree of the release")
    }
}

/// Looks for secrets with the rules that are asked for, and keeps where they lie.
pub(super) fn look(
    world: &World<'_>,
    asked: &Asked,
    search: impl FnOnce(&Scanner<'_>) -> Result<Searched, Unasked>,
) -> Result<Seen, Unasked> {
    let rules = rules(world, asked)?;
    let planted_found = finds_a_planted_secret(&rules, world.random).map_err(|error| Unasked(chain(&error)))?;
    let key = (world.environment)("AVOUCH_SCAN_KEY").filter(|text| !text.trim().is_empty());
    let key = key.map(|text| Key::from_text(&text).map_err(|error| Unasked(format!("AVOUCH_SCAN_KEY: {error}")))).transpose()?;
    let exceptions = match (&asked.exceptions, &key) {
        (None, _) => Exceptions::default(),
        (Some(_), None) => {
            return Err(Unasked(
                "the known secrets are named by their digests, and AVOUCH_SCAN_KEY, their key, is not set".to_owned(),
            ));
        }
        (Some(path), Some(_)) => {
            Exceptions::load(&source(world, path)?, world.now.day()).map_err(|problems| unasked(&problems))?
        }
    };
    let fresh = || {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&(world.random)().to_be_bytes());
        }
        Key::from_bytes(bytes)
    };
    // No digest leaves this function: without a key of the team's one of this moment does.
    let scanner = Scanner::new(&rules, key.unwrap_or_else(fresh));
    let Searched { found, counts } = search(&scanner)?;
    let mut seen = Seen {
        planted_found,
        contents: counts.contents,
        unsearched: counts.unsearched,
        unsearched_named: counts.unsearched_named.iter().map(|(path, why)| format!("{path}: {why}")).collect(),
        left_out: counts.left_out,
        shallow: counts.shallow,
        ..Seen::default()
    };
    if let Some(files) = &asked.files
        && world.matching(files, &Globs::default())?.is_empty()
    {
        // Where nothing lies nothing was searched.
        seen.contents = 0;
    }
    for found in found {
        let class = Class::from(found.class);
        if found.hit.notice && !asked.also.contains(&found.hit.id) {
            continue;
        }
        match exceptions.judge(&found.hit, &found.path, world.now) {
            Judged::Excepted(_) => {
                seen.known += 1;
                continue;
            }
            Judged::Ended(_) => seen.ended += 1,
            Judged::New => {}
        }
        let elsewhere = asked.files.as_ref().is_some_and(|files| !files.matches(&found.path))
            || asked.only_rules.as_ref().is_some_and(|rules| !rules.matches(&found.hit.id));
        if elsewhere || asked.classes.as_ref().is_some_and(|classes| !classes.contains(&class)) {
            seen.elsewhere += 1;
            continue;
        }
        seen.secrets += 1;
        if seen.listed.len() < LISTED_MAX {
            seen.listed.push(Listed { rule: found.hit.id, path: found.path, line: found.hit.line, class, commit: found.commit });
        }
    }
    Ok(seen)
}

/// Judges what was seen, in the tree or in the history.
pub(super) fn judged(seen: &Seen, asked: &Asked, place: &str) -> Judgement {
    let mut findings: Vec<String> = seen
        .listed
        .iter()
        .map(|listed| {
            let since = listed.commit.as_ref().map(|commit| format!(", since commit {commit}")).unwrap_or_default();
            format!("a secret by the rule `{}` at {}:{}{since}", listed.rule, listed.path, listed.line)
        })
        .collect();
    let rest = seen.secrets.saturating_sub(findings.len() as u64);
    if rest > 0 {
        findings.push(format!("{rest} more secrets"));
    }
    if seen.ended > 0 {
        findings.push(format!("of these {} were known, and their entries have ended", seen.ended));
    }
    let control = if !seen.planted_found {
        findings.insert(0, "the rules do not find a secret that was planted; let them extend the built-in ones".to_owned());
        PositiveControl::Broken
    } else if findings.is_empty() && (seen.unsearched > 0 || seen.shallow) {
        // What was not searched may hold anything.
        findings.extend(seen.unsearched_named.iter().map(|named| format!("not searched: {named}")));
        if seen.shallow {
            findings.push("the clone is shallow, so older commits are missing; `git fetch --unshallow` brings them".to_owned());
        }
        PositiveControl::Broken
    } else {
        PositiveControl::Held
    };
    let mut apart = String::new();
    for (count, what) in [
        (seen.left_out, "more left out by the rules and not searched"),
        (seen.known, "known and excepted, with an end"),
        (seen.elsewhere, "outside of what counts"),
    ] {
        if count > 0 {
            apart.push_str(&format!(", {count} {what}"));
        }
    }
    Judgement::decide(
        Population { examined: seen.contents, required: asked.files_min.max(1) },
        control,
        findings,
        format!(
            "{} texts {place} were searched and hold no secret{apart}; secrets planted for this run were found.",
            seen.contents
        ),
    )
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

fn rules(world: &World<'_>, asked: &Asked) -> Result<Rules, Unasked> {
    let rules = match &asked.rules {
        None => Rules::own().map_err(|problems| unasked(&problems))?,
        Some(path) => {
            let mut other = |path: &str| source(world, path).map_err(|error| error.to_string());
            Rules::load(&source(world, path)?, &mut other).map_err(|problems| unasked(&problems))?
        }
    };
    rules.compile().map_err(Unasked)?;
    Ok(rules)
}

fn source(world: &World<'_>, path: &str) -> Result<Arc<Source>, Unasked> {
    let tree: &dyn Files = world.tree;
    let bytes = bytes(tree, path, FILE_BYTES_MAX)?.ok_or_else(|| Unasked(format!("there is no `{path}` in the tree")))?;
    let text = String::from_utf8(bytes).map_err(|_| Unasked(format!("`{path}` is not UTF-8")))?;
    Ok(Arc::new(Source { path: path.to_owned(), text }))
}

fn unasked(problems: &[Diagnostic]) -> Unasked {
    Unasked(problems.iter().map(Diagnostic::line).collect::<Vec<_>>().join("; "))
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "everything was searched, and nothing found",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":120,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a file holds credentials",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":120,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":1,"listed":[{"rule":"aws-access-token","path":"scripts/deploy.sh","line":3,"class":"source"}],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an entry about a known secret has ended",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":120,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":1,"listed":[{"rule":"jwt","path":"tests/a.ts","line":3,"class":"test"}],"elsewhere":0,"known":0,"ended":1}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the rules find nothing, not even what was planted",
        asked: r#"{"rules":".gitleaks.toml"}"#,
        seen: r#"{"planted_found":false,"contents":120,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a file could not be searched",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":119,"unsearched":1,"unsearched_named":["big.sql: larger than 64 MiB"],"shallow":false,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "there was nothing to search",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":0,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(scene: &Scene, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = scene.with(|world| SecretsTree::gather(world, &asked)).unwrap();
        SecretsTree::judge(&seen, &asked)
    }

    /// A token of GitHub, put together here.
    fn token() -> String {
        ["gh", "p_", "Q7w2Zk9LmX4vRt1YbN8cDp6FhJ3sGa5eUiO0"].concat()
    }

    #[test]
    fn a_tree_is_searched_and_the_value_kept_nowhere() {
        let clean =
            Scene::of([("src/a.ts", "const a = 1;\n".to_owned()), ("README.md", "Set GITHUB_TOKEN=<your token>.\n".to_owned())]);
        let judgement = judge(&clean, "{}");
        assert_eq!((judgement.outcome, judgement.population.examined), (Outcome::Pass, 2));

        let leaky =
            Scene::of([("src/a.ts", format!("// 1\nconst t = \"{}\";\n", token())), ("tests/b.ts", format!("\"{}\"", token()))]);
        let judgement = judge(&leaky, "{}");
        assert_eq!(judgement.outcome, Outcome::Fail);
        assert_eq!(judgement.findings[0], "a secret by the rule `github-pat` at src/a.ts:2");
        assert_eq!(judgement.findings.len(), 2);
        assert!(!format!("{judgement:?}").contains("Q7w2Zk9L"));
        assert_eq!(judge(&leaky, r#"{"classes":["document"]}"#).outcome, Outcome::Pass);
        assert_eq!(judge(&leaky, r#"{"classes":["test"]}"#).findings.len(), 1);
    }

    #[test]
    fn absence_is_not_a_pass() {
        assert_eq!(judge(&Scene::default(), "{}").outcome, Outcome::NotExercised);
        let one = Scene::of([("a.txt", "nothing")]);
        assert_eq!(judge(&one, r#"{"files_min":2}"#).outcome, Outcome::NotExercised);
    }

    #[test]
    fn rules_that_find_nothing_prove_nothing() {
        let rules = |text: &str| Scene::of([("a.txt", token()), ("rules.toml", text.to_owned())]);
        let blind = rules("[[rules]]\nid = \"a\"\nregex = 'zzzz'\n");
        assert_eq!(judge(&blind, r#"{"rules":"rules.toml"}"#).outcome, Outcome::Error);
        let silenced = rules("[extend]\nuseDefault = true\n[[allowlists]]\nregexes = ['.']\n");
        assert_eq!(judge(&silenced, r#"{"rules":"rules.toml"}"#).outcome, Outcome::Error);
        let apart = rules("[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['^a[.]', '^rules[.]']\n");
        let judgement = judge(&apart, r#"{"rules":"rules.toml"}"#);
        assert_eq!((judgement.outcome, judgement.population.examined), (Outcome::NotExercised, 0), "nothing was searched");
        let extended = rules("[extend]\nuseDefault = true\n");
        assert_eq!(judge(&extended, r#"{"rules":"rules.toml"}"#).outcome, Outcome::Fail);
    }

    #[test]
    fn known_secrets_are_excepted_until_their_day() {
        let mut scene = Scene::of([("a.txt", token())]);
        let digest = Key::from_text("0123456789abcdef0123456789abcdef").unwrap().digest(token().as_bytes());
        let entry = |until: &str| {
            format!(
                "version = 1\n[[allow]]\nrule = \"github-pat\"\npath = \"a.txt\"\ndigest = \"{digest}\"\nreason = \"Revoked.\"\nuntil = \"{until}\"\n"
            )
        };
        let asked = r#"{"exceptions":"known.toml"}"#;
        scene.tree.0.insert("known.toml".into(), entry("2026-11-21").into_bytes());
        let parsed: Asked = serde_json::from_str(asked).unwrap();
        assert!(scene.with(|world| SecretsTree::gather(world, &parsed)).is_err(), "there is no key");
        scene.environment.insert("AVOUCH_SCAN_KEY".into(), "0123456789abcdef0123456789abcdef".into());
        let judgement = judge(&scene, asked);
        assert_eq!(judgement.outcome, Outcome::Pass, "{:?}", judgement.findings);
        assert!(judgement.seen.contains("1 known"));
        scene.tree.0.insert("known.toml".into(), entry("2026-11-20").into_bytes());
        assert_eq!(judge(&scene, asked).outcome, Outcome::Fail);
    }
}
