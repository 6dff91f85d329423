//! The rules by which agents are allowed to act: `Bash(pnpm test:*)`, `Edit(src/**)`, `mcp__mail__send`. For `agent.permissions`.
//!
//! Claude Code: "Identity and access management", "Permission rule syntax"; Cursor's `Shell` and `Write` are read as `Bash` and
//! `Edit`.

use avouch_read::ignore_rules::IgnoreRules;
use serde::{Deserialize, Serialize};

use crate::parameters::Globs;

/// What comes of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// It is refused.
    Deny,
    /// A person is asked.
    Ask,
    /// It is done.
    Allow,
}

impl Verdict {
    pub(super) const fn shown(self) -> &'static str {
        match self {
            Self::Deny => "refused",
            Self::Ask => "asked about",
            Self::Allow => "allowed",
        }
    }
}

/// A tool, and what of it is meant: everything, or what its specifier says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    tool: String,
    specifier: Option<String>,
}

impl Rule {
    /// Reads a rule, or an action in the same words.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (tool, specifier) = match text.split_once('(') {
            None => (text, None),
            Some((tool, rest)) => (tool, Some(rest.strip_suffix(')')?.trim())),
        };
        let tool = match tool.trim() {
            "Shell" => "Bash",
            // Rules for edits hold for every tool that changes files.
            "Write" | "MultiEdit" | "NotebookEdit" => "Edit",
            // And those for reading for every tool that looks into files.
            "Grep" | "Glob" | "LS" => "Read",
            tool => tool,
        };
        let known = |each: char| each.is_ascii_alphanumeric() || matches!(each, '_' | '-' | '*' | '.' | ':' | '/');
        (!tool.is_empty() && tool.chars().all(known)).then(|| Self {
            tool: tool.to_owned(),
            specifier: specifier.filter(|text| !text.is_empty() && *text != "*").map(str::to_owned),
        })
    }

    /// The command of an action in a shell.
    pub(super) fn command(&self) -> Option<&str> {
        self.specifier.as_deref().filter(|_| self.tool == "Bash")
    }

    /// Whether it means the start of another pipeline than these (`gh workflow run FILE`), or of whichever.
    pub(super) fn starts_other_pipeline(&self, pipelines: &Globs) -> bool {
        if self.tool != "Bash" {
            return false;
        }
        let Some(specifier) = &self.specifier else { return true };
        let command = specifier.strip_suffix(":*").unwrap_or(specifier);
        let mut words = command.split_whitespace();
        if ["gh", "workflow", "run"].iter().any(|word| words.next().is_some_and(|own| own != *word && own != "*")) {
            return false;
        }
        let Some(name) = words.find(|word| !word.starts_with('-')) else {
            return specifier != command || specifier.ends_with('*');
        };
        let known = |ending: &str| pipelines.matches(&format!(".github/workflows/{name}{ending}"));
        name.contains('*') || !(pipelines.matches(name) || ["", ".yml", ".yaml"].into_iter().any(known))
    }

    /// Whether it is about changing files.
    pub(super) fn is_edit(&self) -> bool {
        self.tool == "Edit"
    }

    /// Whether this rule means an action.
    pub(super) fn means(&self, action: &Self) -> bool {
        if self.tool.starts_with("mcp__") {
            return tool_of_server(&self.tool, &action.tool);
        }
        if self.tool != action.tool {
            return false;
        }
        let (Some(own), Some(done)) = (&self.specifier, &action.specifier) else { return self.specifier.is_none() };
        match self.tool.as_str() {
            "Bash" => commands(own, done),
            "Edit" | "Read" => paths(own, done),
            _ => matches(own, done),
        }
    }
}

/// `mcp__mail` and `mcp__mail__*` mean every tool of the server.
fn tool_of_server(rule: &str, action: &str) -> bool {
    let server = rule.strip_suffix("__*").unwrap_or(rule);
    rule == action || server.matches("__").count() == 1 && action.strip_prefix(server).is_some_and(|rest| rest.starts_with("__"))
}

