//! Paths into structured documents: `ratelimits[name=L1].simple.limit`, `env.*`, `repos[repo~gitleaks].rev`.

use avouch_read::structured::{Node, Value};
use regex::Regex;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A path into a document; the empty one is the whole document.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// The value of a key.
    Key(String),
    /// The values of all keys.
    Members,
    /// All items of a list.
    Items,
    /// One item of a list, from 0.
    Item(usize),
    /// The items of a list in which the value at a path is this text or number.
    Equal(Vec<String>, String),
    /// The items of a list in which the text at a path matches.
    Matching(Vec<String>, Regex),
}

impl Selector {
    /// Reads a path.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}` is not a path into a document: {what}");
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (inside, after) = inner.split_once(']').ok_or_else(|| wrong("a `[` has no `]`"))?;
                steps.push(bracket(inside).map_err(|what| wrong(&what))?);
                rest = after;
                if !rest.is_empty() && !rest.starts_with(['[', '.']) {
                    return Err(wrong("after `]` comes `.` or `[`"));
                }
                continue;
            }
            if !steps.is_empty() {
                rest = rest.strip_prefix('.').ok_or_else(|| wrong("names are separated by `.`"))?;
            }
            if let Some(quoted) = rest.strip_prefix('"') {
                let (key, after) = quoted.split_once('"').ok_or_else(|| wrong("a `\"` is not closed"))?;
                steps.push(Step::Key(key.to_owned()));
                rest = after;
            } else {
                let end = rest.find(['.', '[', '"']).unwrap_or(rest.len());
                let (key, after) = rest.split_at(end);
                steps.push(match key {
                    "" => return Err(wrong("a name is empty")),
                    "*" => Step::Members,
                    key => Step::Key(key.to_owned()),
                });
                rest = after;
            }
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The values it leads to, in the order of the document.
    pub(crate) fn select<'a>(&self, root: &'a Node) -> Vec<&'a Node> {
        self.steps.iter().fold(vec![root], |nodes, step| nodes.into_iter().flat_map(|node| step.from(node)).collect())
    }
}

impl Step {
    fn from<'a>(&self, node: &'a Node) -> Vec<&'a Node> {
        let items = || node.as_list().unwrap_or_default();
        match self {
            Self::Key(key) => node.get(key).into_iter().collect(),
            Self::Members => match &node.value {
                Value::Table(table) => table.entries().iter().map(|entry| &entry.value).collect(),
                _ => vec![],
            },
            Self::Items => items().iter().collect(),
            Self::Item(place) => items().get(*place).into_iter().collect(),
            Self::Equal(path, wanted) => {
                let same = |item: &&Node| at(item, path).and_then(Node::as_written) == Some(wanted);
                items().iter().filter(same).collect()
            }
            Self::Matching(path, pattern) => {
                let matching =
                    |item: &&Node| at(item, path).and_then(Node::as_written).is_some_and(|text| pattern.is_match(text));
                items().iter().filter(matching).collect()
            }
        }
    }
}

fn at<'a>(node: &'a Node, path: &[String]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

fn bracket(inside: &str) -> Result<Step, String> {
    if inside == "*" {
        return Ok(Step::Items);
    }
    if let Ok(place) = inside.parse() {
        return Ok(Step::Item(place));
    }
    let operator = inside.find(['=', '~']).ok_or("in brackets stands `*`, a number, `name=value` or `name~pattern`")?;
    let (path, rest) = inside.split_at(operator);
    let value = rest.get(1..).unwrap_or_default();
    let path: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
    if path.iter().any(String::is_empty) {
        return Err("a name in brackets is empty".to_owned());
    }
    if rest.starts_with('=') {
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Ok(Step::Equal(path, bare.to_owned()))
    } else {
        let pattern = Regex::new(value).map_err(|error| error.to_string())?;
        Ok(Step::Matching(path, pattern))
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use avouch_read::structured::parse_jsonc;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_path_or_a_reason(text in "[a-c.*=~0-9\"\\[\\]é]{0,24}") {
            let document = parse_jsonc("a.jsonc", br#"{"a":{"b":[{"c":1}]}}"#, 1_000).unwrap();
            if let Ok(selector) = Selector::new(&text) {
                let _ = selector.select(&document.root);
            }
        }
    }

    fn select(selector: &str) -> Vec<String> {
        let text =
            r#"{"a":{"b":[{"n":"L1","s":{"x":60}},{"n":"L2","s":{"x":70}}],"odd key.":1},"env":{"p":{"v":1},"q":{"v":2}}}"#;
        let document = parse_jsonc("a.jsonc", text.as_bytes(), 1_000).unwrap();
        let nodes = Selector::new(selector).unwrap();
        nodes.select(&document.root).iter().map(|node| node.as_written().unwrap_or("…").to_owned()).collect()
    }

    #[test]
    fn a_path_leads_to_its_values() {
        assert_eq!(select("a.b[n=L2].s.x"), ["70"]);
        assert_eq!(select("a.b[s.x=60].n"), ["L1"]);
        assert_eq!(select("a.b[n~^L].n"), ["L1", "L2"]);
        assert_eq!(select("a.b[*].s.x"), ["60", "70"]);
        assert_eq!(select("a.b[1].n"), ["L2"]);
        assert_eq!(select("env.*.v"), ["1", "2"]);
        assert_eq!(select("a.\"odd key.\""), ["1"]);
        assert_eq!(select(""), ["…"]);
        for nothing in ["a.c", "a.b[n=L3].s", "a.b[9]", "a[0]", "env[*]", "a.b.n"] {
            assert_eq!(select(nothing), Vec::<String>::new(), "{nothing}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["a..b", "a[", "a[x]", "a[0]b", ".a", "a.", "a[~x]", "a[n~(]", "\"a"] {
            assert!(Selector::new(text).is_err(), "{text}");
        }
    }
}
