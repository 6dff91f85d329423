//! Joins what the files hold into one catalogue, and reports every loose end.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use avouch_model::{
    Json,
    catalogue::{Baseline, Catalogue, Check, Claim, Control, Satisfies, Slot},
    diagnostic::{Diagnostic, Source},
};
use toml::Spanned;

use super::file::{MappingFile, WrittenCheck, WrittenClaim, references};
use crate::toml_walk::suggestion;

/// Joins the files. What is wrong is added to `problems`; the catalogue is whole only when there are none.
pub(super) fn join(files: &[MappingFile], kinds: &[&str], problems: &mut Vec<Diagnostic>) -> Catalogue {
    let mut join = Join { problems, places: BTreeMap::new() };
    let mut catalogue = Catalogue::default();
    for file in files {
        catalogue.standards.extend(file.standards.iter().cloned());
        if let Some((id, title)) = &file.profile
            && catalogue.profiles.insert(id.clone(), title.clone()).is_some()
        {
            let message = format!("two profiles have the id `{id}`");
            join.report("duplicate-id", &file.source, 0..0, message, "name each profile in `[product] profiles` once");
        }
    }
    catalogue.slots = join.slots(files);
    catalogue.controls = join.controls(files, &catalogue);
    catalogue.checks = join.checks(files, &catalogue.slots, kinds);
    catalogue.claims = join.claims(files, &catalogue);
    join.idle_checks(files, &catalogue.claims);
    catalogue.baseline = join.baseline(files, &catalogue);
    let claimed = claimed_controls(files);
    catalogue.controls.retain(|control| claimed.contains(control.id.as_str()));
    drop_what_is_asked_already(&mut catalogue);
    catalogue.checks.sort_by(|left, right| left.id.cmp(&right.id));
    catalogue
}

struct Join<'p> {
    problems: &'p mut Vec<Diagnostic>,
    /// What every id of a check, a claim, or a control that is claimed stands for: a decision or a gate names one of them without
    /// saying which. The other controls of the catalogue are not in use, so that a new one takes no name away.
    places: BTreeMap<String, &'static str>,
}

