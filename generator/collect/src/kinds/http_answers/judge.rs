//! What the answers say against what was promised of them.

use std::collections::BTreeSet;

use super::{
    super::http_call::{is_success, listed, or_ok},
    Answer, Seen,
    asked::{Asked, Case, Shape, TraceAsked},
};

/// What is wrong, in the order of the cases.
pub(super) fn findings(seen: &Seen, asked: &Asked) -> Vec<String> {
    let mut findings = Vec::new();
    for answer in &seen.answers {
        if let Some(case) = asked.cases.get(answer.case) {
            let mut wrong = Vec::new();
            of_case(answer, case, &mut wrong);
            of_all(answer, asked, &mut wrong);
            findings.extend(wrong.into_iter().map(|what| format!("{} ({}): {what}", case.name, answer.call)));
        }
    }
    if asked.trace.is_some() {
        let made = |answer: &&Answer| asked.cases.get(answer.case).is_none_or(|case| case.trace_from.is_none());
        let ids: Vec<_> = seen.answers.iter().filter(made).filter_map(id).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        if distinct.len() < ids.len() {
            findings.push(format!("{} answers share {} ids", ids.len(), distinct.len()));
        }
    }
    findings
}

fn id(answer: &Answer) -> Option<String> {
    let trace = answer.trace.as_ref()?;
    trace.header.as_ref().or(trace.body.as_ref()).map(|id| id.digest.to_string())
}

/// Against what its own case demands.
fn of_case(answer: &Answer, case: &Case, wrong: &mut Vec<String>) {
    let expected = or_ok(&case.status, answer.ok);
    if !expected.contains(&answer.status) {
        wrong.push(format!("answered with {}, expected {}", answer.status, listed(&expected)));
    }
    if let Some(code) = &case.code
        && answer.code.as_ref() != Some(code)
    {
        wrong.push(format!("the code is {}, expected `{code}`", told(answer)));
    }
    for (name, matches) in &answer.headers {
        if !matches {
            wrong.push(format!("the header `{name}` is missing or not as promised"));
        }
    }
    for (name, number) in &answer.numbers {
        match number.told {
            Some(told) if told == number.promised => {}
            Some(told) => wrong.push(format!("the header `{name}` says {told}, promised is {}", number.promised)),
            None => wrong.push(format!("the header `{name}` is missing or no number")),
        }
    }
    for name in answer.moments.iter().filter(|(_, told)| told.is_none()).map(|(name, _)| name) {
        wrong.push(format!("the header `{name}` is missing, or tells no moment within the time that is promised"));
    }
    for (name, absent) in &answer.absent {
        if !absent {
            wrong.push(format!("the header `{name}` must not be there"));
        }
    }
    for (pointer, holds) in &answer.values {
        if !holds {
            wrong.push(format!("`{pointer}` does not hold what it must"));
        }
    }
    if let Some(trace) = &answer.trace {
        if trace.is_from == Some(false) {
            wrong.push(format!("its id is not that of `{}`", case.trace_from.as_deref().unwrap_or_default()));
        }
        if trace.is_refused == Some(true) {
            wrong.push(format!("its id was taken from `{}`", case.trace_not_from.as_deref().unwrap_or_default()));
        }
    }
}

/// Against what is demanded of every answer.
fn of_all(answer: &Answer, asked: &Asked, wrong: &mut Vec<String>) {
    let (is_error, is_served) = (answer.status >= 400, is_success(answer.status));
    if is_error && !asked.codes.is_empty() {
        match answer.code.as_ref().and_then(|code| asked.codes.get(code)) {
            Some(status) if *status == answer.status => {}
            Some(status) => wrong.push(format!("the code {} belongs to {status}, not to {}", told(answer), answer.status)),
            None => wrong.push(format!("the code is {}, which is none of the {} known", told(answer), asked.codes.len())),
        }
    }
    let shapes = [asked.error.as_ref().filter(|_| is_error), asked.success.as_ref().filter(|_| is_served && answer.json)];
    for shape in shapes.into_iter().flatten() {
        shaped(answer, shape, wrong);
    }
    for (pattern, matched) in asked.forbids.iter().zip(&answer.forbids) {
        if *matched {
            wrong.push(format!("the answer holds what matches `{}`", pattern.as_str()));
        }
    }
    if let (Some(trace), Some(seen)) = (&asked.trace, &answer.trace) {
        traced(trace, seen, is_error || answer.json, wrong);
    }
}

fn shaped(answer: &Answer, shape: &Shape, wrong: &mut Vec<String>) {
    if !answer.json {
        wrong.push("the answer is no JSON".to_owned());
    }
    for path in &shape.required {
        if answer.json && !answer.properties.contains(path) {
            wrong.push(format!("the property {path} is missing"));
        }
    }
    if shape.allowed.is_empty() {
        return;
    }
    for path in &answer.properties {
        let parent = format!("{path}/");
        if !shape.allowed.iter().any(|allowed| allowed == path || allowed.starts_with(&parent)) {
            wrong.push(format!("the property {path} is not among those that may be there"));
        }
    }
}

fn traced(asked: &TraceAsked, seen: &super::Trace, has_body: bool, wrong: &mut Vec<String>) {
    if asked.header.is_some() && seen.header.is_none() {
        wrong.push("no header carries its id".to_owned());
    }
    if asked.body.is_some() && has_body && seen.body.is_none() {
        wrong.push("its body carries no id".to_owned());
    }
    if let (Some(header), Some(body)) = (&seen.header, &seen.body)
        && header.digest != body.digest
    {
        wrong.push("header and body carry different ids".to_owned());
    }
    for id in [&seen.header, &seen.body].into_iter().flatten() {
        if !id.formed {
            wrong.push("its id does not have the form that ids may have".to_owned());
        }
        if id.forbidden {
            wrong.push("its id says something that it must not".to_owned());
        }
    }
}

/// The code, for a sentence.
fn told(answer: &Answer) -> String {
    answer.code.as_ref().map_or_else(|| "missing".to_owned(), |code| format!("`{}`", code.escape_debug()))
}