/// `pnpm test:*` means every command that begins so; a star anywhere stands for anything.
fn commands(rule: &str, command: &str) -> bool {
    match rule.strip_suffix(":*") {
        Some(start) => command == start || command.strip_prefix(start).is_some_and(|rest| rest.starts_with(' ')),
        None => matches(rule, command),
    }
}

/// Paths are meant as git's ignore files mean them; `./` and `/` are where the settings are.
fn paths(rule: &str, path: &str) -> bool {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let pattern = rule.strip_prefix("./").map_or_else(|| rule.to_owned(), |rest| format!("/{rest}"));
    // Elsewhere on the machine (`//…`, `~/…`) lies nothing of the repository.
    if pattern.starts_with("//") || pattern.starts_with('~') {
        return false;
    }
    IgnoreRules::of([(".gitignore", pattern.as_str())]).is_ok_and(|rules| rules.ignores(path))
}

/// Whether a text is of a form in which `*` stands for anything.
fn matches(form: &str, text: &str) -> bool {
    let mut parts = form.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = rest.find(middle) else { return false };
            rest = rest.get(at + str::len(middle)..).unwrap_or_default();
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(rule: &str, action: &str) -> bool {
        Rule::parse(rule).unwrap().means(&Rule::parse(action).unwrap())
    }

    #[test]
    fn a_rule_means_what_its_tool_makes_of_it() {
        for (rule, action) in [
            ("Bash", "Bash(rm -r x)"),
            ("Bash(*)", "Bash(rm -r x)"),
            ("Bash(pnpm test:*)", "Bash(pnpm test src)"),
            ("Bash(pnpm test)", "Bash(pnpm test)"),
            ("Bash(wrangler d1 migrations apply *--remote*)", "Bash(wrangler d1 migrations apply shop --remote)"),
            ("Shell(wrangler deploy)", "Bash(wrangler deploy)"),
            ("Edit(.env)", "Write(apps/api/.env)"),
            ("Edit(/.env)", "Edit(.env)"),
            ("Edit(**/.env.*)", "Edit(.env.production)"),
            ("Edit(backups/**)", "Edit(backups/2026/a.sql)"),
            ("Read(./docs/**)", "Grep(docs/a.md)"),
            ("mcp__mail", "mcp__mail__send"),
            ("mcp__mail__*", "mcp__mail__send"),
            ("mcp__mail__send", "mcp__mail__send"),
            ("WebFetch(domain:*.example)", "WebFetch(domain:a.example)"),
        ] {
            assert!(means(rule, action), "{rule} {action}");
        }
        for (rule, action) in [
            ("Bash(pnpm test:*)", "Bash(pnpm tests)"),
            ("Bash(pnpm test)", "Bash(pnpm test src)"),
            ("Bash(wrangler deploy)", "Bash"),
            ("Edit(/.env)", "Edit(apps/.env)"),
            ("Edit(~/.env)", "Edit(.env)"),
            ("Read(.env)", "Edit(.env)"),
            ("mcp__mail", "mcp__mailing__send"),
            ("mcp__mail__read", "mcp__mail__send"),
        ] {
            assert!(!means(rule, action), "{rule} {action}");
        }
        assert!(Rule::parse("Bash(open").is_none() && Rule::parse("").is_none());
    }

    #[test]
    fn a_star_stands_for_anything_in_any_place() {
        // Held against an obvious slow way.
        fn slow(form: &[u8], text: &[u8]) -> bool {
            match form.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|at| slow(rest, &text[at..])),
                Some((first, rest)) => text.split_first().is_some_and(|(own, left)| own == first && slow(rest, left)),
            }
        }
        let words = |length: u32, letters: &[char]| {
            let count = (letters.len() as u32).pow(length);
            let word = |mut number: u32| {
                let mut word = String::new();
                for _ in 0..length {
                    word.push(letters[(number as usize) % letters.len()]);
                    number /= letters.len() as u32;
                }
                word
            };
            (0..count).map(word).collect::<Vec<_>>()
        };
        for form in (0..5).flat_map(|length| words(length, &['a', 'b', '*'])) {
            for text in (0..5).flat_map(|length| words(length, &['a', 'b'])) {
                assert_eq!(matches(&form, &text), slow(form.as_bytes(), text.as_bytes()), "{form} {text}");
            }
        }
    }
}
