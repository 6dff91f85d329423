//! Components against advisories: one match a vulnerability, whatever number of databases and components it shows in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use avouch_model::time::Day;
use serde::{Deserialize, Serialize};

use crate::{
    Advisory, Affected, Approved, Class, Component, Database, Ecosystem, OfEcosystem, Purl, Role, Scope, Severity,
    range::{Candidate, Membership, decide, fixed_after},
};

/// The longest summary that is kept.
const SUMMARY_CHARACTERS_MAX: usize = 500;

/// A vulnerability, or what else an advisory tells, with the components that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The id that is shown: the ecosystem's own database first, then GitHub's, then others.
    pub id: String,
    /// Its other ids.
    pub aliases: Vec<String>,
    /// One line on what it is.
    pub summary: String,
    /// What sort of thing is told.
    pub class: Class,
    /// How grave it is.
    pub severity: Severity,
    /// The components that have it, or may.
    pub components: Vec<AffectedComponent>,
}

/// A component that has what a match tells, or may have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffectedComponent {
    /// What names it within its BOM.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: String,
    /// What it is needed for.
    pub scope: Scope,
    /// How sure it is.
    pub certainty: Certainty,
    /// The first versions that do not have it any more, of each advisory that names one.
    pub fixed: Vec<String>,
    /// Why the audit lets it pass; none where nothing was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Ignored>,
}

/// What was decided about a component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// Why.
    pub reason: String,
    /// Through which day.
    pub expires: Day,
    /// The decision that it is; none for one that nobody approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// How sure it is that a component has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The version has no place in the order of versions, or the advisory tells of commits alone.
    Undecided,
    /// The package is a copy from a git repository, from another registry, an archive or a folder, with a name and a version that have it.
    Possible,
    /// The version is one that has it.
    Certain,
}

impl Certainty {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Possible => "possible",
            Self::Certain => "certain",
        }
    }
}

impl Match {
    /// Its id and its other ids.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).map(String::as_str)
    }
}

/// One advisory about one component.
struct Hit<'a> {
    /// Of which vulnerability: see [`Groups`].
    group: usize,
    /// Which advisory, and which of its packages.
    place: (usize, usize),
    package: &'a Affected,
    decision: Membership,
}

/// What advisories say of components, gravest first. A component without a package URL, or of no ecosystem, has none.
pub fn matches(database: &Database, components: &[Component]) -> Vec<Match> {
    let mut groups = Groups::default();
    let mut found: HashMap<usize, Group> = HashMap::new();
    let mut hits = Vec::new();
    for component in components {
        let Some((purl, ecosystem)) = identity(component) else { continue };
        let version = purl.version.as_deref().map(Candidate::new);
        let name = ecosystem.normal(&purl.full_name());
        for place in database.of_package(&ecosystem, &name) {
            let Some((_, package)) = database.at(*place) else { continue };
            // Without a version nothing can be told.
            let decision = version.as_ref().map_or(Membership::Undecided, |version| decide(package, version));
            if decision != Membership::Unaffected {
                hits.push(Hit { group: groups.of(database, place.0), place: *place, package, decision });
            }
        }
        hits.sort_by_key(|hit| hit.group);
        for hits in hits.chunk_by(|one, two| one.group == two.group) {
            let group = hits.first().map_or(0, |hit| hit.group);
            found.entry(group).or_default().add(component, &purl, version.as_ref(), hits);
        }
        hits.clear();
    }
    let mut matches: Vec<Match> =
        found.into_iter().filter_map(|(first, group)| group.matched(database, groups.all(first))).collect();
    matches.sort_by(|one, two| {
        let rank = |matched: &Match| {
            (matched.class, matched.severity.rating.is_none(), matched.severity.rating, matched.severity.tenths)
        };
        rank(two).cmp(&rank(one)).then_with(|| one.id.cmp(&two.id))
    });
    matches
}

/// The package of a component, and its ecosystem; none where nobody can look it up.
pub fn identity(component: &Component) -> Option<(Purl, Ecosystem)> {
    let stated = component.purl.as_deref().and_then(|purl| purl.parse::<Purl>().ok());
    let stated = stated.and_then(|purl| purl.ecosystem().map(|ecosystem| (purl, ecosystem)));
    if stated.is_some() || component.role != Role::Copy {
        return stated;
    }
    // Our own bills name a copy that has no package URL by its place: `path:ECOSYSTEM:PLACE#NAME@VERSION`.
    let (kind, _) = component.reference.strip_prefix("path:")?.split_once(':')?;
    let ecosystem = Ecosystem::of_purl(kind)?;
    let purl = Purl {
        kind: kind.to_owned(),
        namespace: None,
        name: component.name.clone(),
        version: component.version.clone(),
        qualifiers: BTreeMap::new(),
        subpath: None,
    };
    Some((purl, ecosystem))
}

