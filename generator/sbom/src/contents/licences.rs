//! Licences of a component: what is declared and what was concluded, apart.

use serde_json::Value;

/// One entry of a list of licences.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Licence {
    /// An SPDX id or expression.
    Known(String),
    /// A name that is neither.
    Named(String),
}

/// The licences of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Licences {
    pub(crate) declared: Vec<Licence>,
    pub(crate) concluded: Vec<Licence>,
}

impl Licences {
    /// Those of a component in CycloneDX JSON. What is not said to be concluded is declared; what stands as evidence was found.
    pub(crate) fn of_json(component: &Value) -> Self {
        let mut licences = Self::default();
        let asserted = component.get("licenses");
        let found = component.get("evidence").and_then(|evidence| evidence.get("licenses"));
        for (list, by_default) in [(asserted, "declared"), (found, "concluded")] {
            for choice in list.and_then(Value::as_array).into_iter().flatten() {
                let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
                let inner = choice.get("license").unwrap_or(choice);
                let known = text(inner, "id").or_else(|| text(choice, "expression"));
                licences.add(known, text(inner, "name"), text(inner, "acknowledgement").as_deref().unwrap_or(by_default));
            }
        }
        licences.sorted()
    }

    /// Adds an entry: an id or an expression, or else a name. That nothing is known adds nothing.
    pub(super) fn add(&mut self, known: Option<String>, name: Option<String>, acknowledgement: &str) {
        let licence = match (known, name) {
            (Some(known), _) if is_said(&known) => Licence::Known(known),
            (None, Some(name)) if is_said(&name) => Licence::Named(name),
            _ => return,
        };
        let list = if acknowledgement == "concluded" { &mut self.concluded } else { &mut self.declared };
        list.push(licence);
    }

    pub(super) fn sorted(mut self) -> Self {
        for list in [&mut self.declared, &mut self.concluded] {
            list.sort();
            list.dedup();
        }
        self
    }

    /// The declared and the concluded licence, each as one text.
    pub(super) fn texts(&self) -> (Option<String>, Option<String>) {
        let text = |licences: &[Licence]| {
            let texts: Vec<String> = licences.iter().map(|(Licence::Known(text) | Licence::Named(text))| text.clone()).collect();
            joined(&texts)
        };
        (text(&self.declared), text(&self.concluded))
    }
}

/// Several licences that all hold, as one expression.
pub(crate) fn joined(parts: &[String]) -> Option<String> {
    match parts {
        [] => None,
        [one] => Some(one.clone()),
        _ => {
            let grouped =
                |part: &String| if part.contains(" OR ") || part.contains(" AND ") { format!("({part})") } else { part.clone() };
            Some(parts.iter().map(grouped).collect::<Vec<_>>().join(" AND "))
        }
    }
}

fn is_said(text: &str) -> bool {
    !matches!(text.trim(), "" | "NOASSERTION" | "NONE" | "UNKNOWN")
}
