//! The audit: what was found, what is let pass, what could not be told, and what follows from it.

use std::collections::BTreeMap;

use avouch_model::{Span, Timestamp, state::Verdict};
use serde::{Deserialize, Serialize};

use crate::{
    Certainty, Class, Component, Database, Facts, Ignore, Match, Rating, Role,
    matching::{Ignored, identity, matches},
};

/// How far the clocks of a database and of this machine may be apart, in seconds.
const CLOCKS_SECONDS_MAX: i64 = 86_400;

/// How many components that were not looked at are named.
const NAMED_MAX: usize = 10;

/// What an audit is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// A vulnerability of this rating and above fails.
    pub fail_on: Rating,
    /// How long ago the newest advisory of an ecosystem may have been changed.
    pub max_age: Span,
    /// Now.
    pub now: Timestamp,
}

/// How many components were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// All components.
    pub components: u64,
    /// Those of an ecosystem: what was looked at, by the ecosystem's name in OSV.
    pub ecosystems: BTreeMap<String, u64>,
    /// Those without a package URL of an ecosystem: the product's own parts, what is no package, and what is unidentified.
    pub without_identity: u64,
    /// Of these the packages of others, which something may be published about: nobody can tell.
    #[serde(default)]
    pub unidentified: u64,
    /// The first of them, by name and version, with the package URL that says nothing.
    #[serde(default)]
    pub unidentified_names: Vec<String>,
    /// Of these what is no package by its type: files, data, operating systems and the like.
    #[serde(default)]
    pub not_packages: u64,
}

impl Counted {
    /// How many components something could be published about.
    pub fn identified(&self) -> u64 {
        self.ecosystems.values().sum()
    }

    /// Why it cannot be told where there was nothing to look at.
    pub fn nothing_doubt(&self) -> Option<String> {
        (self.identified() == 0).then(|| "no component has a package URL of an ecosystem: nothing was looked at".to_owned())
    }

    /// Why it cannot be told for packages that were not looked at; none where all were.
    pub fn unidentified_doubt(&self) -> Option<String> {
        let more = self.unidentified.saturating_sub(self.unidentified_names.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (self.unidentified > 0).then(|| {
            format!(
                "{} components have no package URL of an ecosystem and were not looked at: {}{more}",
                self.unidentified,
                self.unidentified_names.join(", ")
            )
        })
    }
}

/// What an audit says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The database it was held against.
    pub database: Facts,
    /// What was looked at.
    pub counted: Counted,
    /// What was found, gravest first. What is ignored is marked, and so is what only informs.
    pub matches: Vec<Match>,
    /// Why it could not be told; a pass needs that there is nothing.
    pub doubts: Vec<String>,
    /// What is worth knowing: ignores that are over or were not needed.
    pub warnings: Vec<String>,
    /// What follows.
    pub verdict: Verdict,
}

/// Holds components against a database.
pub fn audit(database: &Database, components: &[Component], ignores: &[Ignore], asked: &Asked) -> Report {
    conclude(database.facts().clone(), count(components), matches(database, components), ignores, asked)
}

/// What follows from what was found: the second half of [`audit`], for matches that were kept.
pub fn conclude(database: Facts, counted: Counted, mut matches: Vec<Match>, ignores: &[Ignore], asked: &Asked) -> Report {
    let mut warnings = ignore(&mut matches, ignores, asked.now);
    if counted.not_packages > 0 {
        warnings.push(format!(
            "{} components are files, data, operating systems and the like by their type, and were not looked at",
            counted.not_packages
        ));
    }
    let mut doubts = doubts_about(&database, &counted, asked);
    doubts.extend(matches.iter().flat_map(|matched| doubtful(matched, asked.fail_on)));
    let fails = matches.iter().any(|matched| fails(matched, asked.fail_on));
    let verdict = if fails {
        Verdict::NotSatisfied
    } else if doubts.is_empty() {
        Verdict::Satisfied
    } else {
        Verdict::CouldNotTell
    };
    Report { database, counted, matches, doubts, warnings, verdict }
}

/// Whether a match fails at this rating: a vulnerability that a component certainly has and nobody decided to let pass.
pub(crate) fn fails(matched: &Match, fail_on: Rating) -> bool {
    let open = |certainty| matched.components.iter().any(|one| one.ignored.is_none() && one.certainty == certainty);
    matched.class == Class::Vulnerability && matched.severity.reaches(fail_on) && open(Certainty::Certain)
}

impl Report {
    /// How many components were looked at: those of ecosystems that the database has advisories for.
    pub fn examined(&self) -> u64 {
        let looked_at = self.counted.ecosystems.iter().filter(|(name, _)| self.database.answering(name).is_some());
        looked_at.map(|(_, count)| count).sum()
    }

