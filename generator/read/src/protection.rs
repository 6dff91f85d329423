//! How branches and environments are protected, from an answer of the forge's API that somebody exported.
//!
//! GitHub: "REST API endpoints for protected branches", "… for rules" and "… for deployment environments"; GitLab:
//! "Protected branches API", "Protected environments API". The answer is best exported with its head
//! (`gh api --include …`), which dates it and tells "not protected" from "not allowed to ask".

use avouch_model::Timestamp;
use chrono::DateTime;

use crate::structured::{Node, Unreadable, parse_json};

/// The largest answer that is read, in bytes.
pub const BYTES_MAX: u64 = 4 << 20;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it was given, where its head says so.
    pub given: Option<Timestamp>,
    /// What it is about.
    pub about: About,
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Branches, by name where the answer names them.
    Branches(Vec<Branch>),
    /// Environments.
    Environments(Vec<Environment>),
}

/// How a branch is protected. Nothing that the answer does not say is taken to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Branch {
    /// Its name; empty where the answer names none, being about one branch.
    pub name: String,
    /// How many must approve a change.
    pub approvals: u64,
    /// Whether owners of code must approve.
    pub code_owners: bool,
    /// The checks that must have passed.
    pub checks: Vec<String>,
    /// Whether history can be rewritten.
    pub force_push: bool,
    /// Whether it can be deleted.
    pub deletion: bool,
    /// Whether administrators are bound as well.
    pub admins_bound: bool,
}

/// How an environment is protected.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// How many must approve, at least one of the reviewers that are named.
    pub approvals: u64,
    /// How many reviewers are named.
    pub reviewers: u64,
    /// Whether only some branches may deploy.
    pub branches_limited: bool,
}

/// Reads an answer, with its head (`gh api --include`) or without.
///
/// # Errors
/// When the body is no JSON, the answer is a refusal, or it is about neither branches nor environments.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Answer, Unreadable> {
    let (head, body) = split(bytes);
    let document = parse_json(path, body, BYTES_MAX)?;
    let root = &document.root;
    let refuse = |code: &'static str, what: String| Unreadable::at(&document.source, code, root.span.clone(), what);
    let given = head.as_ref().and_then(|head| head.date);
    if let Some(message) = root.get("message").and_then(Node::as_text) {
        // The only refusal that is an answer: "Branch not protected", told with 404.
        if message == "Branch not protected" {
            let open = Branch { force_push: true, deletion: true, ..Branch::default() };
            return Ok(Answer { given, about: About::Branches(vec![open]) });
        }
        let message: String = message.chars().filter(|each| !each.is_control()).take(120).collect();
        return Err(refuse("api-refusal", format!("the API did not answer the question: {message}"))
            .help("ask again with a token that may read the setting"));
    }
    if let Some(status) = head.as_ref().map(|head| head.status).filter(|status| !(200..300).contains(status)) {
        return Err(refuse("api-refusal", format!("the API answered with status {status}")));
    }
    let about = about(root).ok_or_else(|| {
        refuse("no-protection", "this tells neither of the protection of branches nor of environments".to_owned())
            .help("export branches/NAME/protection, rules/branches/NAME or environments with `gh api --include`")
    })?;
    Ok(Answer { given, about })
}

struct Head {
    status: u16,
    date: Option<Timestamp>,
}

fn split(bytes: &[u8]) -> (Option<Head>, &[u8]) {
    if !bytes.starts_with(b"HTTP/") {
        return (None, bytes);
    }
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let end = ends.iter().filter_map(|end| Some((bytes.windows(end.len()).position(|window| window == *end)?, end.len()))).min();
    let Some((at, long)) = end else { return (None, bytes) };
    let head = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let date = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        name.eq_ignore_ascii_case("date").then(|| DateTime::parse_from_rfc2822(value).ok()).flatten()
    });
    let date = date.map(|date| Timestamp::from_chrono(date.to_utc()));
    (Some(Head { status, date }), bytes.get(at + long..).unwrap_or_default())
}

