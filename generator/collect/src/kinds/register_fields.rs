//! The fields of a register's records: what a field may say, and what of that a record breaks. For `register.records`.

use std::collections::BTreeMap;

use avouch_model::{Span, Timestamp, time::Day};
use avouch_read::structured::{Node, Value};
use serde::Deserialize;

use crate::parameters::Pattern;

/// What one field of a record holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    #[serde(default, rename = "type")]
    form: Form,
    /// It may be left out.
    #[serde(default)]
    optional: bool,
    /// Each value is one of these.
    #[serde(default)]
    one_of: Vec<String>,
    /// Each value matches this as a whole.
    matches: Option<Pattern>,
    /// No part of a value matches this.
    forbid: Option<Pattern>,
    #[serde(default)]
    words_min: usize,
    at_least: Option<i64>,
    at_most: Option<i64>,
    /// How many values there may be.
    items_max: Option<usize>,
    /// No value is also in that field.
    differs: Option<String>,
    /// No value is in that field of any record.
    pub(super) differs_from_all: Option<String>,
    /// A time that has come.
    #[serde(default)]
    past: bool,
    /// A time that has not yet passed.
    #[serde(default)]
    future: bool,
    /// How long ago the time may lie.
    not_older: Option<Span>,
    /// A field with a time that is not after this one.
    after: Option<String>,
    /// How long after that time at most.
    within: Option<Span>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    #[default]
    Text,
    /// A list of texts, not empty.
    Texts,
    Integer,
    Boolean,
    /// A day, or a time with its offset.
    Time,
    /// Anything; its rules hold for the texts in it.
    Any,
}

/// What is written in a field: one value, or those of a list.
pub(super) fn values(node: &Node) -> Vec<String> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(Node::as_written).map(str::to_owned).collect(),
        _ => node.as_written().map(str::to_owned).into_iter().collect(),
    }
}

/// A time as registers write it: a day (its beginning, UTC) or a time with its offset.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| text.parse::<Day>().ok().map(Day::start))
}

/// What a record breaks in one field, a sentence each; never what it says there.
pub(super) fn broken(
    name: &str,
    field: &Field,
    node: Option<&Node>,
    record: &BTreeMap<String, Vec<String>>,
    now: Timestamp,
) -> Vec<String> {
    let Some(node) = node.filter(|node| node.value != Value::Null) else {
        return if field.optional { vec![] } else { vec![format!("`{name}` is missing")] };
    };
    let found = values(node);
    if !field.form.is_of(node, &found) {
        return vec![format!("`{name}` is {}, and must be {}", node.kind(), field.form.shown())];
    }
    let mut wrong = Vec::new();
    if !field.one_of.is_empty() && found.iter().any(|value| !field.one_of.contains(value)) {
        wrong.push(format!("`{name}` must be {}", field.one_of.join(" or ")));
    }
    if let Some(pattern) = &field.matches
        && found.iter().any(|value| !pattern.is_whole(value))
    {
        wrong.push(format!("`{name}` must match `{}`", pattern.as_str()));
    }
    if let Some(pattern) = &field.forbid
        && found.iter().any(|value| pattern.is_match(value))
    {
        wrong.push(format!("`{name}` must not match `{}`", pattern.as_str()));
    }
    if let Some(most) = field.items_max.filter(|most| found.len() > *most) {
        wrong.push(format!("`{name}` holds {} values, and at most {most} may be there", found.len()));
    }
    let words = |value: &String| value.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    if found.iter().any(|value| words(value) < field.words_min) {
        wrong.push(format!("`{name}` must be said in at least {} words", field.words_min));
    }
    if let Some(number) = node.as_integer() {
        if field.at_least.is_some_and(|least| number < least) {
            wrong.push(format!("`{name}` is {number}, and at least {} is asked", field.at_least.unwrap_or_default()));
        }
        if field.at_most.is_some_and(|most| number > most) {
            wrong.push(format!("`{name}` is {number}, and at most {} is asked", field.at_most.unwrap_or_default()));
        }
    }
    if let Some(other) = &field.differs
        && record.get(other).is_some_and(|others| others.iter().any(|value| found.contains(value)))
    {
        wrong.push(format!("`{name}` must differ from `{other}`"));
    }
    wrong.extend(times(name, field, &found, record, now));
    wrong
}

fn times(name: &str, field: &Field, found: &[String], record: &BTreeMap<String, Vec<String>>, now: Timestamp) -> Vec<String> {
    let mut wrong = Vec::new();
    for text in found {
        let (Some(own), true) = (time(text), field.form == Form::Time) else { continue };
        // A day lasts to its end: a credential that ends today is still in date.
        let end = text.parse::<Day>().map_or(own, Day::end);
        if field.past && own > now {
            wrong.push(format!("`{name}` lies in the future"));
        }
        if field.future && end < now {
            wrong.push(format!("`{name}` has passed"));
        }
        if let Some(span) = field.not_older
            && span.after(own) < now
        {
            wrong.push(format!("`{name}` is longer ago than {span}"));
        }
        let Some(after) = &field.after else { continue };
        match record.get(after).and_then(|values| time(values.first()?)) {
            None => wrong.push(format!("`{name}` cannot be compared: `{after}` holds no time")),
            Some(start) if own < start => wrong.push(format!("`{name}` lies before `{after}`")),
            Some(start) if field.within.is_some_and(|span| span.after(start) < own) => {
                let span = field.within.map(|span| span.to_string()).unwrap_or_default();
                wrong.push(format!("`{name}` is more than {span} after `{after}`"));
            }
            Some(_) => {}
        }
    }
    wrong
}

impl Form {
    fn is_of(self, node: &Node, found: &[String]) -> bool {
        match self {
            Self::Text => node.as_text().is_some_and(|text| !text.trim().is_empty()),
            Self::Texts => {
                let items = node.as_list().unwrap_or_default();
                !items.is_empty() && items.iter().all(|item| item.as_text().is_some_and(|text| !text.trim().is_empty()))
            }
            Self::Integer => node.as_integer().is_some(),
            Self::Boolean => node.as_bool().is_some(),
            Self::Any => true,
            Self::Time => node.as_text().is_some() && found.iter().all(|text| time(text).is_some()),
        }
    }

    const fn shown(self) -> &'static str {
        match self {
            Self::Text => "a text that says something",
            Self::Texts => "a list of texts that is not empty",
            Self::Integer => "a whole number",
            Self::Boolean => "`true` or `false`",
            Self::Time => "a day, or a time with its offset",
            Self::Any => "anything",
        }
    }
}
