//! How an audit is printed: for people, for programs, for code scanning views, for comments.

use std::{collections::BTreeSet, fmt::Write as _};

use avouch_advise::{AffectedComponent, Asked, Bom, Certainty, Class, Match, Report};
use avouch_model::state::{State, Verdict};
use serde_json::{Value, json};

use crate::{
    markdown::escaped,
    output::{Output, plain},
    pipeline::scoping,
};

/// How a match stands in this audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It fails.
    Fails,
    /// It would fail, if it were certain.
    Unsure,
    /// It is below what fails.
    Below,
    /// It informs.
    Informs,
    /// It is let pass.
    Ignored,
}

impl Standing {
    fn of(matched: &Match, asked: &Asked) -> Self {
        let open = |certain: bool| {
            matched.components.iter().any(|one| one.ignored.is_none() && (one.certainty == Certainty::Certain) == certain)
        };
        if matched.components.iter().all(|component| component.ignored.is_some()) {
            Self::Ignored
        } else if matched.class != Class::Vulnerability {
            Self::Informs
        } else if !matched.severity.reaches(asked.fail_on) {
            Self::Below
        } else if open(true) {
            Self::Fails
        } else {
            Self::Unsure
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Unsure => "unsure",
            Self::Below => "below",
            Self::Informs => "informs",
            Self::Ignored => "ignored",
        }
    }
}

/// For people.
pub(super) fn text(output: &Output, report: &Report, bom: &Bom, asked: &Asked) -> String {
    let mut text = String::new();
    for matched in &report.matches {
        let standing = Standing::of(matched, asked);
        let state = match standing {
            Standing::Fails => State::Fail,
            Standing::Unsure => State::Error,
            Standing::Ignored => State::Waived,
            Standing::Below | Standing::Informs => State::NotApplicable,
        };
        let mark = output.state(state);
        let mark = mark.split(' ').next().unwrap_or_default();
        let _ = writeln!(text, "{mark} {}  {}", output.strong(&plain(&matched.id)), grade(matched));
        if !matched.summary.is_empty() {
            let _ = writeln!(text, "  {}", plain(&matched.summary));
        }
        if !matched.aliases.is_empty() {
            let _ = writeln!(text, "  {}", output.faint(&plain(&matched.aliases.join(", "))));
        }
        for component in &matched.components {
            let _ = writeln!(text, "  {}", plain(&sentence(component)));
            let path = bom.path_to(&component.reference);
            if path.len() > 2 {
                let _ = writeln!(text, "    {}", output.faint(&plain(&path.join(" → "))));
            }
        }
        text.push('\n');
    }
    for doubt in &report.doubts {
        let _ = writeln!(text, "? {}", plain(doubt));
    }
    if !report.doubts.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", plain(&summary(report, asked)));
    let _ = writeln!(text, "{}", output.faint(&plain(&asked_of(report))));
    text
}

/// How grave, in words: `high 7.5`, `unmaintained`.
fn grade(matched: &Match) -> String {
    if matched.class != Class::Vulnerability {
        return matched.class.name().to_owned();
    }
    match matched.severity.score() {
        Some(score) => format!("{} {score}", matched.severity.name()),
        None if matched.severity.rating.is_none() => "severity unknown".to_owned(),
        None => matched.severity.name().to_owned(),
    }
}

fn sentence(component: &AffectedComponent) -> String {
    let mut text = label(component);
    if component.scope != avouch_advise::Scope::Required {
        let _ = write!(text, " ({})", component.scope.name());
    }
    match component.certainty {
        Certainty::Certain => {}
        Certainty::Possible => text.push_str(": possible, it is a copy from elsewhere"),
        Certainty::Undecided => text.push_str(": cannot be told from its version"),
    }
    match component.fixed.as_slice() {
        [] => text.push_str(", no fixed version is named"),
        fixed => {
            let _ = write!(text, ", fixed in {}", fixed.join(" and "));
        }
    }
    if let Some(ignored) = &component.ignored {
        let by = ignored.approved.as_ref().map(|approved| format!(" ({}, approved by {})", approved.decision, approved.by));
        let _ = write!(text, "; ignored through {}{}: {}", ignored.expires, by.unwrap_or_default(), ignored.reason);
    }
    text
}

fn label(component: &AffectedComponent) -> String {
    match &component.version {
        Some(version) => format!("{} {version}", component.name),
        None => component.name.clone(),
    }
}

fn summary(report: &Report, asked: &Asked) -> String {
    let count = |wanted: Standing| report.matches.iter().filter(|matched| Standing::of(matched, asked) == wanted).count();
    let verdict = match report.verdict {
        Verdict::Satisfied => "no known vulnerability",
        Verdict::NotSatisfied => "known vulnerabilities",
        Verdict::CouldNotTell => "could not tell",
    };
    format!(
        "{verdict}, from {} on: {} fail, {} unsure, {} below, {} inform, {} ignored; {} of {} components looked at",
        asked.fail_on,
        count(Standing::Fails),
        count(Standing::Unsure),
        count(Standing::Below),
        count(Standing::Informs),
        count(Standing::Ignored),
        report.examined(),
        report.counted.components,
    )
}