fn about(root: &Node) -> Option<About> {
    if let Some(environments) = root.get("environments").and_then(Node::as_list) {
        return Some(About::Environments(environments.iter().filter_map(environment).collect()));
    }
    if root.get("protection_rules").is_some() {
        return Some(About::Environments(environment(root).into_iter().collect()));
    }
    if let Some(items) = root.as_list() {
        let has = |key: &str| items.iter().any(|item| item.get(key).is_some());
        if has("deploy_access_levels") {
            return Some(About::Environments(items.iter().filter_map(gitlab_environment).collect()));
        }
        if has("push_access_levels") {
            return Some(About::Branches(items.iter().filter_map(gitlab_branch).collect()));
        }
        let is_rule = |item: &Node| item.get("type").is_some() && item.get("ruleset_id").is_some();
        // No rule at all is an answer as well: nothing protects the branch.
        return items.iter().all(is_rule).then(|| About::Branches(vec![ruled(items)]));
    }
    if root.get("deploy_access_levels").is_some() {
        return Some(About::Environments(gitlab_environment(root).into_iter().collect()));
    }
    if root.get("push_access_levels").is_some() {
        return Some(About::Branches(gitlab_branch(root).into_iter().collect()));
    }
    let known = ["enforce_admins", "required_pull_request_reviews", "required_status_checks", "allow_force_pushes"];
    known.iter().any(|key| root.get(key).is_some()).then(|| About::Branches(vec![protected(root)]))
}

fn number(node: Option<&Node>) -> u64 {
    node.and_then(Node::as_integer).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

fn truth(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.as_bool() == Some(true) || node.get("enabled").and_then(Node::as_bool) == Some(true))
}

fn texts(node: Option<&Node>, key: &str) -> Vec<String> {
    let items = node.and_then(Node::as_list).unwrap_or_default();
    items.iter().filter_map(|item| item.get(key).unwrap_or(item).as_text()).map(str::to_owned).collect()
}

/// `GET /repos/{owner}/{repo}/branches/{branch}/protection`.
fn protected(root: &Node) -> Branch {
    let checks = root.get("required_status_checks");
    let mut names = texts(checks.and_then(|checks| checks.get("checks")), "context");
    names.extend(texts(checks.and_then(|checks| checks.get("contexts")), ""));
    names.sort();
    names.dedup();
    let reviews = root.get("required_pull_request_reviews");
    Branch {
        name: String::new(),
        approvals: number(reviews.and_then(|reviews| reviews.get("required_approving_review_count"))),
        code_owners: truth(reviews.and_then(|reviews| reviews.get("require_code_owner_reviews"))),
        checks: names,
        force_push: truth(root.get("allow_force_pushes")),
        deletion: truth(root.get("allow_deletions")),
        admins_bound: truth(root.get("enforce_admins")),
    }
}

/// `GET /repos/{owner}/{repo}/rules/branches/{branch}`: the rules that are in force, of all rulesets.
fn ruled(rules: &[Node]) -> Branch {
    let of =
        |kind: &str| rules.iter().filter(move |rule| rule.get("type").and_then(Node::as_text) == Some(kind)).collect::<Vec<_>>();
    let reviews = of("pull_request");
    let parameter = |rule: &Node, key: &str| rule.get("parameters").and_then(|parameters| parameters.get(key)).cloned();
    Branch {
        name: String::new(),
        approvals: reviews
            .iter()
            .map(|rule| number(parameter(rule, "required_approving_review_count").as_ref()))
            .max()
            .unwrap_or(0),
        code_owners: reviews.iter().any(|rule| truth(parameter(rule, "require_code_owner_review").as_ref())),
        checks: of("required_status_checks")
            .iter()
            .flat_map(|rule| texts(parameter(rule, "required_status_checks").as_ref(), "context"))
            .collect(),
        force_push: of("non_fast_forward").is_empty(),
        deletion: of("deletion").is_empty(),
        // Who may bypass a ruleset is told by the ruleset, not by this answer.
        admins_bound: false,
    }
}

fn environment(node: &Node) -> Option<Environment> {
    let rules = node.get("protection_rules").and_then(Node::as_list).unwrap_or_default();
    let is = |rule: &&Node, kind: &str| rule.get("type").and_then(Node::as_text) == Some(kind);
    let reviewers: u64 = rules
        .iter()
        .filter(|rule| is(rule, "required_reviewers"))
        .map(|rule| rule.get("reviewers").and_then(Node::as_list).map_or(0, <[Node]>::len) as u64)
        .sum();
    let policy = node.get("deployment_branch_policy").filter(|policy| policy.as_table().is_some());
    Some(Environment {
        name: node.get("name")?.as_text()?.to_owned(),
        // One of the reviewers is enough for GitHub.
        approvals: reviewers.min(1),
        reviewers,
        branches_limited: policy.is_some() || rules.iter().any(|rule| is(&rule, "branch_policy")),
    })
}

