//! Fills the slots of a catalogue from a configuration. Pure.

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Json,
    catalogue::{Asked, Catalogue, Check, Slot, SlotType},
    configuration::Configuration,
    json::Object,
};

/// What can be asked, and what is still missing for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The checks with every slot filled, by id in order.
    pub asked: Vec<Asked>,
    /// The other checks, with what to write so that they can be asked: `[targets.api.routes.submit]`.
    pub unfilled: BTreeMap<String, Vec<String>>,
}

/// Fills the slots of every check. `present_decisions` are the ids of attestations and provider statements in the record
/// or signed beside it.
///
/// A list item that is nothing but a slot of a table, column or text becomes several where the filling holds several,
/// separated by a comma and a space (`"table.kept" = "keys, plans"`).
pub fn resolve(catalogue: &Catalogue, configuration: &Configuration, present_decisions: &BTreeSet<String>) -> Resolved {
    let mut resolved = Resolved::default();
    for check in &catalogue.checks {
        let world = Fillings { catalogue, configuration, present_decisions, target: target_of(check) };
        match world.fill(check) {
            Ok(asked) => resolved.asked.push(asked),
            Err(missing) => {
                resolved.unfilled.insert(check.id.clone(), missing);
            }
        }
    }
    resolved
}

/// The name of the target whose principals and routes a check uses: its parameter `target`, or `api`.
fn target_of(check: &Check) -> &str {
    let written = check.parameters.get("target").and_then(Json::as_text).unwrap_or("api");
    let slot = written.strip_prefix("${target.").and_then(|rest| rest.strip_suffix('}'));
    slot.unwrap_or(written)
}

struct Fillings<'a> {
    catalogue: &'a Catalogue,
    configuration: &'a Configuration,
    present_decisions: &'a BTreeSet<String>,
    target: &'a str,
}

impl Fillings<'_> {
    fn fill(&self, check: &Check) -> Result<Asked, Vec<String>> {
        let mut fillings = BTreeMap::new();
        let mut missing = Vec::new();
        for need in &check.needs {
            let slot = self.catalogue.slots.iter().find(|slot| &slot.id == need);
            match slot.map(|slot| (slot, self.filling(slot))) {
                Some((slot, Some(filling))) => {
                    fillings.insert(need.as_str(), (slot.r#type, filling));
                }
                Some((slot, None)) => missing.push(self.key(slot)),
                None => missing.push(format!("a slot `{need}` in the profile")),
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut parameters = Object::new();
        for (name, value) in &check.parameters {
            parameters.insert(name.clone(), filled(value, &fillings));
        }
        if let Some(numbers) = self.configuration.numbers.get(&check.id) {
            for (name, value) in numbers.iter().filter(|(name, _)| check.numbers.contains(*name)) {
                parameters.insert(name.clone(), value.clone());
            }
        }
        let tested = check.numbers.iter().filter_map(|name| {
            let value = parameters.get(name)?;
            Some((name.clone(), value.clone()))
        });
        Ok(Asked { check: check.clone(), tested: tested.collect(), parameters })
    }

    /// What stands for a slot; none when the configuration does not fill it.
    fn filling(&self, slot: &Slot) -> Option<String> {
        let name = name_of(slot);
        let configuration = self.configuration;
        let there = |found: bool| found.then(|| name.to_owned());
        match slot.r#type {
            SlotType::Target => match name.split_once('.') {
                Some((target, "plain_url")) => configuration.targets.get(target)?.plain_url.clone(),
                Some((target, "release_from")) => Some(configuration.targets.get(target)?.release_from.clone()?.path),
                _ => there(configuration.targets.contains_key(name)),
            },
            SlotType::Principal => there(configuration.targets.get(self.target)?.principals.contains_key(name)),
            SlotType::Route => there(configuration.targets.get(self.target)?.routes.contains_key(name)),
            SlotType::Database => there(configuration.databases.contains_key(name)),
            SlotType::Retention => there(configuration.retention.iter().any(|rule| rule.name == name)),
            SlotType::Attestation | SlotType::Provider => there(self.present_decisions.contains(name)),
            SlotType::Table | SlotType::Column | SlotType::Report | SlotType::File | SlotType::Text | SlotType::Secret => {
                configuration.bind.get(&slot.id).or(slot.default.as_ref()).cloned()
            }
        }
    }

    /// What to write so that a slot is filled.
    fn key(&self, slot: &Slot) -> String {
        let name = name_of(slot);
        let target = self.target;
        match slot.r#type {
            SlotType::Target => match name.split_once('.') {
                Some((target, key)) => format!("[targets.{target}] {key}"),
                None => format!("[targets.{name}]"),
            },
            SlotType::Principal => format!("[targets.{target}.principals.{name}]"),
            SlotType::Route => format!("[targets.{target}.routes.{name}]"),
            SlotType::Database => format!("[databases.{name}]"),
            SlotType::Retention => format!("[[retention]] name = \"{name}\""),
            SlotType::Attestation => format!("decisions/: [[attestation]] id = \"{name}\""),
            SlotType::Provider => format!("decisions/: [[provider]] id = \"{name}\""),
            SlotType::Table | SlotType::Column | SlotType::Report | SlotType::File | SlotType::Text | SlotType::Secret => {
                format!("[bind] \"{}\"", slot.id)
            }
        }
    }
}

/// What follows the type in a slot's id.
fn name_of(slot: &Slot) -> &str {
    slot.id.split_once('.').map_or("", |(_, name)| name)
}

type Filled<'a> = BTreeMap<&'a str, (SlotType, String)>;

fn filled(json: &Json, fillings: &Filled<'_>) -> Json {
    match json {
        Json::Text(text) => Json::Text(filled_text(text, fillings)),
        Json::List(items) => Json::List(items.iter().flat_map(|item| filled_item(item, fillings)).collect()),
        Json::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), filled(member, fillings)));
            Json::Object(members.collect())
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) => json.clone(),
    }
}

