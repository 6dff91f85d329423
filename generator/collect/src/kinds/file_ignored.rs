//! `file.ignored`: does git ignore the files that must never be committed?

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::ignore_rules::IgnoreRules;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    sources::{chain, texts},
};

/// How many files that must not be there are kept.
const PRESENT_MAX: usize = 50;

/// See the module.
pub(super) struct FileIgnored;

/// Which paths.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    ignored: Vec<String>,
    #[serde(default)]
    kept: Vec<String>,
    /// No file of the commit is meant by these globs.
    #[serde(default)]
    absent: Globs,
    /// But for those that these mean.
    #[serde(default)]
    absent_except: Globs,
}

/// What the ignore files say of each path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    ignore_files: u64,
    paths: Vec<Path>,
    /// Files of the commit.
    #[serde(default)]
    files: u64,
    /// Those that must not be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    present: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Path {
    path: String,
    ignored: bool,
    /// Whether the commit holds it: git goes on tracking what it once tracked, whatever the rules say.
    tracked: bool,
}

impl Question for FileIgnored {
    const ID: &'static str = "file.ignored";
    const QUESTION: &'static str = "Does git ignore the files that must never be committed?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/file-ignored.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.ignored.is_empty() && asked.absent.shown().is_empty() {
            return Err(Unasked("nothing is asked: give `ignored` or `absent`".to_owned()));
        }
        let ignore_files = Globs::new(vec!["**/.gitignore".to_owned()]).map_err(Unasked)?;
        let sources = texts(world, &ignore_files, &Globs::default())?;
        let rules = IgnoreRules::of(sources.iter().map(|source| (source.path.as_str(), source.text.as_str())))
            .map_err(|error| Unasked(chain(&error)))?;
        let paths = asked
            .ignored
            .iter()
            .chain(&asked.kept)
            .map(|path| Ok(Path { path: path.clone(), ignored: rules.ignores(path), tracked: world.has(path)? }))
            .collect::<Result<_, Unasked>>()?;
        let files = world.paths()?.len() as u64;
        let mut present = world.matching(&asked.absent, &asked.absent_except)?;
        present.truncate(PRESENT_MAX);
        Ok(Seen { ignore_files: sources.len() as u64, paths, files, present })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let said = |path: &String| seen.paths.iter().find(|one| one.path == *path);
        let mut findings = Vec::new();
        for path in &asked.ignored {
            match said(path) {
                Some(one) if one.tracked => findings.push(format!("`{path}` is in the commit")),
                Some(one) if !one.ignored => findings.push(format!("git does not ignore `{path}`")),
                _ => {}
            }
        }
        for path in &asked.kept {
            if said(path).is_some_and(|one| one.ignored && !one.tracked) {
                findings.push(format!("git ignores `{path}`, which must be kept"));
            }
        }
        findings.extend(seen.present.iter().map(|path| format!("`{path}` is in the commit")));
        let examined = asked.ignored.iter().filter(|path| said(path).is_some()).count() as u64;
        let (population, sentence) = if asked.ignored.is_empty() {
            let sentence = format!("None of the {} files of the commit is one that must not be there.", seen.files);
            (Population { examined: seen.files, required: 1 }, sentence)
        } else {
            let sentence = format!("git ignores all {examined} paths asked about, by {} ignore files.", seen.ignore_files);
            (Population { examined, required: asked.ignored.len() as u64 }, sentence)
        };
        Judgement::decide(population, PositiveControl::NotNeeded, findings, sentence)
    }
}

const ASKED: &str = r#"{"ignored":[".env",".env.production"],"kept":[".env.example"]}"#;

const ABSENT: &str = r#"{"absent":["**/.env.*"],"absent_except":["**/.env.example"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "no real file of variables is in the commit",
        asked: ABSENT,
        seen: r#"{"ignore_files":1,"paths":[],"files":40}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one was added by force",
        asked: ABSENT,
        seen: r#"{"ignore_files":1,"paths":[],"files":41,"present":[".env.production"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the commit holds nothing",
        asked: ABSENT,
        seen: r#"{"ignore_files":0,"paths":[],"files":0}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "secrets are ignored and the example is kept",
        asked: ASKED,
        seen: r#"{"ignore_files":1,"paths":[{"path":".env","ignored":true,"tracked":false},{"path":".env.production","ignored":true,"tracked":false},{"path":".env.example","ignored":false,"tracked":true}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a rule for a subfolder leaves the root unprotected",
        asked: ASKED,
        seen: r#"{"ignore_files":1,"paths":[{"path":".env","ignored":false,"tracked":false},{"path":".env.production","ignored":true,"tracked":false},{"path":".env.example","ignored":false,"tracked":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a file that is committed already is tracked whatever the rules say",
        asked: ASKED,
        seen: r#"{"ignore_files":1,"paths":[{"path":".env","ignored":true,"tracked":true},{"path":".env.production","ignored":true,"tracked":false},{"path":".env.example","ignored":false,"tracked":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the example is ignored with the secrets",
        asked: ASKED,
        seen: r#"{"ignore_files":1,"paths":[{"path":".env","ignored":true,"tracked":false},{"path":".env.production","ignored":true,"tracked":false},{"path":".env.example","ignored":true,"tracked":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no path was looked at",
        asked: ASKED,
        seen: r#"{"ignore_files":0,"paths":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(scene: &Scene) -> Judgement {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let seen = scene.with(|world| FileIgnored::gather(world, &asked)).unwrap();
        FileIgnored::judge(&seen, &asked)
    }

    #[test]
    fn the_ignore_files_of_the_commit_decide() {
        let good = Scene::of([(".gitignore", ".env*\n!.env.example\n"), (".env.example", "A=")]);
        assert_eq!(judge(&good).outcome, Outcome::Pass);
        let none = Scene::of([("README.md", "")]);
        assert_eq!(judge(&none).findings.len(), 2);
        let partial = Scene::of([("examples/.gitignore", ".env*\n")]);
        assert_eq!(judge(&partial).outcome, Outcome::Fail);
    }
}