impl Join<'_> {
    fn report(
        &mut self,
        code: &'static str,
        source: &Arc<Source>,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = Diagnostic::error(code, source, span, message);
        self.problems.push(problem.label("written here").help(help));
    }

    /// Takes an id for a control, check or claim; reports it when it is taken.
    fn take(&mut self, source: &Arc<Source>, id: &Spanned<String>, what: &'static str) {
        if let Some(other) = self.places.insert(id.get_ref().clone(), what) {
            let message = format!("`{}` is already the id of a {other}", id.get_ref());
            let help = "every check, claim and control in use has an id of its own, over all profiles in use: give this one another, \
                        such as `our-…`; what was decided or recorded about it counts under its new name only";
            self.report("duplicate-id", source, id.span(), message, help);
        }
    }

    /// Reports a name that is not among those known.
    fn known<'n>(
        &mut self,
        source: &Arc<Source>,
        name: &Spanned<String>,
        (code, what): (&'static str, &str),
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> bool {
        let found = names.clone().any(|known| known == name.get_ref());
        if !found {
            let message = format!("no {what} is named `{}`", name.get_ref());
            self.report(code, source, name.span(), message, suggestion(name.get_ref(), names));
        }
        found
    }

    /// Two profiles may share a slot; then they say the same of it.
    fn slots(&mut self, files: &[MappingFile]) -> Vec<Slot> {
        let mut slots: Vec<Slot> = Vec::new();
        for file in files {
            for (span, slot) in &file.slots {
                match slots.iter().find(|known| known.id == slot.id) {
                    None => slots.push(slot.clone()),
                    Some(known) if known == slot => {}
                    Some(_) => {
                        let message = format!("two profiles describe the slot `{}` differently", slot.id);
                        let help = "give both the same words and default, or two names";
                        self.report("duplicate-id", &file.source, span.clone(), message, help);
                    }
                }
            }
        }
        slots
    }

    fn controls(&mut self, files: &[MappingFile], catalogue: &Catalogue) -> Vec<Control> {
        let mut controls: Vec<Control> = Vec::new();
        let claimed = claimed_controls(files);
        for (file, written) in files.iter().flat_map(|file| file.controls.iter().map(move |control| (file, control))) {
            if claimed.contains(written.id.get_ref().as_str()) {
                self.take(&file.source, &written.id, "control");
            } else if controls.iter().any(|control| control.id == *written.id.get_ref()) {
                let message = format!("`{}` is already the id of a control", written.id.get_ref());
                self.report(
                    "duplicate-id",
                    &file.source,
                    written.id.span(),
                    message,
                    "make claims of that one, or give this one another id",
                );
            }
            for (requirement, _) in &written.satisfies {
                self.known(&file.source, requirement, UNKNOWN_REQUIREMENT, requirement_ids(catalogue));
            }
            let satisfies = written
                .satisfies
                .iter()
                .map(|(requirement, relation)| Satisfies { requirement: requirement.get_ref().clone(), relation: *relation });
            controls.push(Control {
                id: written.id.get_ref().clone(),
                title: written.title.clone(),
                statement: written.statement.clone(),
                satisfies: satisfies.collect(),
            });
        }
        controls
    }

    fn checks(&mut self, files: &[MappingFile], slots: &[Slot], kinds: &[&str]) -> Vec<Check> {
        let mut checks = Vec::new();
        for (file, written) in files.iter().flat_map(|file| file.checks.iter().map(move |check| (file, check))) {
            self.take(&file.source, &written.id, "check");
            let Some(whole) = self.completed(file, written) else { continue };
            if let Some(kind) = &written.kind {
                self.known(&file.source, kind, ("unknown-kind", "kind"), kinds.iter().copied());
            }
            for need in &written.needs {
                self.known(&file.source, need, UNKNOWN_SLOT, slot_ids(slots));
            }
            let used = self.used_slots(file, written, slots);
            for number in &written.numbers {
                let names = whole.parameters.keys().map(String::as_str);
                self.known(&file.source, number, ("unknown-number", "parameter of this check"), names);
                let value = whole.parameters.get(number.get_ref()).into_iter();
                if value.flat_map(texts_of).any(|text| !references(text).is_empty()) {
                    let message = format!("the number `{}` depends on a slot", number.get_ref());
                    let help = "a number of the claim is the same for every product: write it out";
                    self.report("slot-in-number", &file.source, number.span(), message, help);
                }
            }
            let mut needs: BTreeSet<String> = whole.needs.iter().map(|need| need.get_ref().clone()).collect();
            needs.extend(used);
            for reference in texts(&whole.parameters).flat_map(references) {
                needs.insert(reference.to_owned());
            }
            checks.extend(build(whole, needs));
        }
        checks
    }

    /// The check with what it leaves out taken from the one that it is like.
    fn completed(&mut self, file: &MappingFile, written: &WrittenCheck) -> Option<WrittenCheck> {
        let Some(like) = &written.like else { return Some(written.clone()) };
        let others = file.checks.iter().filter(|check| check.like.is_none());
        let Some(base) = others.clone().find(|check| check.id.get_ref() == like.get_ref()) else {
            let message = format!("no check of this file is named `{}` and stands on its own", like.get_ref());
            let help = suggestion(like.get_ref(), others.map(|check| check.id.get_ref().as_str()));
            self.report("unknown-check", &file.source, like.span(), message, help);
            return None;
        };
        let mut whole = base.clone();
        whole.id = written.id.clone();
        whole.question = written.question.clone();
        whole.kind = written.kind.clone().or(whole.kind);
        whole.subject = written.subject.clone().or(whole.subject);
        whole.when = written.when.or(whole.when);
        whole.bound = written.bound.or(whole.bound);
        whole.max_age = written.max_age.or(whole.max_age);
        whole.severity = written.severity.or(whole.severity);
        whole.needs.extend(written.needs.iter().cloned());
        whole.parameters.extend(written.parameters.clone());
        whole.numbers.extend(written.numbers.iter().cloned());
        Some(whole)
    }

    /// The slots that the parameters of a check refer to.
    fn used_slots(&mut self, file: &MappingFile, written: &WrittenCheck, slots: &[Slot]) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for name in texts(&written.parameters).flat_map(references) {
            let place = reference_place(&file.source, &written.parameters_span, name);
            if self.known(&file.source, &Spanned::new(place, name.to_owned()), UNKNOWN_SLOT, slot_ids(slots)) {
                used.insert(name.to_owned());
            }
        }
        used
    }

    fn claims(&mut self, files: &[MappingFile], catalogue: &Catalogue) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (file, written) in written_claims(files) {
            self.take(&file.source, &written.id, "claim");
            let controls = files.iter().flat_map(|file| &file.control_ids).map(String::as_str);
            self.known(&file.source, &written.control, ("unknown-control", "control"), controls);
            for requirement in &written.requirements {
                self.known(&file.source, requirement, UNKNOWN_REQUIREMENT, requirement_ids(catalogue));
            }
            let checks = files.iter().flat_map(|file| &file.check_ids).map(String::as_str);
            for check in written.deciding() {
                self.known(&file.source, check, ("unknown-check", "check"), checks.clone());
            }
            let names = |list: &[Spanned<String>]| list.iter().map(|name| name.get_ref().clone()).collect();
            claims.push(Claim {
                id: written.id.get_ref().clone(),
                control: written.control.get_ref().clone(),
                strength: written.strength,
                statement: written.statement.clone(),
                requirements: names(&written.requirements),
                checks: names(&written.checks),
                any_of: names(&written.any_of),
                untested: written.untested.clone(),
            });
        }
        claims
    }

    fn baseline(&mut self, files: &[MappingFile], catalogue: &Catalogue) -> Vec<Baseline> {
        let mut all = Vec::new();
        for (file, written) in files.iter().flat_map(|file| file.baseline.iter().map(move |baseline| (file, baseline))) {
            let checks = file.checks.iter().map(|check| check.id.get_ref().as_str());
            for check in &written.checks {
                self.known(&file.source, check, ("unknown-check", "check"), checks.clone());
            }
            for requirement in &written.requirements {
                self.known(&file.source, requirement, UNKNOWN_REQUIREMENT, requirement_ids(catalogue));
            }
            all.push(Baseline {
                id: written.id.get_ref().clone(),
                title: written.title.clone(),
                requirements: written.requirements.iter().map(|requirement| requirement.get_ref().clone()).collect(),
                checks: written.checks.iter().map(|check| check.get_ref().clone()).collect(),
            });
        }
        all
    }

    /// Reports the checks that decide nothing.
    fn idle_checks(&mut self, files: &[MappingFile], claims: &[Claim]) {
        let decides = |id: &String| claims.iter().any(|claim| claim.deciding().any(|check| check == id));
        for file in files {
            let looks =
                |id: &String| file.baseline.iter().any(|baseline| baseline.checks.iter().any(|check| check.get_ref() == id));
            for check in file.checks.iter().filter(|check| !decides(check.id.get_ref()) && !looks(check.id.get_ref())) {
                let message = format!("the check `{}` decides no claim", check.id.get_ref());
                let help = "name it in the `checks` or `any_of` of a claim, or remove it";
                self.report("check-without-claim", &file.source, check.id.span(), message, help);
            }
        }
    }
}

