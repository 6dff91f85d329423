//! `forge.protection`: are branches and environments protected, by the forge's own answer?

use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::protection::{self, About, Branch, Environment};
use avouch_repository::Files as _;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    reports,
    sources::{chain, matching},
};

/// See the module.
pub(super) struct ForgeProtection;

/// Which answers, and what they must tell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    branch: Option<BranchAsked>,
    environments: Option<EnvironmentsAsked>,
    /// How old an answer may be.
    #[serde(default = "a_month")]
    given_within: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BranchAsked {
    #[serde(default = "one_approval")]
    approvals_min: u64,
    #[serde(default)]
    code_owners: bool,
    /// Checks that must have passed.
    #[serde(default)]
    checks: Vec<String>,
    #[serde(default)]
    force_push: bool,
    #[serde(default)]
    deletion: bool,
    #[serde(default)]
    admins_bound: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentsAsked {
    /// The environments that must be there and be protected.
    names: Vec<String>,
    #[serde(default = "one_approval")]
    approvals_min: u64,
    /// Whether only some branches may deploy.
    #[serde(default)]
    branches_limited: bool,
}

const fn a_month() -> Span {
    Span::Seconds(30 * 86_400)
}

const fn one_approval() -> u64 {
    1
}

/// The answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    answers: u64,
    pub(super) branches: Vec<Branch>,
    pub(super) environments: Vec<Environment>,
    /// Answers that nobody can date, that are too old or of the future: why, a sentence each.
    pub(super) undated: Vec<String>,
}

impl Question for ForgeProtection {
    const ID: &'static str = "forge.protection";
    const QUESTION: &'static str = "Are branches and environments protected, by the forge's own answer?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/forge-protection.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.branch.is_none() && asked.environments.as_ref().is_none_or(|asked| asked.names.is_empty()) {
            return Err(Unasked("nothing is asked: give `branch`, or `environments` with `names`".to_owned()));
        }
        answers(world, &asked.files, asked.given_within)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut examined = 0;
        let mut required = 0;
        if let Some(wanted) = &asked.branch {
            required += 1;
            examined += u64::from(!seen.branches.is_empty());
            for branch in &seen.branches {
                weak(branch, wanted, &mut findings);
            }
        }
        if let Some(wanted) = &asked.environments {
            for name in &wanted.names {
                required += 1;
                examined += u64::from(!seen.environments.is_empty());
                match seen.environments.iter().find(|environment| environment.name == *name) {
                    None if seen.environments.is_empty() => {}
                    None => findings.push(format!("there is no environment `{name}`")),
                    Some(environment) => {
                        if environment.approvals < wanted.approvals_min {
                            findings.push(format!(
                                "the environment `{name}` asks for {} approvals; {} are promised",
                                environment.approvals, wanted.approvals_min
                            ));
                        }
                        if wanted.branches_limited && !environment.branches_limited {
                            findings.push(format!("every branch may deploy to the environment `{name}`"));
                        }
                    }
                }
            }
        }
        // An answer that is too old, or of no time, shows nothing of today.
        let control = if seen.undated.is_empty() { PositiveControl::NotNeeded } else { PositiveControl::Broken };
        findings.extend(seen.undated.iter().cloned());
        let sentence = "The forge says that what is promised is protected.";
        Judgement::decide(Population { examined, required }, control, findings, sentence)
    }
}

/// The answers that globs mean, and why some of them cannot be dated or are too old.
pub(super) fn answers(world: &World<'_>, files: &Globs, given_within: Span) -> Result<Seen, Unasked> {
    let mut seen = Seen { answers: 0, branches: vec![], environments: vec![], undated: vec![] };
    for path in matching(world.folder, files)? {
        if path.ends_with(".given") {
            continue;
        }
        let read = |path: &str, bytes_max: u64| {
            world.folder.read(path, bytes_max).map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))
        };
        let bytes = read(&path, protection::BYTES_MAX)?.ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
        let answer = protection::parse(&path, &bytes).map_err(|error| Unasked(error.to_string()))?;
        seen.answers += 1;
        let given = answer.given.map_or_else(|| reports::given(world.folder, &path), |given| Ok(Some(given)))?;
        seen.undated.extend(reports::too_old(&path, given, given_within, world.now));
        match answer.about {
            About::Branches(branches) => seen.branches.extend(branches),
            About::Environments(environments) => seen.environments.extend(environments),
        }
    }
    Ok(seen)
}

fn weak(branch: &Branch, wanted: &BranchAsked, findings: &mut Vec<String>) {
    let name = if branch.name.is_empty() { "the branch".to_owned() } else { format!("the branch `{}`", branch.name) };
    if branch.approvals < wanted.approvals_min {
        findings.push(format!("{name} asks for {} approvals; {} are promised", branch.approvals, wanted.approvals_min));
    }
    if wanted.code_owners && !branch.code_owners {
        findings.push(format!("{name} does not ask owners of code"));
    }
    for check in wanted.checks.iter().filter(|check| !branch.checks.contains(check)) {
        findings.push(format!("{name} does not ask for the check `{check}`"));
    }
    if !wanted.force_push && branch.force_push {
        findings.push(format!("the history of {name} can be rewritten"));
    }
    if !wanted.deletion && branch.deletion {
        findings.push(format!("{name} can be deleted"));
    }
    if wanted.admins_bound && !branch.admins_bound {
        findings.push(format!("{name} does not bind administrators"));
    }
}

