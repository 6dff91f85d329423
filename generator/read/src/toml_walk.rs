//! A walk over TOML with places: what is written wrongly is reported where it stands, all of it at once.
//!
//! ```
//! # use std::sync::Arc;
//! # use avouch_model::diagnostic::Source;
//! # use avouch_read::toml_walk::{self, Walk};
//! let source = Arc::new(Source { path: "a.toml".into(), text: "nmae = 'x'".into() });
//! let document = toml_walk::parse(&source).unwrap();
//! let walk = Walk::new(&source);
//! let root = walk.root(&document);
//! let name = root.required("name").text();
//! root.finish();
//! let messages: Vec<_> = walk.problems().iter().map(|problem| problem.line()).collect();
//! assert_eq!(messages, ["a.toml:1:1: `name` is missing", "a.toml:1:1: no key is named `nmae` here"]);
//! ```

mod nearest;

use std::{cell::RefCell, collections::BTreeSet, ops::Range, str::FromStr, sync::Arc};

use avouch_model::{
    Json,
    diagnostic::{Diagnostic, Source},
    json::{INTEGER_MAX, Object},
};
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

pub use nearest::{nearest, suggestion};

/// The most syntax errors shown of one text: one unclosed bracket is many errors.
pub const SYNTAX_ERRORS_MAX: usize = 10;

/// Reads a text as TOML 1.1.
///
/// # Errors
/// The first syntax error of each line, at most [`SYNTAX_ERRORS_MAX`].
pub fn parse(source: &Arc<Source>) -> Result<Spanned<DeTable<'_>>, Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut lines = BTreeSet::new();
    let problems: Vec<Diagnostic> = errors
        .iter()
        .filter_map(|error| {
            let span = error.span().unwrap_or(0..0);
            let first = lines.insert(source.position(span.start).0);
            first.then(|| {
                Diagnostic::error("toml-syntax", source, span, format!("this is not TOML: {}", error.message()))
                    .label("read so far")
            })
        })
        .take(SYNTAX_ERRORS_MAX)
        .collect();
    if problems.is_empty() { Ok(document) } else { Err(problems) }
}

/// One walk over one text; collects what is wrong with it.
#[derive(Debug)]
pub struct Walk {
    source: Arc<Source>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl Walk {
    /// A walk over this text.
    pub fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), problems: RefCell::default() }
    }

    /// The text.
    pub const fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// A reader of the whole document.
    pub fn root<'w, 'v>(&'w self, document: &'v Spanned<DeTable<'v>>) -> TableReader<'w, 'v> {
        TableReader::new(self, String::new(), 0..0, document.get_ref())
    }

    /// Reports a mistake.
    pub fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// An error at a place of this text, to be completed and [reported](Self::report).
    pub fn error(&self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.source, span, message)
    }

    /// What was found wrong, in the order of the text.
    pub fn problems(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.span.start);
        problems
    }
}

/// Reads one table: every key is asked for by name, and [`finish`](Self::finish) reports the others.
#[derive(Debug)]
pub struct TableReader<'w, 'v> {
    walk: &'w Walk,
    path: String,
    span: Range<usize>,
    table: &'v DeTable<'v>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'w, 'v> TableReader<'w, 'v> {
    const fn new(walk: &'w Walk, path: String, span: Range<usize>, table: &'v DeTable<'v>) -> Self {
        Self { walk, path, span, table, asked: RefCell::new(BTreeSet::new()) }
    }

    /// The walk.
    pub const fn walk(&self) -> &'w Walk {
        self.walk
    }

    /// Where the table stands: its header or its braces; the start of the text for the whole document.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its dotted name, `targets.api`; empty for the whole document.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The key that must be there; its absence is reported.
    pub fn required(&self, key: &str) -> Field<'w, 'v> {
        let field = self.optional(key);
        if field.value.is_none() {
            let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
            self.walk.report(
                self.walk
                    .error("missing-key", self.span(), format!("`{key}` is missing{place}"))
                    .label("it belongs here")
                    .help(format!("add `{key} = …`")),
            );
        }
        field
    }

