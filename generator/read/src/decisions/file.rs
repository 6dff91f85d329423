//! One decision file as it is written: typed, people by name still, no signature looked at.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use avouch_model::{
    Digest, Json,
    decision::{Decision, TERM_DAYS_MAX},
    diagnostic::{Diagnostic, Source},
    json::Object,
    product::Person,
    time::Day,
};
use toml::Spanned;

use super::REVIEW_DAYS_MAX;
use crate::toml_walk::{self, Field, TableReader, Walk, suggestion};

/// A decision with the names that its signatures are looked up by.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) decision: Decision,
    pub(super) span: Range<usize>,
    /// Who must have signed.
    pub(super) signer: String,
    /// Who carries an exception, and must be somebody else.
    pub(super) owner: Option<String>,
}

/// Reads the decisions of a file, in order.
pub(super) fn read(source: &Arc<Source>, people: &BTreeMap<String, Person>, today: Day) -> Result<Vec<Written>, Vec<Diagnostic>> {
    let document = toml_walk::parse(source)?;
    let walk = Walk::new(source);
    let root = walk.root(&document);
    let reader = Reader { people, today };
    let mut written = Vec::new();
    for key in ["waiver", "ignore", "attestation", "provider", "gap", "not_applicable"] {
        for table in root.optional(key).tables() {
            written.extend(match key {
                "waiver" => reader.waiver(&table),
                "ignore" => reader.ignore(&table),
                "attestation" => reader.attestation(&table),
                "provider" => reader.provider(&table),
                "gap" => reader.gap(&table),
                _ => reader.not_applicable(&table),
            });
            table.finish();
        }
    }
    root.finish();
    let problems = walk.problems();
    if problems.is_empty() { Ok(written) } else { Err(problems) }
}

struct Reader<'a> {
    people: &'a BTreeMap<String, Person>,
    today: Day,
}

impl Reader<'_> {
    fn waiver(&self, table: &TableReader<'_, '_>) -> Option<Written> {
        let id = id(&table.required("id"));
        let check = id_like(&table.required("check"));
        let reason = published(&table.required("reason"));
        let owner = self.person(&table.required("owner"));
        let approver = self.person(&table.required("approver"));
        let expires = self.day(&table.required("expires"), TERM_DAYS_MAX);
        let ((owner, owner_role), (approver, approver_role)) = (owner?, approver?);
        Some(Written {
            decision: Decision::Waiver {
                id: id?,
                check: check?,
                reason: reason?,
                owner: owner_role,
                approver: approver_role,
                expires: expires?,
            },
            span: table.span(),
            signer: approver,
            owner: Some(owner),
        })
    }

    fn ignore(&self, table: &TableReader<'_, '_>) -> Option<Written> {
        let id = id(&table.required("id"));
        let advisory = id_like(&table.required("advisory"));
        let package = published(&table.optional("package"));
        let reason = published(&table.required("reason"));
        let owner = self.person(&table.required("owner"));
        let approver = self.person(&table.required("approver"));
        let expires = self.day(&table.required("expires"), TERM_DAYS_MAX);
        let ((owner, owner_role), (approver, approver_role)) = (owner?, approver?);
        Some(Written {
            decision: Decision::Ignore {
                id: id?,
                advisory: advisory?,
                package,
                reason: reason?,
                owner: owner_role,
                approver: approver_role,
                expires: expires?,
            },
            span: table.span(),
            signer: approver,
            owner: Some(owner),
        })
    }

    fn attestation(&self, table: &TableReader<'_, '_>) -> Option<Written> {
        let id = id(&table.required("id"));
        let statement = published(&table.required("statement"));
        let figures = figures(&table.optional("figures"));
        let by = self.person(&table.required("by"));
        let expires = self.day(&table.required("expires"), TERM_DAYS_MAX);
        let (by, role) = by?;
        let decision = Decision::Attestation { id: id?, statement: statement?, figures, by: role, expires: expires? };
        Some(signed_by(by, decision, table))
    }

    fn provider(&self, table: &TableReader<'_, '_>) -> Option<Written> {
        let id = id(&table.required("id"));
        let provider = published(&table.required("provider"));
        let statement = published(&table.required("statement"));
        let source = self.source(&table.required("source"));
        let retrieved = self.past(&table.required("retrieved"));
        let digest = table.required("digest").parsed::<Digest>();
        let by = self.person(&table.required("by"));
        let expires = self.day(&table.required("expires"), REVIEW_DAYS_MAX);
        let (by, role) = by?;
        let decision = Decision::Provider {
            id: id?,
            provider: provider?,
            statement: statement?,
            source: source?,
            retrieved: retrieved?,
            digest: digest?.into_inner(),
            by: role,
            expires: expires?,
        };
        Some(signed_by(by, decision, table))
    }

    fn gap(&self, table: &TableReader<'_, '_>) -> Option<Written> {
        let requirement = id_like(&table.required("requirement"));
        let reason = published(&table.required("reason"));
        let owner = self.person(&table.required("owner"));
        let due = self.day(&table.required("due"), REVIEW_DAYS_MAX);
        let (owner, role) = owner?;
        let decision = Decision::Gap { requirement: requirement?, reason: reason?, owner: role, due: due? };
        Some(signed_by(owner, decision, table))
    }

    fn not_applicable(&self, table: &TableReader<'_, '_>) -> Option<Written> {
        let id = id_like(&table.required("id"));
        let reason = published(&table.required("reason"));
        let approver = self.person(&table.required("approver"));
        let review = self.day(&table.required("review"), REVIEW_DAYS_MAX);
        let (approver, role) = approver?;
        let decision = Decision::NotApplicable { id: id?, reason: reason?, approver: role, review: review? };
        Some(signed_by(approver, decision, table))
    }

    /// A name in `[people]`, and the role that is published for it: the first of several.
    fn person(&self, field: &Field<'_, '_>) -> Option<(String, String)> {
        let name = field.words()?;
        let Some(person) = self.people.get(name.get_ref()) else {
            let names = self.people.keys().map(String::as_str);
            let message = format!("nobody in `[people]` is named `{}`", name.get_ref());
            let help = if self.people.is_empty() {
                "write `[people.alice]` with `key = \"ssh-ed25519 …\"` and `roles = [\"security\"]` in avouch.toml".to_owned()
            } else {
                suggestion(name.get_ref(), names)
            };
            report(field, "unknown-person", &name, message, help);
            return None;
        };
        let Some(role) = person.roles.first() else {
            let message = format!("`{}` has no role, and only roles are published", person.name);
            let help = format!("write `roles = [\"security\"]` in `[people.{}]`", person.name);
            report(field, "person-without-role", &name, message, help);
            return None;
        };
        Some((person.name.clone(), role.clone()))
    }

    /// The last day of a term.
    fn day(&self, field: &Field<'_, '_>, days_max: i64) -> Option<Day> {
        let day = field.day()?;
        let term = day.get_ref().days_since(self.today);
        if term > days_max {
            let last = self.today.plus_days(days_max);
            let help = match last {
                Some(last) => format!("write {last} or an earlier day, and decide again then"),
                None => "write an earlier day".to_owned(),
            };
            let message = format!("a term of {term} days is too long: at most {days_max}");
            report(field, "long-term", &day, message, help);
            return None;
        }
        Some(day.into_inner())
    }

    /// A day that is not in the future.
    fn past(&self, field: &Field<'_, '_>) -> Option<Day> {
        let day = field.day()?;
        if *day.get_ref() > self.today {
            let message = format!("{} is in the future", day.get_ref());
            report(field, "bad-value", &day, message, "write the day on which it was read");
            return None;
        }
        Some(day.into_inner())
    }

    /// A public address.
    fn source(&self, field: &Field<'_, '_>) -> Option<String> {
        let text = field.words()?;
        match url::Url::parse(text.get_ref()) {
            Ok(url) if url.scheme() == "https" && url.username().is_empty() => Some(text.into_inner()),
            _ => {
                let message = format!("`{}` is not a public address", text.get_ref());
                report(field, "bad-value", &text, message, "write it as https://…");
                None
            }
        }
    }
}

