//! `source.commands`: are the commands that scripts and pipelines run as promised?

use std::collections::BTreeMap;

use avouch_model::{observation::Population, state::Outcome};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    commands::{Heard, commands},
    parameters::{Globs, Pattern, one},
    pipelines::{count, decide},
    sources::Place,
};

/// How many places of one rule are kept.
const PLACES_MAX: usize = 20;

/// See the module.
pub(super) struct SourceCommands;

/// Which commands, and what is asked of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Left out: at the usual places.
    files: Option<Globs>,
    /// Whether the steps of pipelines count too.
    #[serde(default = "yes")]
    pipelines: bool,
    rules: Vec<Rule>,
    #[serde(default = "one")]
    commands_min: u64,
}

/// What is asked of some commands. At least one of `require`, `forbid`, `confirmed`, `after` and `never`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    /// All of them match the words of the command, or the command as it is written.
    #[serde(rename = "match")]
    matches: Vec<Pattern>,
    /// What matches one of these does not count.
    #[serde(default)]
    except: Vec<Pattern>,
    require: Option<Pattern>,
    forbid: Option<Pattern>,
    #[serde(default)]
    confirmed: bool,
    /// A command before it in the same script, without whose success it does not run, matches this.
    after: Option<Pattern>,
    #[serde(default)]
    never: bool,
    /// How many commands it must be asked of; 1 where something is demanded of them, otherwise 0.
    min: Option<u64>,
}

const fn yes() -> bool {
    true
}

/// The commands that a rule is about; never their words.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    commands: u64,
    rules: BTreeMap<String, RuleSeen>,
    unreadable: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSeen {
    commands: u64,
    wrong: u64,
    places: Vec<Place>,
}

impl Question for SourceCommands {
    const ID: &'static str = "source.commands";
    const QUESTION: &'static str = "Are the commands that scripts and pipelines run as promised?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/source-commands.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        for rule in &asked.rules {
            if rule.matches.is_empty() || !rule.asks() {
                let name = &rule.name;
                return Err(Unasked(format!(
                    "the rule `{name}` needs `match`, and one of `require`, `forbid`, `confirmed`, `after`, `never`"
                )));
            }
        }
        let (heard, unreadable) = commands(world, asked.files.as_ref(), asked.pipelines)?;
        let mut seen = Seen { commands: heard.len() as u64, unreadable, ..Seen::default() };
        for rule in &asked.rules {
            let found = seen.rules.entry(rule.name.clone()).or_default();
            for command in heard.iter().filter(|command| rule.is_about(command)) {
                found.commands += 1;
                if rule.is_broken_by(command) {
                    found.wrong += 1;
                    if found.places.len() < PLACES_MAX {
                        found.places.push(command.place());
                    }
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut about = 0;
        let mut short = false;
        for rule in &asked.rules {
            let empty = RuleSeen::default();
            let found = seen.rules.get(&rule.name).unwrap_or(&empty);
            about += found.commands;
            let demanded = rule.require.is_some() || rule.confirmed;
            short = short || found.commands < rule.min.unwrap_or(u64::from(demanded));
            if found.wrong > 0 {
                let places: Vec<_> = found.places.iter().take(10).map(ToString::to_string).collect();
                let what = rule.broken();
                findings.push(format!(
                    "`{}`: {} {what}: {}",
                    rule.name,
                    count(found.wrong, "command", "commands"),
                    places.join(", ")
                ));
            }
        }
        let sentence = format!(
            "{} were read; {} of them are what is asked about, and they are as promised.",
            count(seen.commands, "command", "commands"),
            about
        );
        let examined = if short { 0 } else { seen.commands };
        decide(Population { examined, required: asked.commands_min }, &seen.unreadable, findings, sentence)
    }
}

impl Rule {
    fn is_about(&self, command: &Heard) -> bool {
        let says = |pattern: &Pattern| pattern.is_match(&command.words) || pattern.is_match(&command.written);
        self.matches.iter().all(says) && !self.except.iter().any(says)
    }

    const fn asks(&self) -> bool {
        self.require.is_some() || self.forbid.is_some() || self.confirmed || self.after.is_some() || self.never
    }

    fn is_broken_by(&self, command: &Heard) -> bool {
        let says = |pattern: &Pattern| pattern.is_match(&command.words) || pattern.is_match(&command.written);
        self.never
            || (self.confirmed && !command.confirmed)
            || self.after.as_ref().is_some_and(|after| !command.before.iter().any(|one| after.is_match(one)))
            || self.require.as_ref().is_some_and(|require| !says(require))
            || self.forbid.as_ref().is_some_and(says)
    }

    const fn broken(&self) -> &'static str {
        if self.confirmed {
            "without a confirmation"
        } else if self.never {
            "that must not be there"
        } else {
            "not as promised"
        }
    }
}