/// Which advisories are one vulnerability, as far as it was asked.
#[derive(Default)]
struct Groups {
    /// By an advisory's place: the first place of all that are one.
    first: HashMap<usize, usize>,
    /// By that first place: all of them.
    all: HashMap<usize, Vec<usize>>,
}

impl Groups {
    fn of(&mut self, database: &Database, place: usize) -> usize {
        if let Some(first) = self.first.get(&place) {
            return *first;
        }
        let alike = database.advisories().get(place).map(|advisory| database.alike(&advisory.id)).unwrap_or_default();
        let first = alike.first().copied().unwrap_or(place);
        self.first.extend(alike.iter().map(|other| (*other, first)));
        self.all.insert(first, alike);
        first
    }

    fn all(&self, first: usize) -> &[usize] {
        self.all.get(&first).map_or(&[], Vec::as_slice)
    }
}

#[derive(Default)]
struct Group {
    /// The packages of advisories that have it.
    places: Vec<(usize, usize)>,
    components: Vec<AffectedComponent>,
}

impl Group {
    fn add(&mut self, component: &Component, purl: &Purl, version: Option<&Candidate<'_>>, hits: &[Hit<'_>]) {
        let decision = hits.iter().map(|hit| hit.decision).max().unwrap_or(Membership::Undecided);
        let certainty = match decision {
            Membership::Affected if purl.is_elsewhere() || component.role == Role::Copy => Certainty::Possible,
            Membership::Affected => Certainty::Certain,
            Membership::Undecided | Membership::Unaffected => Certainty::Undecided,
        };
        let mut fixed: Vec<String> = Vec::new();
        for hit in hits.iter().filter(|hit| hit.decision == decision) {
            self.places.push(hit.place);
            fixed.extend(version.and_then(|version| fixed_after(hit.package, version)).map(String::from));
        }
        fixed.sort();
        fixed.dedup();
        self.components.push(AffectedComponent {
            reference: component.reference.clone(),
            name: component.name.clone(),
            version: component.version.clone(),
            purl: component.purl.clone().unwrap_or_default(),
            scope: component.scope,
            certainty,
            fixed,
            ignored: None,
        });
    }

    fn matched(mut self, database: &Database, alike: &[usize]) -> Option<Match> {
        self.places.sort_unstable();
        self.places.dedup();
        let matched: Vec<(&Advisory, &Affected)> = self.places.iter().filter_map(|place| database.at(*place)).collect();
        let (shown, _) = matched.iter().min_by_key(|(advisory, _)| (rank(&advisory.id), &advisory.id))?;
        let all = alike.iter().filter_map(|place| database.advisories().get(*place));
        let aliases: BTreeSet<&str> = all.flat_map(Advisory::names).filter(|name| *name != &*shown.id).collect();
        let vectors = matched.iter().flat_map(|(advisory, package)| advisory.vectors.iter().chain(&package.vectors));
        let words = matched.iter().flat_map(|(advisory, package)| advisory.rated.iter().chain(&package.rated));
        let severity = Severity::of(vectors.map(|vector| &**vector), words.map(|word| &**word));
        let summary = shown.summary.char_indices().nth(SUMMARY_CHARACTERS_MAX).and_then(|(end, _)| shown.summary.get(..end));
        self.components.sort();
        self.components.dedup();
        Some(Match {
            id: shown.id.to_string(),
            aliases: aliases.into_iter().map(String::from).collect(),
            summary: summary.unwrap_or(&shown.summary).to_owned(),
            class: matched.iter().map(|(_, package)| package.class).max().unwrap_or(Class::Vulnerability),
            severity,
            components: self.components,
        })
    }
}