fn signed_by(signer: String, decision: Decision, table: &TableReader<'_, '_>) -> Written {
    Written { decision, span: table.span(), signer, owner: None }
}

/// The id of a decision: a word that can stand in an address.
fn id(field: &Field<'_, '_>) -> Option<String> {
    let text = field.words()?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    if text.get_ref().chars().all(allowed) && text.get_ref().len() <= 100 {
        return Some(text.into_inner());
    }
    let message = format!("`{}` cannot be an id", text.get_ref());
    report(field, "bad-id", &text, message, "use letters, digits, `-`, `.` and `_`, such as `W-2026-014`");
    None
}

/// The id of something in the mapping.
fn id_like(field: &Field<'_, '_>) -> Option<String> {
    field.words().map(Spanned::into_inner)
}

/// A text that is published: it must not hold the address of a person.
fn published(field: &Field<'_, '_>) -> Option<String> {
    let text = field.words()?;
    if holds_address(text.get_ref()) {
        let message = format!("`{}` holds an e-mail address, and it is published", field.path());
        report(field, "personal-data", &text, message, "name roles, not people");
        return None;
    }
    Some(text.into_inner())
}

/// Figures are numbers, words and truths: lists and tables have no meaning for a check.
fn figures(field: &Field<'_, '_>) -> Object {
    let mut figures = Object::new();
    let Some(table) = field.table() else { return figures };
    for (name, value) in table.entries() {
        let Some(json) = value.json() else { continue };
        match json.get_ref() {
            Json::Text(text) if holds_address(text) => {
                let message = format!("`{}` holds an e-mail address, and it is published", value.path());
                report(&value, "personal-data", &json, message, "name roles, not people");
            }
            Json::Text(_) | Json::Integer(_) | Json::Bool(_) => {
                figures.insert(name.into_inner(), json.into_inner());
            }
            _ => {
                let message = format!("`{}` is not a single figure", value.path());
                report(&value, "wrong-type", &json, message, "write a whole number, a text, `true` or `false`");
            }
        }
    }
    figures
}

fn holds_address(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let parts = word.split_once('@');
        parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
    })
}

fn report<T>(field: &Field<'_, '_>, code: &'static str, place: &Spanned<T>, message: String, help: impl Into<String>) {
    let problem = field.walk().error(code, place.span(), message);
    field.walk().report(problem.label("written here").help(help));
}
