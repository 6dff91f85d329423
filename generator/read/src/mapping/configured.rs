//! Holds the names in a product's configuration against the mapping: a misspelt slot or check would silently do nothing.

use std::sync::Arc;

use avouch_model::{
    Json,
    catalogue::{Catalogue, SlotType},
    diagnostic::{Diagnostic, Source},
};

use crate::toml_walk::{self, TableReader, Walk, suggestion};

/// The names in `[bind]`, `[numbers]` and `[gate]` of `avouch.toml` that the mapping does not know, and numbers of another
/// type than the claim's. The text is read again for the places; whatever else is wrong with it is not reported here.
pub fn wrong_names(catalogue: &Catalogue, source: &Arc<Source>) -> Vec<Diagnostic> {
    let Ok(document) = toml_walk::parse(source) else { return Vec::new() };
    let walk = Walk::new(source);
    let root = walk.root(&document);
    let found = Names { walk: &walk, catalogue };
    if let Some(bind) = root.optional("bind").table() {
        found.bind(&bind);
    }
    if let Some(numbers) = root.optional("numbers").table() {
        found.numbers(&numbers);
    }
    if let Some(gate) = root.optional("gate").table() {
        found.gate(&gate);
    }
    let codes = ["unknown-slot", "unknown-check", "unknown-number", "wrong-number", "unknown-name"];
    let mut problems = walk.problems();
    problems.retain(|problem| codes.contains(&problem.code));
    problems
}

struct Names<'a> {
    walk: &'a Walk,
    catalogue: &'a Catalogue,
}

impl Names<'_> {
    fn bind(&self, bind: &TableReader<'_, '_>) {
        let bindable = self.catalogue.slots.iter().filter(|slot| {
            matches!(
                slot.r#type,
                SlotType::Table | SlotType::Column | SlotType::Report | SlotType::File | SlotType::Text | SlotType::Secret
            )
        });
        let names: Vec<&str> = bindable.map(|slot| slot.id.as_str()).collect();
        for (name, _) in bind.entries() {
            if !names.contains(&name.get_ref().as_str()) {
                let message = format!("no profile in use has a slot `{}` to bind", name.get_ref());
                let problem = self.walk.error("unknown-slot", name.span(), message);
                let help = suggestion(name.get_ref(), names.iter().copied());
                self.walk.report(problem.label("written here").help(help));
            }
        }
    }

    fn numbers(&self, numbers: &TableReader<'_, '_>) {
        for (id, values) in numbers.entries() {
            let Some(check) = self.catalogue.check(id.get_ref()) else {
                let message = format!("no check is named `{}`", id.get_ref());
                let names = self.catalogue.checks.iter().map(|check| check.id.as_str());
                let problem = self.walk.error("unknown-check", id.span(), message);
                self.walk.report(problem.label("written here").help(suggestion(id.get_ref(), names)));
                continue;
            };
            let Some(values) = values.table() else { continue };
            for (name, value) in values.entries() {
                let claimed = check.parameters.get(name.get_ref());
                let Some(claimed) = claimed.filter(|_| check.numbers.contains(name.get_ref())) else {
                    let message = format!("`{}` has no number `{}`", check.id, name.get_ref());
                    let names = check.numbers.iter().map(String::as_str);
                    let problem = self.walk.error("unknown-number", name.span(), message);
                    self.walk.report(problem.label("written here").help(suggestion(name.get_ref(), names)));
                    continue;
                };
                let Some(value) = value.json() else { continue };
                if type_of(value.get_ref()) != type_of(claimed) {
                    let message = format!(
                        "`{}` of `{}` must be {}, and is {}",
                        name.get_ref(),
                        check.id,
                        type_of(claimed),
                        type_of(value.get_ref())
                    );
                    let problem = self.walk.error("wrong-number", value.span(), message);
                    self.walk.report(problem.label("written here"));
                }
            }
        }
    }

    fn gate(&self, gate: &TableReader<'_, '_>) {
        let require = gate.optional("require");
        // A single text is a word of its own (`configured`, `all`); only a list holds names.
        let Some(names) = require.is_list().then(|| require.texts()).flatten() else { return };
        let controls = self.catalogue.controls.iter().map(|control| control.id.as_str());
        let requirements = self.catalogue.standards.iter().flat_map(|standard| &standard.requirements);
        let known: Vec<&str> = controls.chain(requirements.map(|requirement| requirement.id.as_str())).collect();
        for name in names {
            if !known.contains(&name.get_ref().as_str()) {
                let message = format!("no control or requirement is named `{}`", name.get_ref());
                let problem = self.walk.error("unknown-name", name.span(), message);
                let help = suggestion(name.get_ref(), known.iter().copied());
                self.walk.report(problem.label("written here").help(help));
            }
        }
    }
}

const fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "`true` or `false`",
        Json::Integer(_) => "a whole number",
        Json::Text(_) => "a text",
        Json::List(_) => "a list",
        Json::Object(_) => "a table",
    }
}