fn filled_item(item: &Json, fillings: &Filled<'_>) -> Vec<Json> {
    let slot = item.as_text().and_then(|text| text.strip_prefix("${")?.strip_suffix('}'));
    match slot.and_then(|slot| fillings.get(slot)) {
        Some((SlotType::Table | SlotType::Column | SlotType::Text, several)) => {
            several.split(", ").map(|one| Json::from(one.trim())).collect()
        }
        _ => vec![filled(item, fillings)],
    }
}

/// Replaces every `${slot}` once; a filling that itself holds `${…}` is taken as it is.
fn filled_text(text: &str, fillings: &Filled<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, left)) => {
                match fillings.get(name) {
                    Some((_, filling)) => out.push_str(filling),
                    None => out.extend(["${", name, "}"]),
                }
                rest = left;
            }
            None => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn filling_is_replacing_every_slot_once(text in "([a-c]|[$]|[{]|[}]|[$][{]t[.]x[}]){0,20}", filling in "[a-c${}]{0,6}") {
            let fillings: Filled<'_> = BTreeMap::from([("t.x", (SlotType::Text, filling.clone()))]);
            let pieces: Vec<&str> = text.split("${t.x}").collect();
            prop_assume!(pieces.iter().all(|piece| !piece.contains("${") && !piece.ends_with('$')));
            prop_assert_eq!(filled_text(&text, &fillings), pieces.join(&filling));
        }
    }

    #[test]
    fn only_an_item_that_is_nothing_but_a_slot_grows() {
        let fillings: Filled<'_> = BTreeMap::from([
            ("table.kept", (SlotType::Table, "keys, plans".to_owned())),
            ("file.a", (SlotType::File, "a, b".to_owned())),
        ]);
        let list = |items: &[&str]| Json::List(items.iter().map(|item| Json::from(*item)).collect());
        let seen = filled(&list(&["${table.kept}", "x ${table.kept}", "${file.a}"]), &fillings);
        assert_eq!(seen, list(&["keys", "plans", "x keys, plans", "a, b"]));
    }
}