    /// Adds a reason why it cannot be told; what passed passes no more.
    pub fn doubt(&mut self, doubt: String) {
        self.doubts.push(doubt);
        if self.verdict == Verdict::Satisfied {
            self.verdict = Verdict::CouldNotTell;
        }
    }

    /// The matches that fail at this rating.
    pub fn failing(&self, fail_on: Rating) -> impl Iterator<Item = &Match> {
        self.matches.iter().filter(move |matched| fails(matched, fail_on))
    }
}

/// How many components are of which ecosystem.
pub fn count(components: &[Component]) -> Counted {
    let mut counted = Counted { components: components.len() as u64, ..Counted::default() };
    for component in components {
        match identity(component) {
            Some((_, ecosystem)) => *counted.ecosystems.entry(ecosystem.name().to_owned()).or_default() += 1,
            None => {
                counted.without_identity += 1;
                match component.role {
                    Role::Own => {}
                    Role::NoPackage => counted.not_packages += 1,
                    Role::Package | Role::Copy => {
                        counted.unidentified += 1;
                        if counted.unidentified_names.len() < NAMED_MAX {
                            let purl = component.purl.as_ref().map(|purl| format!(" ({purl})")).unwrap_or_default();
                            counted.unidentified_names.push(format!("{}{purl}", component.label()));
                        }
                    }
                }
            }
        }
    }
    counted
}

/// Marks what is let pass, and says which ignores are over and which were not needed.
fn ignore(matches: &mut [Match], ignores: &[Ignore], now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    for ignore in ignores {
        let mut used = false;
        let over = ignore.is_over(now);
        for matched in matches.iter_mut() {
            let covered: Vec<usize> = (0..matched.components.len())
                .filter(|at| matched.components.get(*at).is_some_and(|component| ignore.covers(matched, component)))
                .collect();
            used |= !covered.is_empty();
            for at in covered.into_iter().filter(|_| !over) {
                if let Some(component) = matched.components.get_mut(at) {
                    component.ignored = Some(Ignored {
                        reason: ignore.reason.clone(),
                        expires: ignore.expires,
                        approved: ignore.approved.clone(),
                    });
                }
            }
        }
        let scope = ignore.package.as_ref().map(|package| format!(" for {package}")).unwrap_or_default();
        if over {
            let what = if used { "it is told again" } else { "and it is found no more: remove it" };
            warnings.push(format!("the ignore of {}{scope} ended on {}: {what}", ignore.advisory, ignore.expires));
        } else if !used {
            warnings.push(format!("the ignore of {}{scope} matches nothing: remove it", ignore.advisory));
        }
    }
    warnings
}

/// Why the database cannot answer for these components.
fn doubts_about(facts: &Facts, counted: &Counted, asked: &Asked) -> Vec<String> {
    let mut doubts = Vec::new();
    doubts.extend(counted.nothing_doubt());
    doubts.extend(counted.unidentified_doubt());
    if facts.unreadable > 0 {
        let first = facts.unreadable_names.first().map(|name| format!(", first {name}")).unwrap_or_default();
        doubts.push(format!("{} advisories or files of the database cannot be read{first}", facts.unreadable));
    }
    for (name, count) in &counted.ecosystems {
        let Some(known) = facts.answering(name) else {
            let are = if *count == 1 { "component is" } else { "components are" };
            doubts.push(format!("the database has no advisory for {name}, of which {count} {are}"));
            continue;
        };
        match known.newest {
            None => doubts.push(format!("no advisory for {name} says when it was changed: the age of the database is unknown")),
            Some(newest) if newest.seconds_since(asked.now) > CLOCKS_SECONDS_MAX => {
                doubts.push(format!(
                    "the newest advisory for {name} is dated {newest}, in the future: the age of the database is unknown"
                ));
            }
            Some(newest) if asked.max_age.after(newest) < asked.now => {
                let days = asked.now.seconds_since(newest) / 86_400;
                doubts.push(format!(
                    "the newest advisory for {name} was changed on {}, {days} days ago; at most {} are allowed",
                    newest.day(),
                    asked.max_age
                ));
            }
            Some(_) => {}
        }
    }
    doubts
}

/// What of a match cannot be told.
fn doubtful(matched: &Match, fail_on: Rating) -> Vec<String> {
    if matched.class != Class::Vulnerability || !matched.severity.reaches(fail_on) {
        return Vec::new();
    }
    let open = matched.components.iter().filter(|component| component.ignored.is_none());
    open.filter_map(|component| {
        let label =
            component.version.as_ref().map_or_else(|| component.name.clone(), |version| format!("{} {version}", component.name));
        match component.certainty {
            Certainty::Certain => None,
            Certainty::Possible => {
                Some(format!("{}: {label} is a copy from elsewhere, which may or may not have it", matched.id))
            }
            Certainty::Undecided => Some(format!("{}: whether {label} has it cannot be told from its version", matched.id)),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests;
