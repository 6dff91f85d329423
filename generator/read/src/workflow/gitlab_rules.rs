//! The conditions of GitLab's rules: which pipelines they let through ("CI/CD YAML syntax reference", `rules`; "Where variables can
//! be used", "CI/CD variable expressions").

use std::collections::BTreeSet;

/// How deep brackets of a condition may be nested, and how many words it may have; others are not understood.
const DEPTH_MAX: usize = 32;
const TOKENS_MAX: usize = 500;

/// How many names of branches are told apart.
const BRANCHES_MAX: usize = 20;

/// What stands for the default branch, and for one that nobody names.
const DEFAULT: &str = "\0default";
const OTHER: &str = "\0other";

/// A sort of pipelines, by what its predefined variables say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    /// The event in the words of workflows; `push:tags` is a push of a tag.
    pub(super) event: &'static str,
    source: &'static str,
    branch: Option<String>,
}

impl Pipeline {
    /// The branch, where it is one that the conditions name.
    pub(super) fn named_branch(&self) -> Option<&str> {
        self.branch.as_deref().filter(|branch| ![DEFAULT, OTHER].contains(branch))
    }
}

/// Every sort of pipelines that conditions can tell apart.
pub(super) fn all<'a>(conditions: impl Iterator<Item = &'a str>) -> Vec<Pipeline> {
    let texts = conditions.flat_map(|condition| tokens(condition).unwrap_or_default());
    let named: BTreeSet<String> = texts
        .filter_map(|token| match token {
            Token::Text(text) => Some(text),
            _ => None,
        })
        .take(BRANCHES_MAX)
        .collect();
    let mut found = Vec::new();
    for branch in [DEFAULT, OTHER].into_iter().map(str::to_owned).chain(named) {
        found.push(Pipeline { event: "push", source: "push", branch: Some(branch) });
    }
    for (event, source) in [
        ("pull_request", "merge_request_event"),
        ("pull_request", "external_pull_request_event"),
        ("push:tags", "push"),
        ("schedule", "schedule"),
        ("workflow_dispatch", "web"),
        ("workflow_dispatch", "api"),
        ("workflow_dispatch", "trigger"),
        ("workflow_dispatch", "pipeline"),
        ("workflow_dispatch", "parent_pipeline"),
        ("workflow_dispatch", "chat"),
        ("workflow_dispatch", "webide"),
    ] {
        let branch = matches!(event, "schedule" | "workflow_dispatch").then(|| DEFAULT.to_owned());
        found.push(Pipeline { event, source, branch });
    }
    found
}

/// What a variable may be.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Text(String),
    /// Something that is not empty.
    Set,
    Unknown,
}

/// What is known of variables that GitLab does not set itself.
pub(super) struct Known<'a> {
    /// Those that the file sets; they may be set otherwise from outside.
    pub(super) declared: &'a BTreeSet<String>,
    /// Nobody sets any other from outside.
    pub(super) alone: bool,
}

/// Whether a condition holds in a pipeline; none if that depends, or nobody understands it.
pub(super) fn holds(condition: &str, pipeline: &Pipeline, known: &Known<'_>) -> Option<bool> {
    let tokens = tokens(condition)?;
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0, pipeline, known };
    let found = reader.either()?;
    if reader.at == tokens.len() { found } else { None }
}

fn value(name: &str, pipeline: &Pipeline, known: &Known<'_>) -> Value {
    let of_request = pipeline.event == "pull_request";
    let set_if = |set: bool| if set { Value::Set } else { Value::Null };
    match name {
        "CI" | "GITLAB_CI" => Value::Text("true".to_owned()),
        "CI_PIPELINE_SOURCE" => Value::Text(pipeline.source.to_owned()),
        "CI_COMMIT_BRANCH" => pipeline.branch.clone().map_or(Value::Null, Value::Text),
        "CI_COMMIT_REF_NAME" | "CI_COMMIT_REF_SLUG" => pipeline.branch.clone().map_or(Value::Set, Value::Text),
        "CI_DEFAULT_BRANCH" => Value::Text(DEFAULT.to_owned()),
        "CI_COMMIT_TAG" => set_if(pipeline.event == "push:tags"),
        _ if name.starts_with("CI_MERGE_REQUEST_") => {
            if of_request && !matches!(name, "CI_MERGE_REQUEST_IID" | "CI_MERGE_REQUEST_ID") {
                Value::Unknown
            } else {
                set_if(of_request)
            }
        }
        _ if name.starts_with("CI_") || name.starts_with("GITLAB_") => Value::Unknown,
        _ if known.declared.contains(name) || !known.alone => Value::Unknown,
        _ => Value::Null,
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Variable(String),
    Text(String),
    Pattern,
    Null,
    Sign(&'static str),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if found.len() >= TOKENS_MAX {
            return None;
        }
        let word = |text: &str| text.find(|each: char| !each.is_ascii_alphanumeric() && each != '_').unwrap_or(text.len());
        match first {
            '$' => {
                let (name, after) = match rest.strip_prefix("${") {
                    Some(inner) => inner.split_once('}')?,
                    None => {
                        let inner = rest.get(1..)?;
                        inner.split_at(word(inner))
                    }
                };
                found.push(Token::Variable(name.to_owned()));
                rest = after;
            }
            '"' | '\'' => {
                let (quoted, after) = rest.get(1..)?.split_once(first)?;
                // A variable within a text is put in; nobody can say what comes of it.
                found.push(if quoted.contains('$') { Token::Pattern } else { Token::Text(quoted.to_owned()) });
                rest = after;
            }
            '/' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, each)| {
                    let ends = *each == '/' && !escaped;
                    escaped = *each == '\\' && !escaped;
                    ends
                });
                let after = rest.get(end?.0 + 1..)?;
                found.push(Token::Pattern);
                rest = after.get(word(after)..)?;
            }
            _ => {
                if let Some(sign) =
                    ["&&", "||", "==", "!=", "=~", "!~", "(", ")", "!"].into_iter().find(|sign| rest.starts_with(sign))
                {
                    found.push(Token::Sign(sign));
                    rest = rest.get(sign.len()..)?;
                } else {
                    let (name, after) = rest.split_at(word(rest));
                    found.push((name == "null").then_some(Token::Null)?);
                    rest = after;
                }
            }
        }
        rest = rest.trim_start();
    }
    Some(found)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    pipeline: &'a Pipeline,
    known: &'a Known<'a>,
}