const ASKED: &str = r#"{"files":"protection.json","branch":{"approvals_min":1}}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the branch asks for an approval and keeps its history",
        asked: ASKED,
        seen: r#"{"answers":1,"branches":[{"name":"","approvals":1,"code_owners":false,"checks":[],"force_push":false,"deletion":false,"admins_bound":false}],"environments":[],"undated":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the branch asks for no approval",
        asked: ASKED,
        seen: r#"{"answers":1,"branches":[{"name":"","approvals":0,"code_owners":false,"checks":[],"force_push":false,"deletion":false,"admins_bound":false}],"environments":[],"undated":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the environment has no reviewer",
        asked: r#"{"files":"*.json","environments":{"names":["production"]}}"#,
        seen: r#"{"answers":1,"branches":[],"environments":[{"name":"production","approvals":0,"reviewers":0,"branches_limited":true}],"undated":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the answer is too old",
        asked: ASKED,
        seen: r#"{"answers":1,"branches":[{"name":"","approvals":1,"code_owners":false,"checks":[],"force_push":false,"deletion":false,"admins_bound":false}],"environments":[],"undated":["it was given on 2025-01-01"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nobody exported an answer",
        asked: ASKED,
        seen: r#"{"answers":0,"branches":[],"environments":[],"undated":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn outcome(files: &[(&str, &str)], asked: &str) -> Result<Outcome, Unasked> {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let folder = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let scene = Scene { folder, ..Scene::default() };
        let seen = scene.with(|world| ForgeProtection::gather(world, &asked))?;
        Ok(ForgeProtection::judge(&seen, &asked).outcome)
    }

    const ANSWER: &str =
        "{\"enforce_admins\":{\"enabled\":true},\"required_pull_request_reviews\":{\"required_approving_review_count\":1}}";

    #[test]
    fn an_answer_counts_while_it_is_young_and_dated() {
        let dated = format!("HTTP/2.0 200 OK\nDate: Fri, 20 Nov 2026 03:00:00 GMT\n\n{ANSWER}");
        assert_eq!(outcome(&[("protection.json", &dated)], ASKED), Ok(Outcome::Pass));
        assert_eq!(
            outcome(&[("protection.json", &dated.replace("20 Nov", "20 Sep").replace("Fri", "Sun"))], ASKED),
            Ok(Outcome::Error)
        );
        assert_eq!(
            outcome(&[("protection.json", &dated.replace("20 Nov", "20 Dec").replace("Fri", "Sun"))], ASKED),
            Ok(Outcome::Error)
        );
        assert_eq!(outcome(&[("protection.json", ANSWER)], ASKED), Ok(Outcome::Error));
        let beside = [("protection.json", ANSWER), ("protection.json.given", "2026-11-20T03:00:00Z\n")];
        assert_eq!(outcome(&beside, ASKED), Ok(Outcome::Pass));
        assert_eq!(outcome(&[], ASKED), Ok(Outcome::NotExercised), "not assessed, never a pass");
        assert!(outcome(&[("protection.json", "{\"message\":\"Not Found\"}")], ASKED).is_err());
    }

    #[test]
    fn every_promise_about_a_branch_and_an_environment_can_break() {
        let beside = ("protection.json.given", "2026-11-20T03:00:00Z");
        for asked in ["\"approvals_min\":2", "\"code_owners\":true", "\"checks\":[\"ci\"]"] {
            let asked = format!(r#"{{"files":"protection.json","branch":{{{asked}}}}}"#);
            assert_eq!(outcome(&[("protection.json", ANSWER), beside], &asked), Ok(Outcome::Fail), "{asked}");
        }
        let open = ANSWER.replace("}}", "},\"allow_force_pushes\":{\"enabled\":true}}");
        assert_eq!(outcome(&[("protection.json", &open), beside], ASKED), Ok(Outcome::Fail));
        let asked = r#"{"files":"protection.json","environments":{"names":["production"],"branches_limited":true}}"#;
        let good = r#"{"environments":[{"name":"production","protection_rules":[{"type":"required_reviewers","reviewers":[{}]},{"type":"branch_policy"}]}]}"#;
        assert_eq!(outcome(&[("protection.json", good), beside], asked), Ok(Outcome::Pass));
        for (from, to) in [("required_reviewers", "wait_timer"), ("branch_policy", "wait_timer"), ("production", "staging")] {
            assert_eq!(outcome(&[("protection.json", &good.replace(from, to)), beside], asked), Ok(Outcome::Fail), "{to}");
        }
        assert_eq!(outcome(&[("protection.json", ANSWER), beside], asked), Ok(Outcome::NotExercised));
    }
}