    /// The key that may be there.
    pub fn optional(&self, key: &str) -> Field<'w, 'v> {
        self.asked.borrow_mut().insert(key.to_owned());
        Field { walk: self.walk, path: self.below(key), value: self.table.get(key) }
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Every key with its value, in the order of the text: for tables whose keys are names.
    pub fn entries(&self) -> Vec<(Spanned<String>, Field<'w, 'v>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                self.asked.borrow_mut().insert(name.clone());
                let field = Field { walk: self.walk, path: self.below(&name), value: Some(value) };
                (Spanned::new(key.span(), name), field)
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// Reports every key that was not asked for, with the nearest name that was.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if asked.contains(name) {
                continue;
            }
            let place = if self.path.is_empty() { "here".to_owned() } else { format!("in `{}`", self.path) };
            self.walk.report(
                self.walk
                    .error("unknown-key", key.span(), format!("no key is named `{name}` {place}"))
                    .label("written here")
                    .help(suggestion(name, asked.iter().map(String::as_str))),
            );
        }
    }

    fn below(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The value of one key, perhaps absent. A value of another type is reported, with what was found; then there is none.
#[derive(Clone, Debug)]
pub struct Field<'w, 'v> {
    walk: &'w Walk,
    path: String,
    value: Option<&'v Spanned<DeValue<'v>>>,
}

impl<'w, 'v> Field<'w, 'v> {
    /// The walk.
    pub const fn walk(&self) -> &'w Walk {
        self.walk
    }

    /// Where the value stands; none when it is absent.
    pub fn span(&self) -> Option<Range<usize>> {
        self.value.map(Spanned::span)
    }

    /// Its dotted name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reports what is wrong with this value, and the way out.
    pub fn report(&self, code: &'static str, span: Range<usize>, message: impl Into<String>, way_out: impl Into<String>) {
        self.walk.report(self.walk.error(code, span, message).label("written here").help(way_out));
    }

    /// Whether it is a list, where a text would do as well.
    pub fn is_list(&self) -> bool {
        self.value.is_some_and(|value| value.get_ref().is_array())
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_some_and(|value| value.get_ref().is_table())
    }

    /// A text.
    pub fn text(&self) -> Option<Spanned<String>> {
        self.typed("a text in quotes", |value| value.as_str().map(str::to_owned))
    }

    /// A text that says something.
    pub fn words(&self) -> Option<Spanned<String>> {
        let text = self.text()?;
        if text.get_ref().trim().is_empty() {
            self.wrong(text.span(), format!("`{}` is empty", self.path), "write what it is");
            return None;
        }
        Some(text)
    }

    /// A whole number between these bounds, both inclusive.
    pub fn integer(&self, from: i64, to: i64) -> Option<Spanned<i64>> {
        let number = self.typed("a whole number", |value| value.as_integer().map(whole))?;
        match number.get_ref() {
            Some(value) if (from..=to).contains(value) => Some(Spanned::new(number.span(), *value)),
            _ => {
                let message = format!("`{}` is out of bounds", self.path);
                self.wrong(number.span(), message, format!("write a number from {from} to {to}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<Spanned<bool>> {
        self.typed("`true` or `false`", DeValue::as_bool)
    }

    /// A text that a type reads: a length of time, a digest. The type's own error is shown.
    pub fn parsed<T: FromStr>(&self) -> Option<Spanned<T>>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text()?;
        match text.get_ref().parse() {
            Ok(value) => Some(Spanned::new(text.span(), value)),
            Err(error) => {
                self.walk
                    .report(self.walk.error("bad-value", text.span(), format!("`{}`: {error}", self.path)).label("written here"));
                None
            }
        }
    }

    /// A calendar day, `2026-12-31`, with or without quotes.
    pub fn day(&self) -> Option<Spanned<avouch_model::time::Day>> {
        let day = self.typed("a day such as 2026-12-31", |value| match value {
            DeValue::Datetime(date) if date.time.is_none() => Some(date.to_string()),
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        })?;
        let read = chrono::NaiveDate::parse_from_str(day.get_ref(), "%Y-%m-%d");
        match read {
            Ok(date) if day.get_ref().len() == "2026-12-31".len() => {
                Some(Spanned::new(day.span(), avouch_model::time::Day::from_chrono(date)))
            }
            _ => {
                self.wrong(day.span(), format!("`{}` is not a day", self.path), "write it as 2026-12-31");
                None
            }
        }
    }

    /// One of these words; another one is reported with the nearest.
    pub fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| word == text.get_ref());
        if let Some((_, value)) = found {
            return Some(Spanned::new(text.span(), *value));
        }
        self.walk.report(
            self.walk
                .error("unknown-value", text.span(), format!("`{}` cannot be `{}`", self.path, text.get_ref()))
                .label("written here")
                .help(suggestion(text.get_ref(), words.iter().map(|(word, _)| *word))),
        );
        None
    }

    /// A list of texts; none when the key is absent, and without the items that are no texts.
    pub fn texts(&self) -> Option<Vec<Spanned<String>>> {
        let items = self.items("a list of texts")?;
        Some(items.iter().filter_map(Self::text).collect())
    }

    /// A list of whole numbers between these bounds; as [`texts`](Self::texts).
    pub fn integers(&self, from: i64, to: i64) -> Option<Vec<Spanned<i64>>> {
        let items = self.items("a list of whole numbers")?;
        Some(items.iter().filter_map(|item| item.integer(from, to)).collect())
    }

    /// A table.
    pub fn table(&self) -> Option<TableReader<'w, 'v>> {
        let value = self.value?;
        let Some(table) = value.get_ref().as_table() else {
            self.other_type(value, "a table");
            return None;
        };
        Some(TableReader::new(self.walk, self.path.clone(), value.span(), table))
    }

    /// A list of tables (`[[name]]`), in order; empty when the key is absent.
    pub fn tables(&self) -> Vec<TableReader<'w, 'v>> {
        let items = self.items("a list of tables, `[[…]]`").unwrap_or_default();
        items.iter().filter_map(Self::table).collect()
    }

    /// Any value as it is recorded: dates become texts, fractions are refused.
    pub fn json(&self) -> Option<Spanned<Json>> {
        let value = self.value?;
        Some(Spanned::new(value.span(), self.record(value)?))
    }

    /// A table of any values.
    pub fn object(&self) -> Option<Spanned<Object>> {
        self.table()?;
        let json = self.json()?;
        let span = json.span();
        match json.into_inner() {
            Json::Object(object) => Some(Spanned::new(span, object)),
            _ => None,
        }
    }

    fn items(&self, expected: &str) -> Option<Vec<Self>> {
        let value = self.value?;
        let Some(list) = value.get_ref().as_array() else {
            self.other_type(value, expected);
            return None;
        };
        let item = |value| Self { walk: self.walk, path: self.path.clone(), value: Some(value) };
        Some(list.iter().map(item).collect())
    }

    fn record(&self, value: &Spanned<DeValue<'_>>) -> Option<Json> {
        match value.get_ref() {
            DeValue::String(text) => Some(Json::Text(text.to_string())),
            DeValue::Boolean(truth) => Some(Json::Bool(*truth)),
            DeValue::Datetime(time) => Some(Json::Text(time.to_string())),
            DeValue::Integer(number) => {
                let number = whole(number).filter(|number| number.unsigned_abs() <= INTEGER_MAX.unsigned_abs());
                if number.is_none() {
                    self.wrong(value.span(), "the number is too large", "numbers go up to 2^53 − 1");
                }
                number.map(Json::Integer)
            }
            DeValue::Float(_) => {
                let way_out = "write a whole number in a smaller unit, or a text";
                self.wrong(value.span(), "fractions are not recorded", way_out);
                None
            }
            DeValue::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.record(item)).collect();
                items.into_iter().collect::<Option<_>>().map(Json::List)
            }
            DeValue::Table(members) => {
                let members: Vec<_> =
                    members.iter().map(|(key, member)| Some((key.get_ref().to_string(), self.record(member)?))).collect();
                members.into_iter().collect::<Option<_>>().map(Json::Object)
            }
        }
    }

    fn typed<T>(&self, expected: &str, read: impl Fn(&DeValue<'v>) -> Option<T>) -> Option<Spanned<T>> {
        let value = self.value?;
        let found = read(value.get_ref());
        if found.is_none() {
            self.other_type(value, expected);
        }
        found.map(|found| Spanned::new(value.span(), found))
    }

    fn other_type(&self, value: &Spanned<DeValue<'_>>, expected: &str) {
        self.walk.report(
            self.walk
                .error(
                    "wrong-type",
                    value.span(),
                    format!("`{}` must be {expected}, and is {}", self.path, type_name(value.get_ref())),
                )
                .label("written here"),
        );
    }

    fn wrong(&self, span: Range<usize>, message: impl Into<String>, way_out: impl Into<String>) {
        self.walk.report(self.walk.error("bad-value", span, message).label("written here").help(way_out));
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

const fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests;