/// Which database's id is shown.
fn rank(id: &str) -> usize {
    let first = ["RUSTSEC-", "GO-", "PYSEC-", "GHSA-"];
    first.iter().position(|prefix| id.starts_with(prefix)).unwrap_or(first.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loader;

    fn database(records: &[&str]) -> Database {
        let mut loader = Loader::default();
        for (place, text) in records.iter().enumerate() {
            loader.file(&format!("{place}.json"), text.as_bytes());
        }
        let database = loader.finish();
        assert_eq!(database.facts().unreadable_names, [] as [&str; 0]);
        database
    }

    fn record(id: &str, aliases: &str, name: &str, more: &str) -> String {
        format!(
            r#"{{"id":"{id}","modified":"2026-01-01T00:00:00Z","aliases":[{aliases}],"summary":"{id}","affected":[{{"package":{{"ecosystem":"crates.io","name":"{name}"}},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"1.5.0"}}]}}]{more}}}]}}"#
        )
    }

    fn component(purl: &str) -> Component {
        let parsed: Purl = purl.parse().unwrap();
        Component {
            reference: purl.to_owned(),
            name: parsed.full_name(),
            version: parsed.version.clone(),
            purl: Some(purl.to_owned()),
            scope: Scope::Required,
            role: Role::Package,
        }
    }

    #[test]
    fn a_vulnerability_of_two_databases_counts_once() {
        let one = record("RUSTSEC-2026-0001", r#""CVE-2026-1""#, "time", "");
        let two = record("GHSA-aaaa", r#""CVE-2026-1""#, "time", r#","database_specific":{"severity":"HIGH"}"#);
        let database = database(&[&two, &one]);
        let found = matches(
            &database,
            &[component("pkg:cargo/time@1.0.0"), component("pkg:cargo/time@1.4.9"), component("pkg:cargo/time@1.5.0")],
        );
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id.as_str(), found[0].severity.name()), ("RUSTSEC-2026-0001", "high"));
        assert_eq!(found[0].aliases, ["CVE-2026-1", "GHSA-aaaa"]);
        assert_eq!(found[0].components.len(), 2);
        assert_eq!(found[0].components[0].fixed, ["1.5.0"]);
    }

    #[test]
    fn a_fork_and_a_vendored_copy_are_possible_and_what_has_no_package_url_is_nothing() {
        let database = database(&[&record("RUSTSEC-2026-0001", "", "time", "")]);
        let certainty =
            |component: Component| matches(&database, &[component]).first().map(|matched| matched.components[0].certainty);
        assert_eq!(certainty(component("pkg:cargo/time@1.0.0")), Some(Certainty::Certain));
        assert_eq!(certainty(component("pkg:cargo/time@1.0.0?vcs_url=git%2Bhttps://h/t%40c")), Some(Certainty::Possible));
        assert_eq!(certainty(component("pkg:cargo/time@1.0.0?repository_url=https://h")), Some(Certainty::Possible));
        let vendored = Component { role: Role::Copy, ..component("pkg:cargo/time@1.0.0") };
        assert_eq!(certainty(vendored), Some(Certainty::Possible));
        let placed = |role: Role| Component {
            role,
            reference: "path:cargo:vendor/time#time@1.0.0".to_owned(),
            purl: Some("pkg:generic/shop/time@1.0.0".to_owned()),
            ..component("pkg:cargo/time@1.0.0")
        };
        assert_eq!(certainty(placed(Role::Copy)), Some(Certainty::Possible));
        assert_eq!(certainty(placed(Role::Own)), None);
        assert_eq!(certainty(component("pkg:cargo/time@soon")), Some(Certainty::Undecided));
        assert_eq!(certainty(component("pkg:cargo/time")), Some(Certainty::Undecided));
        assert_eq!(certainty(component("pkg:npm/time@1.0.0")), None);
        assert_eq!(certainty(Component { purl: None, ..component("pkg:cargo/time@1.0.0") }), None);
    }

    #[test]
    fn what_informs_is_told_apart_unless_another_database_calls_it_a_vulnerability() {
        let unsound = r#","database_specific":{"informational":"unsound"}"#;
        let one = record("RUSTSEC-2026-0001", "", "a", unsound);
        let two = record("RUSTSEC-2026-0002", r#""GHSA-b""#, "b", unsound);
        let three = record("GHSA-b", "", "b", "");
        let database = database(&[&one, &two, &three]);
        let found = matches(&database, &[component("pkg:cargo/a@1.0.0"), component("pkg:cargo/b@1.0.0")]);
        let told: Vec<_> = found.iter().map(|matched| (matched.id.as_str(), matched.class)).collect();
        assert_eq!(told, [("RUSTSEC-2026-0002", Class::Vulnerability), ("RUSTSEC-2026-0001", Class::Unsound)]);
    }
}
