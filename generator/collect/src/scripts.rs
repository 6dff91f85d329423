//! JavaScript and TypeScript sources, and what the names in them stand for.

use std::{collections::BTreeSet, ops::Range};

use avouch_model::diagnostic::Source;
use avouch_read::javascript::{Call, Script, Sort};
use regex::Regex;

use crate::{Unasked, World, parameters::Globs, sources::texts};

/// Where sources lie that are no tests.
const USUAL: &str = "src/**/*.{js,mjs,cjs,jsx,ts,mts,cts,tsx}";
const TESTS: &[&str] = &["**/*.{test,spec}.*", "**/__tests__/**", "**/*.d.ts", "**/node_modules/**"];

/// How far names are followed to what they stand for.
const DEPTH_MAX: usize = 5;

/// The sources that are asked about; at the usual places where nothing is said.
pub(crate) fn sources(world: &World<'_>, files: Option<&Globs>, exclude: &Globs) -> Result<Vec<Source>, Unasked> {
    let tests = Globs::new(TESTS.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked)?;
    let usual = Globs::new(vec![USUAL.to_owned()]).map_err(Unasked)?;
    let mut sources = texts(world, files.unwrap_or(&usual), exclude)?;
    sources.retain(|source| !tests.matches(&source.path));
    Ok(sources)
}

/// What is called, in the words of the source: `c.req.json`.
pub(crate) fn callee(script: &Script<'_>, call: &Call) -> String {
    script.shown(call.first..call.callee + 1)
}

/// Whether tokens say what a pattern means, themselves or through a name that stands for it.
pub(crate) fn says(script: &Script<'_>, places: Range<usize>, pattern: &Regex, carriers: &BTreeSet<String>) -> bool {
    pattern.is_match(&script.shown(places.clone())) || places.into_iter().any(|place| is_named(script, place, carriers))
}

fn is_named(script: &Script<'_>, place: usize, names: &BTreeSet<String>) -> bool {
    // `{ headers: {} }` names a member, `{ headers }` what the name stands for.
    let member = script.is_sign(place + 1, ":")
        && place.checked_sub(1).is_some_and(|before| script.is_sign(before, "{") || script.is_sign(before, ","));
    script.is(place, Sort::Word)
        && !member
        && names.contains(script.text(place))
        && !place.checked_sub(1).is_some_and(|dot| script.is_sign(dot, ".") || script.is_sign(dot, "?."))
}

/// The names that stand for what a pattern means, in any of the sources, directly or through other names.
pub(crate) fn carriers(scripts: &[Script<'_>], pattern: &Regex) -> BTreeSet<String> {
    let defined: Vec<_> = scripts
        .iter()
        .flat_map(|script| script.definitions().into_iter().map(move |(name, places)| (script, name, places)))
        .collect();
    let mut names = BTreeSet::new();
    for _ in 0..DEPTH_MAX {
        let before = names.len();
        for (script, name, places) in &defined {
            if !names.contains(*name) && says(script, places.clone(), pattern, &names) {
                names.insert((*name).to_owned());
            }
        }
        if names.len() == before {
            break;
        }
    }
    names
}