/// The ids of the controls that profiles make claims of.
fn claimed_controls(files: &[MappingFile]) -> BTreeSet<&str> {
    written_claims(files).map(|(_, claim)| claim.control.get_ref().as_str()).collect()
}

/// What a profile asks already is not asked once more for the baseline: the answer to one question is one.
fn drop_what_is_asked_already(catalogue: &mut Catalogue) {
    let own = catalogue.unclaimed().into_iter().map(ToOwned::to_owned).collect::<BTreeSet<_>>();
    let (mut baseline, claimed): (Vec<Check>, Vec<Check>) =
        std::mem::take(&mut catalogue.checks).into_iter().partition(|check| own.contains(&check.id));
    let question = |check: &Check| (check.kind.clone(), check.parameters.clone(), check.needs.clone(), check.numbers.clone());
    baseline.retain(|check| {
        let Some(same) = claimed.iter().find(|other| question(other) == question(check)) else { return true };
        for id in catalogue.baseline.iter_mut().flat_map(|baseline| &mut baseline.checks).filter(|id| **id == check.id) {
            id.clone_from(&same.id);
        }
        false
    });
    catalogue.checks = claimed;
    catalogue.checks.extend(baseline);
}

const UNKNOWN_SLOT: (&str, &str) = ("unknown-slot", "slot");
const UNKNOWN_REQUIREMENT: (&str, &str) = ("unknown-requirement", "requirement");

fn build(whole: WrittenCheck, needs: BTreeSet<String>) -> Option<Check> {
    Some(Check {
        id: whole.id.into_inner(),
        kind: whole.kind?.into_inner(),
        question: whole.question,
        subject: whole.subject?,
        when: whole.when?,
        bound: whole.bound?,
        max_age: whole.max_age?,
        severity: whole.severity?,
        needs: needs.into_iter().collect(),
        parameters: whole.parameters,
        numbers: whole.numbers.into_iter().map(Spanned::into_inner).collect(),
    })
}

fn written_claims(files: &[MappingFile]) -> impl Iterator<Item = (&MappingFile, &WrittenClaim)> {
    files.iter().flat_map(|file| file.claims.iter().map(move |claim| (file, claim)))
}

fn requirement_ids(catalogue: &Catalogue) -> impl Iterator<Item = &str> + Clone {
    let requirements = catalogue.standards.iter().flat_map(|standard| &standard.requirements);
    requirements.map(|requirement| requirement.id.as_str())
}

fn slot_ids(slots: &[Slot]) -> impl Iterator<Item = &str> + Clone {
    slots.iter().map(|slot| slot.id.as_str())
}

/// Every text in these parameters, however deep; the names of members are never fillings.
fn texts(parameters: &avouch_model::json::Object) -> impl Iterator<Item = &str> {
    parameters.values().flat_map(texts_of)
}

fn texts_of(json: &Json) -> Vec<&str> {
    let mut open = vec![json];
    let mut found = Vec::new();
    while let Some(json) = open.pop() {
        match json {
            Json::Text(text) => found.push(text.as_str()),
            Json::List(items) => open.extend(items),
            Json::Object(members) => open.extend(members.values()),
            Json::Null | Json::Bool(_) | Json::Integer(_) => {}
        }
    }
    found
}

/// Where `${name}` stands within the parameters.
fn reference_place(source: &Source, parameters: &Range<usize>, name: &str) -> Range<usize> {
    // The span of a `[table]` is its header: its body follows, so the search goes on from there.
    let from = parameters.start.min(source.text.len());
    let after = source.text.get(from..).unwrap_or_default();
    match after.find(&format!("${{{name}}}")) {
        Some(at) => from + at..from + at + name.len() + "${}".len(),
        None => parameters.clone(),
    }
}