fn gitlab_branch(node: &Node) -> Option<Branch> {
    Some(Branch {
        name: node.get("name")?.as_text()?.to_owned(),
        // Approvals are another answer (approval rules).
        approvals: 0,
        code_owners: truth(node.get("code_owner_approval_required")),
        checks: vec![],
        force_push: truth(node.get("allow_force_push")),
        // "Protected branches": nobody deletes one with git.
        deletion: false,
        admins_bound: true,
    })
}

fn gitlab_environment(node: &Node) -> Option<Environment> {
    let rules = node.get("approval_rules").and_then(Node::as_list).unwrap_or_default();
    let approvals = rules
        .iter()
        .map(|rule| number(rule.get("required_approvals")))
        .sum::<u64>()
        .max(number(node.get("required_approval_count")));
    Some(Environment {
        name: node.get("name")?.as_text()?.to_owned(),
        approvals,
        reviewers: rules.len() as u64,
        branches_limited: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> About {
        parse("a.json", text.as_bytes()).unwrap().about
    }

    #[test]
    fn the_head_dates_the_answer() {
        let text = "HTTP/2.0 200 OK\r\nDate: Sun, 22 Nov 2026 04:00:00 GMT\r\nX: y\r\n\r\n{\"environments\":[]}";
        let answer = parse("a", text.as_bytes()).unwrap();
        assert_eq!(answer.given, Some("2026-11-22T04:00:00Z".parse().unwrap()));
        assert_eq!(parse("a", b"{\"environments\":[]}").unwrap().given, None);
    }

    #[test]
    fn a_branch_is_read_from_its_protection_its_rules_and_gitlab() {
        let About::Branches(of) = about(
            r#"{"required_pull_request_reviews":{"required_approving_review_count":2,"require_code_owner_reviews":true},
                "required_status_checks":{"contexts":["ci"],"checks":[{"context":"ci"},{"context":"audit"}]},
                "enforce_admins":{"enabled":true},"allow_force_pushes":{"enabled":false},"allow_deletions":{"enabled":false}}"#,
        ) else {
            panic!()
        };
        assert_eq!((of[0].approvals, of[0].code_owners, of[0].force_push, of[0].admins_bound), (2, true, false, true));
        assert_eq!(of[0].checks, ["audit", "ci"]);
        let About::Branches(of) = about(
            r#"[{"type":"pull_request","ruleset_id":1,"parameters":{"required_approving_review_count":1}},{"type":"non_fast_forward","ruleset_id":1}]"#,
        ) else {
            panic!()
        };
        assert_eq!((of[0].approvals, of[0].force_push, of[0].deletion), (1, false, true));
        assert_eq!(about("[]"), About::Branches(vec![Branch { force_push: true, deletion: true, ..Branch::default() }]));
        let About::Branches(of) = about(r#"[{"name":"main","push_access_levels":[],"allow_force_push":false}]"#) else {
            panic!()
        };
        assert_eq!(of[0].name, "main");
    }

    #[test]
    fn environments_are_read_with_their_reviewers() {
        let About::Environments(of) = about(
            r#"{"total_count":2,"environments":[{"name":"production","protection_rules":[{"type":"required_reviewers","reviewers":[{},{}]}],
                "deployment_branch_policy":{"protected_branches":true}},{"name":"staging","protection_rules":[],"deployment_branch_policy":null}]}"#,
        ) else {
            panic!()
        };
        assert_eq!((of[0].reviewers, of[0].approvals, of[0].branches_limited), (2, 1, true));
        assert_eq!((of[1].reviewers, of[1].branches_limited), (0, false));
    }

    #[test]
    fn a_refusal_is_no_answer_except_that_the_branch_is_not_protected() {
        assert!(parse("a", br#"{"message":"Not Found","status":"404"}"#).is_err());
        assert!(parse("a", b"HTTP/2.0 403 Forbidden\n\n{\"message\":\"Resource not accessible\"}").is_err());
        assert!(parse("a", br#"{"a":1}"#).is_err() && parse("a", b"x").is_err() && parse("a", b"HTTP/2.0").is_err());
        let About::Branches(of) = about(r#"{"message":"Branch not protected","status":"404"}"#) else { panic!() };
        assert!(of[0].force_push && of[0].approvals == 0);
    }
}
