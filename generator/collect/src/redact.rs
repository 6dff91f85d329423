//! No credential of a probe is in what is kept or shown, whatever a target answers with.

use avouch_model::Json;

use crate::{Judgement, World};

/// Hides credentials in what was seen, after it was judged.
pub(crate) fn transcript(world: &World<'_>, seen: &mut Json) {
    match seen {
        Json::Text(text) => hide(world, text),
        Json::List(items) => items.iter_mut().for_each(|item| transcript(world, item)),
        Json::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(mut name, mut value)| {
                    hide(world, &mut name);
                    transcript(world, &mut value);
                    (name, value)
                })
                .collect();
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) => {}
    }
}

/// Hides credentials in what is said of it.
pub(crate) fn judgement(world: &World<'_>, judgement: &mut Judgement) {
    hide(world, &mut judgement.seen);
    judgement.findings.iter_mut().for_each(|finding| hide(world, finding));
}

fn hide(world: &World<'_>, text: &mut String) {
    world.probers.values().for_each(|prober| prober.redact(text));
}
