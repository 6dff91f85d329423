//! Expressions of GitHub Actions: where `${{ … }}` stands in a text, what may come out of it, and whether it is always
//! true or false.
//!
//! The language: "Evaluate expressions in workflows and actions". Names are compared without case, as GitHub does.

use std::{collections::BTreeSet, ops::Range};

/// How deep brackets and signs may be nested; deeper expressions are not understood, which is never taken for harmless.
const DEPTH_MAX: usize = 64;

/// A `${{ … }}` in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// Where it stands, with its fences.
    pub span: Range<usize>,
    /// What stands between the fences.
    pub inner: &'a str,
}

/// Every `${{ … }}` of a text, in order. One that is not closed is left out: GitHub refuses such a workflow.
pub fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("${{")) {
        let (start, open) = (from + at, from + at + 3);
        let mut quoted = false;
        let bytes = text.as_bytes();
        let close = (open..bytes.len().saturating_sub(1)).find(|place| {
            let byte = bytes.get(*place);
            quoted ^= byte == Some(&b'\'');
            !quoted && byte == Some(&b'}') && bytes.get(place + 1) == Some(&b'}')
        });
        let Some(close) = close else { break };
        found.push(Fence { span: start..close + 2, inner: text.get(open..close).unwrap_or_default() });
        from = close + 2;
    }
    found
}

/// An expression that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression(Term);

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Text(String),
    Number(f64),
    Truth(bool),
    Null,
    /// A path such as `github.event.*`, in lower case; an index that is no text is `*`.
    Path(Vec<String>),
    /// A function; `taken` says that something is taken out of what it gives, `fromJSON(x).y`.
    Call {
        name: String,
        arguments: Vec<Term>,
        taken: bool,
    },
    Not(Box<Term>),
    Both(Box<Term>, Box<Term>),
    Either(Box<Term>, Box<Term>),
    Compared(&'static str, Box<Term>, Box<Term>),
}

/// Something that may come out of an expression as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// The value at a path, `github.event.pull_request.title`, in lower case.
    Path(String),
    /// Something that is computed, of which nobody can say what it is.
    Unknown,
}

impl Expression {
    /// Understands an expression, without its fences.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
        let term = reader.either()?;
        (reader.at == tokens.len()).then_some(Self(term))
    }

    /// What may come out of it as it is, in the order of the text. Comparisons give truths, and of `a && b` it is `b`
    /// that comes out where it matters, so neither brings in what was compared.
    pub fn flows(&self) -> Vec<Flow> {
        let mut found = Vec::new();
        flows(&self.0, &mut found);
        found
    }

    /// Every path that is named anywhere in it.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        paths(&self.0, &mut found);
        found
    }

    /// Whether it is always true, or always false, in a workflow that only these events trigger; none if that depends.
    pub fn always(&self, events: &BTreeSet<String>) -> Option<bool> {
        truth(&self.0, events)
    }
}

/// Whether a condition (`if:`), with or without fences, is always true or false; none if that depends. Of the events, `push:tags`
/// and `push:branches` tell that pushes are filtered so, as in the triggers of a workflow.
pub fn condition(text: &str, events: &BTreeSet<String>) -> Option<bool> {
    let text = text.trim();
    let bare = match &fences(text)[..] {
        [fence] if fence.span == (0..text.len()) => fence.inner,
        // A text around an expression is a text, and a text that is not empty is true.
        [_, ..] => return Some(true),
        [] => text,
    };
    Expression::parse(bare)?.always(events)
}

fn flows(term: &Term, found: &mut Vec<Flow>) {
    match term {
        Term::Path(path) => found.push(Flow::Path(path.join("."))),
        Term::Call { taken: true, .. } => found.push(Flow::Unknown),
        Term::Call { name, arguments, .. } if matches!(name.as_str(), "tojson" | "fromjson" | "format" | "join" | "case") => {
            arguments.iter().for_each(|argument| flows(argument, found));
        }
        Term::Both(_, right) => flows(right, found),
        Term::Either(left, right) => {
            flows(left, found);
            flows(right, found);
        }
        _ => {}
    }
}

fn paths(term: &Term, found: &mut Vec<String>) {
    match term {
        Term::Path(path) => found.push(path.join(".")),
        Term::Call { arguments, .. } => arguments.iter().for_each(|argument| paths(argument, found)),
        Term::Not(inner) => paths(inner, found),
        Term::Both(left, right) | Term::Either(left, right) | Term::Compared(_, left, right) => {
            paths(left, found);
            paths(right, found);
        }
        _ => {}
    }
}