impl Reader<'_> {
    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(known)) if *known == sign);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Option<Option<bool>> {
        let mut left = self.both()?;
        while self.take("||") {
            left = match (left, self.both()?) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        Some(left)
    }

    fn both(&mut self) -> Option<Option<bool>> {
        let mut left = self.one()?;
        while self.take("&&") {
            left = match (left, self.one()?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
        }
        Some(left)
    }

    fn one(&mut self) -> Option<Option<bool>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let found = if self.take("!") {
            self.one()?.map(|held| !held)
        } else if self.take("(") {
            let inner = self.either()?;
            if !self.take(")") {
                return None;
            }
            inner
        } else {
            self.compared()?
        };
        self.depth -= 1;
        Some(found)
    }

    fn value(&mut self) -> Option<Value> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        match token {
            Token::Variable(name) => Some(value(name, self.pipeline, self.known)),
            Token::Text(text) => Some(Value::Text(text.clone())),
            Token::Pattern => Some(Value::Unknown),
            Token::Null => Some(Value::Null),
            Token::Sign(_) => None,
        }
    }

    fn compared(&mut self) -> Option<Option<bool>> {
        let left = self.value()?;
        for sign in ["==", "!=", "=~", "!~"] {
            if !self.take(sign) {
                continue;
            }
            let right = self.value()?;
            let found = match (sign, &left, &right) {
                (_, Value::Unknown, _) => None,
                // Nothing matches no pattern.
                ("=~" | "!~", Value::Null, _) => Some(false),
                ("=~" | "!~", ..) | (_, _, Value::Unknown) => None,
                (_, Value::Set, Value::Null) | (_, Value::Null, Value::Set) => Some(false),
                (_, Value::Set, _) | (_, _, Value::Set) => None,
                (_, left, right) => Some(left == right),
            };
            return Some(if sign.starts_with('!') { found.map(|held| !held) } else { found });
        }
        Some(match left {
            Value::Null => Some(false),
            Value::Text(text) => Some(!text.is_empty()),
            Value::Set => Some(true),
            Value::Unknown => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_tell_pipelines_apart() {
        let through = |condition: &str| {
            let declared = BTreeSet::from(["MODE".to_owned()]);
            let known = Known { declared: &declared, alone: true };
            let all = all([condition].into_iter()).into_iter();
            let held = all.filter(|pipeline| holds(condition, pipeline, &known) != Some(false));
            let shown =
                held.map(|one| one.named_branch().map_or(one.event.to_owned(), |branch| format!("{}:{branch}", one.event)));
            shown.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
        };
        for (condition, expected) in [
            ("$CI_PIPELINE_SOURCE == 'merge_request_event'", "pull_request"),
            ("$CI_PIPELINE_SOURCE == \"nothing\"", ""),
            ("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE == 'push'", "push"),
            ("$CI_COMMIT_BRANCH == 'x' && $CI_PIPELINE_SOURCE == 'push'", "push:x"),
            ("$CI_COMMIT_TAG", "push:tags"),
            ("$CI_COMMIT_TAG =~ /^v/", "push:tags"),
            ("$CI_COMMIT_TAG && $CI_COMMIT_BRANCH", ""),
            ("'a' == 'b'", ""),
            ("$CI_MERGE_REQUEST_IID && ($CI != null)", "pull_request"),
            ("$NOBODY == 'yes'", ""),
            ("$NOBODY != 'yes' && $CI_MERGE_REQUEST_IID", "pull_request"),
            ("$MODE == 'x' && $CI_MERGE_REQUEST_IID", "pull_request"),
            ("$CI_MERGE_REQUEST_TITLE =~ /a\\/b/i", "pull_request"),
        ] {
            assert_eq!(through(condition), expected, "{condition}");
        }
        for odd in ["$A ==", "((((", "$A = 'b'", "'open", &"(".repeat(600), "/open"] {
            let known = Known { declared: &BTreeSet::new(), alone: true };
            assert_eq!(holds(odd, &all([].into_iter())[0], &known), None, "{odd}");
        }
    }
}
