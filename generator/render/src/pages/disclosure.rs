//! The disclosure policy: one source for the page in both languages and for `SECURITY.md`.

use avouch_model::payload::DisclosurePromise;
use serde_json::json;

use crate::{
    escape::{Html, fill},
    language::Language,
    markdown,
    page::{Block, Page, Section},
    pen::{Pen, Site},
};

const ENGLISH: &str = include_str!("../../../../site/content/disclosure.en.md");
const FRENCH: &str = include_str!("../../../../site/content/disclosure.fr.md");

/// The control of the built-in profiles that holds these promises against the register of cases; others may have none.
const CONTROL: &str = "disclosure";

/// The page.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let w = pen.w;
    let promise = &pen.site.view.scope.disclosure;
    let mut page = Page::new(Section::Disclosure, "disclosure", w.disclosure_title);
    match policy(pen.site, pen.lang) {
        Some(policy) => {
            if let Some(contact) = &promise.contact {
                page.lede
                    .push(Html::fill(w.disclosure_lede, &[("contact", &crate::pages::overview::contact_link(pen, contact))]));
            }
            if pen.site.controls.contains_key(CONTROL) {
                let state = pen.control_state(CONTROL);
                page.paragraph(Html::fill(w.disclosure_stands, &[("state", &state), ("control", &pen.control(CONTROL))]));
            }
            page.blocks.push(Block::Prose(markdown::render(&policy)));
        }
        None => {
            page.lede.push(Html::text(w.disclosure_none));
            page.paragraph(Html::fill(w.report_unconfigured, &[("key", &Html::format("<code>disclosure.contact</code>", &[]))]));
        }
    }
    page.twin = json!({ "v": 1, "disclosure": promise });
    page
}

/// The policy as Markdown; none without a contact: a policy that nobody can use is not one.
pub(crate) fn policy(site: &Site<'_>, lang: Language) -> Option<String> {
    let product = &site.view.scope.product.name;
    let promise = &site.view.scope.disclosure;
    let contact = promise.contact.as_deref()?;
    let source = match lang {
        Language::En => ENGLISH,
        Language::Fr => FRENCH,
    };
    let triage = promise.triage_within.map(|span| lang.promise(span));
    let fixes = fixes(promise, lang);
    let values = [
        ("product", Some(markdown::literal(product))),
        ("contact", Some(markdown::link(contact))),
        ("triage_within", triage),
        ("fix_within", (!fixes.is_empty()).then_some(fixes)),
    ];
    Some(filled(source, &values))
}

/// One item for each severity, gravest first.
fn fixes(promise: &DisclosurePromise, lang: Language) -> String {
    let w = lang.words();
    let rank = |severity: &str| ["critical", "high", "medium", "low"].iter().position(|known| *known == severity);
    let mut fixes: Vec<_> = promise.fix_within.iter().collect();
    fixes.sort_by_key(|(severity, _)| (rank(severity).unwrap_or(usize::MAX), severity.as_str()));
    let lines: Vec<String> = fixes
        .into_iter()
        .map(|(severity, span)| {
            let word = match severity.as_str() {
                "critical" => w.fix_critical.to_owned(),
                "high" => w.fix_high.to_owned(),
                "medium" => w.fix_medium.to_owned(),
                "low" => w.fix_low.to_owned(),
                other => markdown::literal(other),
            };
            fill(w.fix_line, &[("severity", &word), ("span", &lang.promise(*span))])
        })
        .collect();
    lines.join("\n")
}

/// Fills `{name}`; a line that needs a value which is not promised is left out.
fn filled(source: &str, values: &[(&str, Option<String>)]) -> String {
    let known: Vec<(&str, &str)> = values.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
    let missing: Vec<String> =
        values.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| format!("{{{name}}}")).collect();
    let mut out = String::with_capacity(source.len() + 256);
    for line in source.lines() {
        if !missing.iter().any(|name| line.contains(name)) {
            out.push_str(&fill(line, &known));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_not_made_is_not_printed() {
        let out = filled("a {x}\nb {y}\nc", &[("x", Some("1 {y}".to_owned())), ("y", None)]);
        assert_eq!(out, "a 1 {y}\nc\n");
    }

    #[test]
    fn both_languages_use_the_same_placeholders() {
        for name in ["{product}", "{contact}", "{triage_within}", "{fix_within}"] {
            assert_eq!(ENGLISH.matches(name).count(), FRENCH.matches(name).count(), "{name}");
            assert!(ENGLISH.contains(name), "{name}");
        }
        let headings = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
        assert_eq!(headings(ENGLISH), headings(FRENCH));
    }
}
