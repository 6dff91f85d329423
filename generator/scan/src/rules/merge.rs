//! From what is written to rules: extension, merging, reading of patterns; every mistake in its place.

use std::{ops::Range, sync::Arc};

use avouch_model::{
    Digest,
    diagnostic::{Diagnostic, Level, Source},
};
use toml::Spanned;

use super::{
    AllowList, Rule, Rules, Target,
    file::{Extend, Written, WrittenAllowList, WrittenRule},
    own,
};
use crate::pattern::{Pattern, Patterns, Reach};

/// Files that extend each other, at most.
const DEPTH_MAX: usize = 3;

/// A file as it is written, and where it stands.
pub(super) struct Layer {
    pub(super) source: Arc<Source>,
    pub(super) written: Written,
    pub(super) own: bool,
}

/// Reads a file and what it extends.
pub(super) fn load(
    source: &Arc<Source>,
    other: &mut dyn FnMut(&str) -> Result<Arc<Source>, String>,
) -> Result<Rules, Vec<Diagnostic>> {
    let mut layers = Vec::new();
    descend(source, other, &mut layers)?;
    let mut building = Building::default();
    for layer in layers {
        building.add(layer);
    }
    building.finish()
}

/// Reads what is written.
pub(super) fn read(source: &Arc<Source>) -> Result<Written, Vec<Diagnostic>> {
    toml::from_str(&source.text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().to_owned();
        let help = if message.starts_with("unknown field") {
            "rules are read in the format of gitleaks 8; what is not known is refused, because it would silently do nothing"
        } else {
            "rules are TOML; docs/guides/secrets.md shows a whole file"
        };
        vec![Diagnostic::error("bad-rules", source, span, message).help(help)]
    })
}

/// Puts the files that are extended before those that extend them.
fn descend(
    source: &Arc<Source>,
    other: &mut dyn FnMut(&str) -> Result<Arc<Source>, String>,
    layers: &mut Vec<Layer>,
) -> Result<(), Vec<Diagnostic>> {
    let (mut files, mut next) = (Vec::new(), Some(Arc::clone(source)));
    let mut default = false;
    while let Some(source) = next.take() {
        let written = read(&source)?;
        if let Some(extend) = &written.extend {
            default |= extend.use_default;
            if let Some(url) = &extend.url {
                let message = "rules are not fetched from the network";
                let diagnostic =
                    Diagnostic::error("bad-rules", &source, url.span(), message).help("keep a copy, and name it with `path`");
                return Err(vec![diagnostic]);
            }
            if let Some(path) = &extend.path {
                if files.len() + 1 >= DEPTH_MAX {
                    let message = format!("more than {DEPTH_MAX} files extend each other");
                    return Err(vec![Diagnostic::error("bad-rules", &source, path.span(), message).help("put them into one")]);
                }
                let found = other(path.get_ref());
                next = Some(found.map_err(|what| vec![Diagnostic::error("bad-rules", &source, path.span(), what)])?);
            }
        }
        files.push(Layer { source, written, own: false });
    }
    if default {
        layers.extend(own::layers()?);
    }
    layers.extend(files.into_iter().rev());
    Ok(())
}