fn truth(term: &Term, events: &BTreeSet<String>) -> Option<bool> {
    match term {
        Term::Text(text) => Some(!text.is_empty()),
        Term::Number(number) => Some(*number != 0.0),
        Term::Truth(truth) => Some(*truth),
        Term::Null => Some(false),
        Term::Call { name, .. } if name == "always" => Some(true),
        Term::Call { name, arguments, .. } if name == "startswith" => match &arguments[..] {
            [Term::Path(path), Term::Text(text)] if is_github(path, "ref") => {
                let text = text.to_ascii_lowercase();
                of_all(ref_beginnings(events)?, |known| {
                    if known.starts_with(&text) { Some(true) } else { (!text.starts_with(known)).then_some(false) }
                })
            }
            _ => None,
        },
        // `contains(fromJSON('["push"]'), github.event_name)`
        Term::Call { name, arguments, .. } if name == "contains" => match &arguments[..] {
            [Term::Call { name, arguments, taken: false }, Term::Path(path)]
                if name == "fromjson" && is_github(path, "event_name") =>
            {
                let [Term::Text(list)] = &arguments[..] else { return None };
                let listed: Vec<String> = serde_json::from_str(list).ok()?;
                of_all(plain(events), |event| Some(listed.iter().any(|one| one.eq_ignore_ascii_case(event))))
            }
            _ => None,
        },
        Term::Path(_) | Term::Call { .. } => None,
        Term::Not(inner) => truth(inner, events).map(|truth| !truth),
        Term::Both(left, right) => match (truth(left, events), truth(right, events)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Term::Either(left, right) => match (truth(left, events), truth(right, events)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Term::Compared(sign, left, right) => {
            let equal = match (&**left, &**right) {
                (Term::Text(left), Term::Text(right)) => Some(left.eq_ignore_ascii_case(right)),
                (Term::Number(left), Term::Number(right)) => Some(left == right),
                (Term::Truth(left), Term::Truth(right)) => Some(left == right),
                (Term::Path(path), Term::Text(event)) | (Term::Text(event), Term::Path(path))
                    if is_github(path, "event_name") =>
                {
                    let can = plain(events).any(|known| known.eq_ignore_ascii_case(event));
                    if can && plain(events).count() == 1 { Some(true) } else { (!can).then_some(false) }
                }
                (Term::Path(path), Term::Text(text)) | (Term::Text(text), Term::Path(path)) if is_github(path, "ref") => {
                    let text = text.to_ascii_lowercase();
                    of_all(ref_beginnings(events)?, |known| (!text.starts_with(known)).then_some(false))
                }
                (Term::Path(path), Term::Text(text)) | (Term::Text(text), Term::Path(path)) if is_github(path, "ref_type") => {
                    let known = ref_beginnings(events)?.into_iter().map(|known| if known == TAGS { "tag" } else { "branch" });
                    of_all(known, |known| Some(text.eq_ignore_ascii_case(known)))
                }
                _ => None,
            };
            match *sign {
                "==" => equal,
                "!=" => equal.map(|equal| !equal),
                _ => None,
            }
        }
    }
}

/// What the ref of a pushed tag begins with, and of a pushed branch.
const TAGS: &str = "refs/tags/";
const BRANCHES: &str = "refs/heads/";
const PULLS: &str = "refs/pull/";

/// Whether a path is this property of `github`.
fn is_github(path: &[String], property: &str) -> bool {
    matches!(path, [github, name] if github == "github" && name == property)
}

/// The events themselves, without how pushes are filtered.
fn plain(events: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    events.iter().filter(|event| !event.contains(':'))
}

/// What holds of each of several; none where it differs, or of nothing.
fn of_all<T>(all: impl IntoIterator<Item = T>, holds: impl Fn(T) -> Option<bool>) -> Option<bool> {
    let mut all = all.into_iter().map(holds);
    let first = all.next()??;
    all.all(|one| one == Some(first)).then_some(first)
}

/// What the refs of the runs begin with; none where an event does not tell. A push that is filtered by tags alone is of no branch,
/// and the other way round; a release is of a tag, a pull request of its merge (GitHub, "Events that trigger workflows").
fn ref_beginnings(events: &BTreeSet<String>) -> Option<Vec<&'static str>> {
    let filtered = |filters: [&str; 2]| filters.iter().any(|filter| events.contains(*filter));
    let tags = filtered(["push:tags", "push:tags-ignore"]);
    let branches = filtered(["push:branches", "push:branches-ignore"]);
    let mut found = Vec::new();
    for event in plain(events) {
        match event.as_str() {
            "push" if tags != branches => found.push(if tags { TAGS } else { BRANCHES }),
            "push" => found.extend([TAGS, BRANCHES]),
            "release" => found.push(TAGS),
            "pull_request" => found.push(PULLS),
            "pull_request_target" | "merge_group" | "schedule" => found.push(BRANCHES),
            _ => return None,
        }
    }
    Some(found)
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Name(&'a str),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

/// The signs, longer ones first.
const SIGNS: &[&str] = &["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*"];

fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (quoted, after) = quoted(rest)?;
            tokens.push(Token::Text(quoted));
            rest = after;
        } else if first.is_ascii_digit()
            || (matches!(first, '-' | '+')
                && rest.get(1..).is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit())))
        {
            let word = |each: char| each.is_ascii_alphanumeric() || matches!(each, '.' | '+' | '-');
            let end = rest.find(|each: char| !word(each)).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            let value = match number.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).ok().map(|number| number as f64),
                None => number.parse().ok(),
            };
            tokens.push(Token::Number(value?));
            rest = after;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let word = |each: char| each.is_ascii_alphanumeric() || matches!(each, '_' | '-');
            let end = rest.find(|each: char| !word(each)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            tokens.push(Token::Name(name));
            rest = after;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
            tokens.push(Token::Sign(sign));
            rest = rest.get(sign.len()..)?;
        }
        rest = rest.trim_start();
    }
    Some(tokens)
}