/// Which database, and how old.
fn asked_of(report: &Report) -> String {
    let facts = &report.database;
    let digest = facts.digest.map_or_else(|| "nothing".to_owned(), |digest| digest.short());
    let used = facts.ecosystems.iter().filter(|(name, _)| report.counted.ecosystems.contains_key(*name));
    let each: Vec<String> = used
        .map(|(name, known)| {
            let newest = known.newest.map_or_else(|| "undated".to_owned(), |newest| newest.day().to_string());
            format!("{name} {} newest {newest}", known.advisories)
        })
        .collect();
    let each = if each.is_empty() { String::new() } else { format!("; {}", each.join(", ")) };
    format!("database {digest}: {} advisories, {} withdrawn{each}", facts.advisories, facts.withdrawn)
}

/// For programs; the first two members name the format.
pub(super) fn json(report: &Report, bom: &Bom, asked: &Asked) -> anyhow::Result<String> {
    let mut matches = Vec::new();
    for matched in &report.matches {
        let mut shown = serde_json::to_value(matched)?;
        if let Some(members) = shown.as_object_mut() {
            members.insert("standing".to_owned(), json!(Standing::of(matched, asked).name()));
            if let Some(components) = members.get_mut("components").and_then(Value::as_array_mut) {
                for (shown, component) in components.iter_mut().zip(&matched.components) {
                    if let Some(members) = shown.as_object_mut() {
                        members.insert("path".to_owned(), json!(bom.path_to(&component.reference)));
                    }
                }
            }
        }
        matches.push(shown);
    }
    let document = json!({
        "format": "avouch-audit",
        "v": 1,
        "program": scoping::program(),
        "at": asked.now,
        "fail_on": asked.fail_on,
        "max_age": asked.max_age,
        "verdict": report.verdict,
        "database": report.database,
        "counted": report.counted,
        "matches": matches,
        "doubts": report.doubts,
        "warnings": report.warnings,
    });
    Ok(format!("{document:#}\n"))
}

/// SARIF 2.1.0: one rule a match, one result a component.
pub(super) fn sarif(report: &Report, bom: &Bom, place: &str, asked: &Asked) -> anyhow::Result<String> {
    let (mut rules, mut results) = (Vec::new(), Vec::new());
    for (index, matched) in report.matches.iter().enumerate() {
        let mut properties = json!({ "tags": ["security", matched.class.name()], "aliases": matched.aliases });
        if let (Some(score), Some(members)) = (matched.severity.score(), properties.as_object_mut()) {
            members.insert("security-severity".to_owned(), json!(score));
        }
        let short = if matched.summary.is_empty() { &matched.id } else { &matched.summary };
        rules.push(json!({ "id": matched.id, "shortDescription": { "text": short }, "properties": properties }));
        let level = match Standing::of(matched, asked) {
            Standing::Fails => "error",
            Standing::Unsure | Standing::Below => "warning",
            Standing::Informs | Standing::Ignored => "note",
        };
        for component in &matched.components {
            let mut result = json!({
                "ruleId": matched.id,
                "ruleIndex": index,
                "level": level,
                "message": { "text": format!("{}: {}", grade(matched), sentence(component)) },
                "locations": [{
                    "physicalLocation": { "artifactLocation": { "uri": place } },
                    "logicalLocations": [{
                        "name": component.purl,
                        "fullyQualifiedName": bom.path_to(&component.reference).join(" → "),
                        "kind": "package",
                    }],
                }],
                "partialFingerprints": { "avouchAdvisory/v1": format!("{}:{}", matched.id, component.purl) },
            });
            if let (Some(ignored), Some(members)) = (&component.ignored, result.as_object_mut()) {
                let suppression = json!([{ "kind": "external", "status": "accepted", "justification": ignored.reason }]);
                members.insert("suppressions".to_owned(), suppression);
            }
            results.push(result);
        }
    }
    // What could not be told is no result; a reader of the file must see it all the same.
    let notes: Vec<Value> = report.doubts.iter().map(|doubt| json!({ "level": "error", "message": { "text": doubt } })).collect();
    let program = scoping::program();
    let (name, version) = program.split_once(' ').unwrap_or((&program, ""));
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": name, "version": version, "rules": rules } },
            "invocations": [{
                "executionSuccessful": report.doubts.is_empty(),
                "endTimeUtc": asked.now.to_string(),
                "toolExecutionNotifications": notes,
            }],
            "results": results,
        }],
    });
    Ok(format!("{document:#}\n"))
}

/// A table for a comment.
pub(super) fn markdown(report: &Report, asked: &Asked) -> String {
    let mut text = format!("**{}**\n", escaped(&summary(report, asked)));
    if !report.matches.is_empty() {
        text.push_str("\n| advisory | severity | component | fixed in | |\n|---|---|---|---|---|\n");
    }
    for matched in &report.matches {
        let components: BTreeSet<String> = matched.components.iter().map(label).collect();
        let fixed: BTreeSet<&str> =
            matched.components.iter().flat_map(|component| &component.fixed).map(String::as_str).collect();
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} | {} |",
            escaped(&matched.id),
            escaped(&matched.summary),
            grade(matched),
            escaped(&components.into_iter().collect::<Vec<_>>().join(", ")),
            escaped(&fixed.into_iter().collect::<Vec<_>>().join(", ")),
            Standing::of(matched, asked).name(),
        );
    }
    if !report.doubts.is_empty() {
        text.push('\n');
    }
    for doubt in &report.doubts {
        let _ = writeln!(text, "- could not tell: {}", escaped(doubt));
    }
    let _ = writeln!(text, "\n{}", escaped(&asked_of(report)));
    text
}