/// Rules as they grow.
#[derive(Default)]
pub(super) struct Building {
    rules: Vec<Rule>,
    allowed: Vec<AllowList>,
    paths: Vec<Pattern>,
    texts: Vec<String>,
    key_files: bool,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Building {
    /// Adds a file on top of those before it.
    pub(super) fn add(&mut self, layer: Layer) {
        let Layer { source, written, own } = layer;
        self.texts.push(source.text.clone());
        self.key_files |= own;
        if let Some(extend) = &written.extend {
            self.disable(&source, extend);
        }
        for rule in written.rules {
            self.rule(&source, rule, own);
        }
        for list in written.allowlist.into_iter().chain(written.allowlists) {
            let list = self.list(&source, list);
            self.allowed.push(list);
        }
    }

    /// The rules, if nothing is wrong.
    pub(super) fn finish(mut self) -> Result<Rules, Vec<Diagnostic>> {
        for rule in &mut self.rules {
            rule.reach = rule.pattern.as_ref().map_or(Reach::WHOLE, |pattern| pattern.reach(&rule.keywords));
        }
        let paths = Patterns::new(&self.paths);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let nowhere = || Arc::new(Source { path: "rules".to_owned(), text: String::new() });
        let paths = paths
            .map_err(|what| vec![Diagnostic::error("bad-rules", &nowhere(), 0..0, format!("the paths together: {what}"))])?;
        let parts: Vec<&[u8]> = self.texts.iter().flat_map(|text| [text.as_bytes(), b"\0"]).collect();
        Ok(Rules {
            digest: Digest::of_parts(&parts),
            rules: self.rules,
            allowed: self.allowed,
            paths,
            key_files: self.key_files,
            warnings: self.warnings,
        })
    }

    fn problem(&mut self, source: &Arc<Source>, span: Range<usize>, message: impl Into<String>, help: &str) {
        self.problems.push(Diagnostic::error("bad-rules", source, span, message).help(help));
    }

    fn disable(&mut self, source: &Arc<Source>, extend: &Extend) {
        for id in &extend.disabled_rules {
            let before = self.rules.len();
            self.rules.retain(|rule| rule.id != *id.get_ref());
            if self.rules.len() == before {
                let message = format!("no rule that is extended has the id `{}`, so nothing is disabled", id.get_ref());
                let mut warning = Diagnostic::error("bad-rules", source, id.span(), message);
                warning.level = Level::Warning;
                self.warnings.push(warning);
            }
        }
    }

    /// A rule of a known id changes that rule, as gitleaks has it: what it names replaces, keywords, tags and allow-lists add.
    fn rule(&mut self, source: &Arc<Source>, written: WrittenRule, own: bool) {
        let id = written.id.get_ref().clone();
        if id.trim().is_empty() {
            self.problem(source, written.id.span(), "a rule has an empty id", "hits are named by the id of their rule");
            return;
        }
        if let Some(skip) = written.skip_report.as_ref().filter(|skip| *skip.get_ref()) {
            let help = "a rule that reports nothing is only of use to composite rules, which are not read; remove it";
            self.problem(source, skip.span(), format!("the rule `{id}` would report nothing"), help);
            return;
        }
        let pattern = written.regex.as_ref().and_then(|regex| self.pattern(source, regex));
        let path = written.path.as_ref().and_then(|path| self.path(source, path));
        let before = self.rules.iter().find(|rule| rule.id == id);
        // A group that no match has would make every match none.
        let group = written.secret_group.as_ref().map(|group| *group.get_ref()).or(before.and_then(|rule| rule.secret_group));
        let groups = pattern.as_ref().or(before.and_then(|rule| rule.pattern.as_ref())).map(Pattern::groups);
        if let (Some(group), Some(groups)) = (group, groups)
            && group > groups
        {
            let place = written.secret_group.as_ref().map(Spanned::span).or(written.regex.as_ref().map(Spanned::span));
            let message = format!("the rule `{id}` takes its value from group {group}, and its pattern has {groups}");
            self.problem(source, place.unwrap_or(0..0), message, "count the round brackets of `regex` from 1");
        }
        let lists: Vec<AllowList> =
            written.allowlist.into_iter().chain(written.allowlists).map(|list| self.list(source, list)).collect();
        let keywords: Vec<String> = written.keywords.iter().map(|keyword| keyword.to_ascii_lowercase()).collect();
        if let Some(empty) = keywords.iter().find(|keyword| keyword.is_empty()) {
            self.problem(source, written.id.span(), format!("a keyword of the rule `{id}` is empty{empty}"), "remove it");
        }
        if let Some(known) = self.rules.iter_mut().find(|rule| rule.id == id) {
            if known.own == own && own {
                self.problem(source, written.id.span(), format!("two rules are named `{id}`"), "give one another id");
                return;
            }
            known.description = written.description.unwrap_or_else(|| known.description.clone());
            known.path = path.or(known.path);
            known.secret_group = written.secret_group.map(Spanned::into_inner).or(known.secret_group);
            known.entropy = written.entropy.or(known.entropy);
            known.keywords.extend(keywords);
            known.tags.extend(written.tags);
            known.allowed.extend(lists);
            if pattern.is_some() {
                known.pattern = pattern;
            }
            return;
        }
        if written.regex.is_none() && written.path.is_none() {
            let help = "a rule needs a `regex`, a `path`, or both";
            self.problem(source, written.id.span(), format!("the rule `{id}` finds nothing"), help);
            return;
        }
        self.rules.push(Rule {
            description: written.description.unwrap_or_else(|| id.clone()),
            id,
            tags: written.tags,
            pattern,
            path,
            secret_group: written.secret_group.map(Spanned::into_inner),
            entropy: written.entropy,
            keywords,
            allowed: lists,
            reach: Reach::WHOLE,
            own,
        });
    }

    fn list(&mut self, source: &Arc<Source>, written: WrittenAllowList) -> AllowList {
        let all = match written.condition.as_ref().map(|text| text.get_ref().to_ascii_uppercase()).as_deref() {
            None | Some("" | "OR" | "||") => false,
            Some("AND" | "&&") => true,
            Some(other) => {
                let span = written.condition.as_ref().map_or(0..0, Spanned::span);
                self.problem(source, span, format!("`{other}` is no condition"), "write `AND` or `OR`");
                false
            }
        };
        let target = match written.regex_target.as_ref().map(|text| text.get_ref().as_str()) {
            None | Some("" | "secret") => Target::Secret,
            Some("match") => Target::Match,
            Some("line") => Target::Line,
            Some(other) => {
                let span = written.regex_target.as_ref().map_or(0..0, Spanned::span);
                self.problem(
                    source,
                    span,
                    format!("`{other}` is nothing to hold a pattern against"),
                    "write `secret`, `match` or `line`",
                );
                Target::Secret
            }
        };
        let patterns = written.regexes.iter().filter_map(|regex| self.pattern(source, regex)).collect();
        let paths = written.paths.iter().filter_map(|path| self.path(source, path)).collect();
        AllowList {
            all,
            target,
            patterns,
            paths,
            commits: written.commits.iter().map(|commit| commit.to_ascii_lowercase()).collect(),
            stopwords: written.stopwords.iter().map(|word| word.to_ascii_lowercase()).collect(),
            rules: written.target_rules,
        }
    }

    fn pattern(&mut self, source: &Arc<Source>, text: &Spanned<String>) -> Option<Pattern> {
        match Pattern::new(text.get_ref()) {
            Ok(pattern) => Some(pattern),
            Err(what) => {
                let help = "patterns have the syntax of Go's `regexp`: no look-ahead, no back-references";
                self.problem(source, text.span(), format!("this pattern cannot be used: {what}"), help);
                None
            }
        }
    }

    fn path(&mut self, source: &Arc<Source>, text: &Spanned<String>) -> Option<usize> {
        let pattern = self.pattern(source, text)?;
        self.paths.push(pattern);
        Some(self.paths.len() - 1)
    }
}