const GUARDED: &str =
    r#"{"rules":[{"name":"delete","match":["wrangler r2 object delete|rclone (?:delete|purge)"],"confirmed":true}]}"#;
const REMOTE: &str = r#"{"rules":[{"name":"production","match":["migrations apply","--env[ =]production"],"require":"--remote\\b","forbid":"--local\\b"}]}"#;
const DEBUG: &str = r#"{"rules":[{"name":"debug","match":["--debug\\b|^DEBUG="],"never":true}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "what deletes asks first",
        asked: GUARDED,
        seen: r#"{"commands":40,"rules":{"delete":{"commands":2,"wrong":0,"places":[]}},"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "nothing leaves debugging on",
        asked: DEBUG,
        seen: r#"{"commands":40,"rules":{"debug":{"commands":0,"wrong":0,"places":[]}},"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one script deletes without a question",
        asked: GUARDED,
        seen: r#"{"commands":40,"rules":{"delete":{"commands":2,"wrong":1,"places":[{"file":"scripts/purge.sh","line":9,"column":1}]}},"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a migration of production works on the local copy",
        asked: REMOTE,
        seen: r#"{"commands":40,"rules":{"production":{"commands":1,"wrong":1,"places":[{"file":"package.json","line":9,"column":20}]}},"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a step leaves debugging on",
        asked: DEBUG,
        seen: r#"{"commands":40,"rules":{"debug":{"commands":1,"wrong":1,"places":[{"file":".github/workflows/deploy.yml","line":9,"column":14}]}},"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing migrates production",
        asked: REMOTE,
        seen: r#"{"commands":40,"rules":{"production":{"commands":0,"wrong":0,"places":[]}},"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "a pipeline cannot be read",
        asked: DEBUG,
        seen: r#"{"commands":40,"rules":{"debug":{"commands":0,"wrong":0,"places":[]}},"unreadable":[".github/workflows/a.yml:3:1: a tab"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "there are no scripts",
        asked: DEBUG,
        seen: r#"{"commands":0,"rules":{"debug":{"commands":0,"wrong":0,"places":[]}},"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(path: &str, text: &str, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of([(path, text)]).with(|world| SourceCommands::gather(world, &asked)).unwrap();
        SourceCommands::judge(&seen, &asked)
    }

    #[test]
    fn a_shell_script_asks_and_goes_on_only_with_a_yes() {
        let asks = "#!/bin/sh\n# wrangler r2 object delete\nread -r answer\n[ \"$answer\" = yes ] || exit 1\nwrangler r2 object delete files/a\n";
        assert_eq!(judge("scripts/purge.sh", asks, GUARDED).outcome, Outcome::Pass);
        let leads = "read -r answer\nif [ \"$answer\" = yes ]; then\n  rclone purge r2:files\nfi\n";
        assert_eq!(judge("scripts/purge.sh", leads, GUARDED).outcome, Outcome::Pass);
        for bad in [
            asks.replace("read -r answer", "answer=yes"),
            asks.replace("|| exit 1", "|| true"),
            leads.replace("if [ \"$answer\" = yes ]; then\n", "").replace("fi\n", ""),
            leads.replace("  rclone", "fi\nif true; then\n  rclone"),
            "rclone purge r2:files\nread -r answer\n[ \"$answer\" = yes ] || exit 1\n".to_owned(),
        ] {
            assert_eq!(judge("scripts/purge.sh", &bad, GUARDED).outcome, Outcome::Fail, "{bad}");
        }
        assert_eq!(judge("scripts/purge.sh", "echo wrangler r2 object delete", GUARDED).outcome, Outcome::NotExercised);
    }

    #[test]
    fn a_script_of_the_manifest_refuses_before_it_deploys() {
        let asked =
            r#"{"files":"package.json","rules":[{"name":"deploys","match":["^wrangler deploy"],"after":"only-in-ci|\\$CI"}]}"#;
        let judged = |script: &str| {
            let manifest = format!(r#"{{"scripts":{{"test":"node --test","ship":"{script}"}}}}"#);
            judge("package.json", &manifest, asked).outcome
        };
        assert_eq!(judged("node only-in-ci.mjs && wrangler deploy"), Outcome::Pass);
        assert_eq!(judged("[ $CI = true ] || exit 1; wrangler deploy"), Outcome::Pass);
        assert_eq!(judged("tsc"), Outcome::Pass, "nothing deploys");
        for bad in [
            "wrangler deploy",
            "tsc && wrangler deploy",
            "node only-in-ci.mjs; wrangler deploy",
            "wrangler deploy && node only-in-ci.mjs",
        ] {
            assert_eq!(judged(bad), Outcome::Fail, "{bad}");
        }
    }

    #[test]
    fn a_program_asks_before_it_starts_another() {
        let asks = "async function destroy(bucket) {\n  if (!(await confirmed(bucket))) return;\n  execFileSync('wrangler', ['r2', 'object', 'delete', `${bucket}/a`]);\n}\n";
        assert_eq!(judge("scripts/a.mjs", asks, GUARDED).outcome, Outcome::Pass);
        let leads = "if (options.yes) {\n  execSync('wrangler r2 object delete files/a');\n}\n";
        assert_eq!(judge("scripts/a.mjs", leads, GUARDED).outcome, Outcome::Pass);
        for bad in [
            asks.replace("if (!(await confirmed(bucket))) return;", ""),
            asks.replace("return;", "console.log('no');"),
            leads.replace("options.yes", "!options.yes"),
        ] {
            assert_eq!(judge("scripts/a.mjs", &bad, GUARDED).outcome, Outcome::Fail, "{bad}");
        }
    }

    #[test]
    fn commands_are_found_wherever_they_are_run() {
        let package = r#"{"scripts":{"migrate":"wrangler d1 migrations apply DB --env production --remote"}}"#;
        assert_eq!(judge("package.json", package, REMOTE).outcome, Outcome::Pass);
        assert_eq!(judge("package.json", &package.replace("--remote", "--local"), REMOTE).outcome, Outcome::Fail);
        assert_eq!(judge("package.json", &package.replace(" --remote", ""), REMOTE).outcome, Outcome::Fail);
        let makefile = "migrate: build\n\t@wrangler d1 migrations apply DB \\\n\t  --env=production --local\n";
        assert_eq!(judge("Makefile", makefile, REMOTE).outcome, Outcome::Fail);
        let workflow = |step: &str| {
            format!(
                "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n          # --debug is for people\n          {step}\n"
            )
        };
        assert_eq!(judge(".github/workflows/a.yml", &workflow("wrangler deploy"), DEBUG).outcome, Outcome::Pass);
        let found = judge(".github/workflows/a.yml", &workflow("wrangler deploy --debug"), DEBUG);
        assert_eq!(found.findings, ["`debug`: 1 command that must not be there: .github/workflows/a.yml:8:11"]);
        let variable =
            "on: push\nenv:\n  DEBUG: \"true\"\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: wrangler deploy\n";
        assert_eq!(judge(".github/workflows/a.yml", variable, DEBUG).outcome, Outcome::Fail);
    }
}