/// A text in single quotes, in which two of them are one, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut said = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (before, after) = rest.split_once('\'')?;
        said.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                said.push('\'');
                rest = more;
            }
            None => return Some((said, after)),
        }
    }
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(here)) if *here == sign);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Option<Term> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let mut left = self.both()?;
        while self.take("||") {
            left = Term::Either(Box::new(left), Box::new(self.both()?));
        }
        self.depth -= 1;
        Some(left)
    }

    fn both(&mut self) -> Option<Term> {
        let mut left = self.compared()?;
        while self.take("&&") {
            left = Term::Both(Box::new(left), Box::new(self.compared()?));
        }
        Some(left)
    }

    fn compared(&mut self) -> Option<Term> {
        let mut left = self.single()?;
        while let Some(sign) = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|sign| self.take(sign)) {
            left = Term::Compared(sign, Box::new(left), Box::new(self.single()?));
        }
        Some(left)
    }

    fn single(&mut self) -> Option<Term> {
        let mut negated = 0_usize;
        while self.take("!") {
            negated += 1;
            if negated > DEPTH_MAX {
                return None;
            }
        }
        let mut term = self.plain()?;
        for _ in 0..negated {
            term = Term::Not(Box::new(term));
        }
        Some(term)
    }

    fn plain(&mut self) -> Option<Term> {
        if self.take("(") {
            let inner = self.either()?;
            if !self.take(")") {
                return None;
            }
            let taken = self.steps()?;
            return Some(match inner {
                Term::Path(path) => Term::Path(path.into_iter().chain(taken).collect()),
                other if taken.is_empty() => other,
                _ => Term::Call { name: String::new(), arguments: vec![], taken: true },
            });
        }
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Text(text) => Some(Term::Text(text)),
            Token::Number(number) => Some(Term::Number(number)),
            Token::Sign(_) => None,
            Token::Name(name) if self.take("(") => {
                let mut arguments = Vec::new();
                if !self.take(")") {
                    loop {
                        arguments.push(self.either()?);
                        if self.take(")") {
                            break;
                        }
                        if !self.take(",") {
                            return None;
                        }
                    }
                }
                let taken = !self.steps()?.is_empty();
                Some(Term::Call { name: name.to_ascii_lowercase(), arguments, taken })
            }
            Token::Name(name) => {
                let steps = self.steps()?;
                Some(match name {
                    _ if !steps.is_empty() => Term::Path(std::iter::once(name.to_ascii_lowercase()).chain(steps).collect()),
                    "true" => Term::Truth(true),
                    "false" => Term::Truth(false),
                    "null" => Term::Null,
                    "NaN" => Term::Number(f64::NAN),
                    "Infinity" => Term::Number(f64::INFINITY),
                    name => Term::Path(vec![name.to_ascii_lowercase()]),
                })
            }
        }
    }

    /// `.name`, `.*`, `['name']` and `[…]` after a value.
    fn steps(&mut self) -> Option<Vec<String>> {
        let mut steps = Vec::new();
        loop {
            if self.take(".") {
                if self.take("*") {
                    steps.push("*".to_owned());
                } else if let Some(Token::Name(name)) = self.tokens.get(self.at) {
                    steps.push(name.to_ascii_lowercase());
                    self.at += 1;
                } else {
                    return None;
                }
            } else if self.take("[") {
                if self.take("*") {
                    steps.push("*".to_owned());
                } else {
                    steps.push(match self.either()? {
                        Term::Text(name) => name.to_ascii_lowercase(),
                        _ => "*".to_owned(),
                    });
                }
                if !self.take("]") {
                    return None;
                }
            } else {
                return Some(steps);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flows(text: &str) -> Vec<String> {
        let shown = |flow| match flow {
            Flow::Path(path) => path,
            Flow::Unknown => "?".to_owned(),
        };
        Expression::parse(text).unwrap_or_else(|| panic!("{text}")).flows().into_iter().map(shown).collect()
    }

    #[test]
    fn fences_end_where_quotes_allow_it() {
        let text = "a ${{ b }} ${{ format('}}', c) }} ${{ open";
        let found: Vec<_> = fences(text).iter().map(|fence| fence.inner.trim()).collect();
        assert_eq!(found, ["b", "format('}}', c)"]);
        assert_eq!(&text[fences(text)[0].span.clone()], "${{ b }}");
    }

    #[test]
    fn what_comes_out_is_told_from_what_is_only_compared() {
        assert_eq!(flows("github.event.pull_request.title"), ["github.event.pull_request.title"]);
        assert_eq!(flows("github['event']['Issue'].body"), ["github.event.issue.body"]);
        assert_eq!(flows("github.event.commits[0].message"), ["github.event.commits.*.message"]);
        assert_eq!(flows("github.event.commits.*.message"), ["github.event.commits.*.message"]);
        assert_eq!(flows("inputs.a == 'x' && 'y' || inputs.b"), ["inputs.b"]);
        assert_eq!(flows("contains(github.head_ref, 'x')"), Vec::<String>::new());
        assert_eq!(flows("format('{0}', toJSON(github.event))"), ["github.event"]);
        assert_eq!(flows("fromJSON(inputs.x).y"), ["?"]);
        assert_eq!(flows("(github.event.issue).title"), ["github.event.issue.title"]);
        assert_eq!(flows("!github.head_ref"), Vec::<String>::new());
    }

    #[test]
    fn conditions_that_never_hold_are_told() {
        let on = |events: &[&str]| events.iter().map(|event| (*event).to_owned()).collect::<BTreeSet<_>>();
        let push = on(&["push"]);
        for never in [
            "false",
            "${{ false }}",
            "!true",
            "github.ref == 'x' && false",
            "github.event_name == 'pull_request'",
            "1 == 2",
            "''",
            "github.event_name != 'push'",
        ] {
            assert_eq!(condition(never, &push), Some(false), "{never}");
        }
        let both = on(&["push", "push:branches", "pull_request"]);
        for never in ["startsWith(github.ref, 'refs/tags/')", "contains(fromJSON('[\"schedule\"]'), github.event_name)"] {
            assert_eq!(condition(never, &both), Some(false), "{never}");
        }
        assert_eq!(condition("contains(fromJSON('[\"push\"]'), github.event_name)", &both), None);
        for always in ["always()", "true", "github.event_name == 'push'", "x ${{ false }}", "success() || true"] {
            assert_eq!(condition(always, &push), Some(true), "{always}");
        }
        for open in ["github.ref == 'refs/heads/main'", "failure()", "github.event_name == 'push' && vars.X"] {
            assert_eq!(condition(open, &push), None, "{open}");
        }
        assert_eq!(condition("github.event_name == 'push'", &on(&["push", "release"])), None);
        let tags = on(&["push", "push:tags", "release"]);
        for (text, expected) in [
            ("github.ref == 'refs/heads/main'", Some(false)),
            ("github.ref != 'refs/heads/main'", Some(true)),
            ("github.ref == 'refs/tags/v1'", None),
            ("startsWith(github.ref, 'refs/tags/')", Some(true)),
            ("startsWith(github.ref, 'refs/tags/v')", None),
            ("startsWith(github.ref, 'refs/heads/')", Some(false)),
            ("github.ref_type == 'tag'", Some(true)),
        ] {
            assert_eq!(condition(text, &tags), expected, "{text}");
        }
        assert_eq!(condition("github.event_name == 'push'", &on(&["push", "push:tags"])), Some(true));
        assert_eq!(condition("startsWith(github.ref, 'refs/tags/')", &on(&["push", "push:branches"])), Some(false));
        let open = [&["push"][..], &["push", "push:tags", "push:branches"], &["push", "push:tags", "workflow_dispatch"]];
        for events in open {
            assert_eq!(condition("github.ref == 'refs/heads/main'", &on(events)), None, "{events:?}");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_understood() {
        for text in ["", "a b", "a.", "a[", "'x", "f(a", "a &&", "#"] {
            assert_eq!(Expression::parse(text), None, "{text}");
        }
        assert_eq!(Expression::parse(&"(".repeat(100_000)), None);
        assert_eq!(Expression::parse(&format!("{}a", "!".repeat(100_000))), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[a-c.*='!&|()\\[\\]{}$ 0-9é,]{0,60}") {
            for fence in fences(&text) {
                prop_assert_eq!(text.get(fence.span.clone()).map(|all| all.starts_with("${{")), Some(true));
            }
            let _ = Expression::parse(&text).map(|parsed| (parsed.flows(), parsed.paths(), parsed.always(&BTreeSet::new())));
        }
    }
}
