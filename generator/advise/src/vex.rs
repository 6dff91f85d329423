//! VEX: how our releases stand to vulnerabilities, as CycloneDX and as OpenVEX, from one table.
//!
//! What somebody of us stated counts. Where nobody did, a component whose version an advisory names is under investigation:
//! that a matcher finds a name and a version says nothing about whether it can be used against the product.

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Digest, Timestamp,
    payload::{VexJustification, VexStatement, VexStatus},
    percent::encoded_fragment,
};
use serde_json::{Value, json};

use crate::{Bom, Class, Match, OfEcosystem, Purl, Severity};

/// A release with its BOM and what advisories say of its components.
#[derive(Clone, Debug)]
pub struct ReleaseBom {
    /// The version.
    pub version: String,
    /// The BOM.
    pub bom: Bom,
    /// What was found; empty where no advisories were given.
    pub matches: Vec<Match>,
}

/// One line of the table: a vulnerability, a release, a component of it, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The vulnerability's id.
    pub vulnerability: String,
    /// Its other ids.
    pub aliases: BTreeSet<String>,
    /// One line on what it is.
    pub summary: String,
    /// How grave it is.
    pub severity: Severity,
    /// The release's version.
    pub release: String,
    /// The release's package URL.
    pub product: String,
    /// The component's package URL; none for the product itself.
    pub component: Option<String>,
    /// What names the component, or the product, across documents: a BOM-Link (CycloneDX, "Linking").
    pub link: Option<String>,
    /// What is said.
    pub said: Said,
}

/// How something stands, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The label.
    pub status: VexStatus,
    /// Why not affected.
    pub justification: Option<VexJustification>,
    /// The same in words.
    pub impact: Option<String>,
    /// What to do.
    pub action: Option<String>,
    /// Since when it is said; none where nobody of us said anything yet.
    pub at: Option<Timestamp>,
}

/// What a document says of itself.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// The product's name: the author.
    pub author: &'a str,
    /// The program's name and version, `avouch 0.1.0`.
    pub program: &'a str,
    /// When it is written.
    pub at: Timestamp,
}

/// The table: for each release what was found and what was stated, sorted by vulnerability, release and component.
///
/// Of several statements about one vulnerability, component and release the last counts; one about a component counts before
/// one about all. A statement about a vulnerability that was not found holds for the product, or for the component it names.
pub fn rows(releases: &[ReleaseBom], statements: &[(Timestamp, VexStatement)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for release in releases {
        let of_release: Vec<&(Timestamp, VexStatement)> =
            statements.iter().filter(|(_, statement)| release_matches(&statement.releases, &release.version)).collect();
        let found = release.matches.iter().filter(|matched| matched.class == Class::Vulnerability);
        let mut told: BTreeMap<&str, &Match> = BTreeMap::new();
        for matched in found {
            told.extend(matched.names().map(|name| (name, matched)));
            for component in &matched.components {
                let said = spoken(&of_release, |name| matched.names().any(|known| known == name), Some(&component.purl));
                let said = said.unwrap_or_else(|| unspoken(&component.fixed, &component.name));
                rows.push(release.row(matched.id.clone(), Some(matched), Some((&component.purl, &component.reference)), said));
            }
        }
        for (_, statement) in &of_release {
            let component = statement.component.as_deref();
            // What was found is told above; a statement about another component of it is not.
            let matched = told.get(statement.vulnerability.as_str()).copied();
            if let Some(matched) = matched
                && component.is_none_or(|named| matched.components.iter().any(|there| is_of(named, Some(&there.purl))))
            {
                continue;
            }
            let is_it =
                |name: &str| matched.map_or(name == statement.vulnerability, |matched| matched.names().any(|one| one == name));
            let Some(said) = spoken(&of_release, is_it, component) else { continue };
            let reference =
                component.and_then(|purl| release.bom.components.iter().find(|there| is_of(purl, there.purl.as_deref())));
            let named = component.map(|purl| (purl, reference.map_or("", |there| there.reference.as_str())));
            let id = matched.map_or(&statement.vulnerability, |matched| &matched.id);
            rows.push(release.row(id.clone(), matched, named, said));
        }
    }
    let key = |row: &Row| (row.vulnerability.clone(), row.release.clone(), row.component.clone());
    rows.sort_by_key(key);
    rows.dedup();
    rows
}

/// The status that was stated last about a vulnerability, by any of its names, in a component of a release; none where nobody did.
pub fn status(statements: &[(Timestamp, VexStatement)], release: &str, names: &[String], component: &str) -> Option<VexStatus> {
    let of_release: Vec<_> = statements.iter().filter(|(_, statement)| release_matches(&statement.releases, release)).collect();
    spoken(&of_release, |name| names.iter().any(|known| known == name), Some(component)).map(|said| said.status)
}

/// The last statement about a vulnerability and a component.
fn spoken(statements: &[&(Timestamp, VexStatement)], is_it: impl Fn(&str) -> bool, component: Option<&str>) -> Option<Said> {
    let about = |statement: &VexStatement| is_it(&statement.vulnerability);
    let own = |statement: &VexStatement| {
        statement
            .component
            .as_deref()
            .is_some_and(|named| component.is_some_and(|purl| named == purl || is_of(named, Some(purl))))
    };
    let last = |of_component: bool| {
        let fits = |statement: &VexStatement| if of_component { own(statement) } else { statement.component.is_none() };
        statements.iter().rev().find(|(_, statement)| about(statement) && fits(statement))
    };
    let (at, statement) = last(true).or_else(|| last(false))?;
    Some(Said {
        status: statement.status,
        justification: statement.justification,
        impact: statement.impact.clone(),
        action: statement.action.clone(),
        at: Some(*at),
    })
}

fn unspoken(fixed: &[String], name: &str) -> Said {
    let action = (!fixed.is_empty()).then(|| format!("Fixed in {} {}.", name, fixed.join(", ")));
    Said { status: VexStatus::UnderInvestigation, justification: None, impact: None, action, at: None }
}

/// Whether a package URL that somebody named, with or without a version, means this one.
fn is_of(named: &str, purl: Option<&str>) -> bool {
    let (Ok(named), Some(Ok(there))) = (named.parse::<Purl>(), purl.map(str::parse::<Purl>)) else { return false };
    let Some(ecosystem) = named.ecosystem() else { return false };
    named.kind == there.kind
        && ecosystem.normal(&named.full_name()) == ecosystem.normal(&there.full_name())
        && (named.version.is_none() || named.version == there.version)
}

/// Whether a glob over versions means this one: `*` stands for any characters, `?` for one.
pub fn release_matches(glob: &str, version: &str) -> bool {
    let (glob, version): (Vec<char>, Vec<char>) = (glob.chars().collect(), version.chars().collect());
    // How far the glob has come with what was read of the version, for each place in the glob.
    let mut open = vec![false; glob.len() + 1];
    if let Some(first) = open.first_mut() {
        *first = true;
    }
    let pass_stars = |open: &mut Vec<bool>| {
        for (at, letter) in glob.iter().enumerate() {
            if *letter == '*'
                && open.get(at) == Some(&true)
                && let Some(next) = open.get_mut(at + 1)
            {
                *next = true;
            }
        }
    };
    pass_stars(&mut open);
    for character in version {
        let mut next = vec![false; glob.len() + 1];
        for (at, letter) in glob.iter().enumerate().filter(|(at, _)| open.get(*at) == Some(&true)) {
            let stays = *letter == '*';
            let target = if stays { at } else { at + 1 };
            if (stays || *letter == '?' || *letter == character)
                && let Some(place) = next.get_mut(target)
            {
                *place = true;
            }
        }
        open = next;
        pass_stars(&mut open);
    }
    open.last() == Some(&true)
}

impl ReleaseBom {
    fn row(&self, id: String, matched: Option<&Match>, component: Option<(&str, &str)>, said: Said) -> Row {
        let aliases = matched.map(|matched| matched.aliases.iter().cloned().collect()).unwrap_or_default();
        let reference = match component {
            Some((_, reference)) => Some(reference).filter(|reference| !reference.is_empty()),
            None => None,
        };
        let root = self.bom.root.as_ref().map(|root| root.reference.as_str());
        Row {
            vulnerability: id,
            aliases,
            summary: matched.map(|matched| matched.summary.clone()).unwrap_or_default(),
            severity: matched.map(|matched| matched.severity.clone()).unwrap_or_default(),
            release: self.version.clone(),
            product: self.product(),
            component: component.map(|(purl, _)| purl.to_owned()),
            link: reference.or(root).and_then(|reference| self.link(reference)),
            said,
        }
    }

    /// The package URL of the release: the BOM's own, otherwise a generic one of its name.
    fn product(&self) -> String {
        let root = self.bom.root.as_ref();
        root.and_then(|root| root.purl.clone()).unwrap_or_else(|| {
            let name = root.map_or_else(|| "product".to_owned(), |root| root.name.clone());
            let version = Some(self.version.clone());
            Purl { kind: "generic".to_owned(), name, version, ..Purl::default() }.to_string()
        })
    }

    /// `urn:cdx:SERIAL/1#REFERENCE`; none where the BOM has no serial number to be named by.
    fn link(&self, reference: &str) -> Option<String> {
        let serial = self.bom.serial.as_deref()?.strip_prefix("urn:uuid:")?;
        Some(format!("urn:cdx:{serial}/1#{}", encoded_fragment(reference)))
    }
}

/// Rows that say the same of the same vulnerability, in one.
fn grouped(rows: &[Row]) -> Vec<(&Row, Vec<&Row>)> {
    let mut groups: BTreeMap<(&str, &Said), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((&row.vulnerability, &row.said)).or_default().push(row);
    }
    groups.into_values().filter_map(|rows| Some((*rows.first()?, rows))).collect()
}

/// The table as a CycloneDX 1.6 document of its own, which refers to the BOMs of the releases.
pub fn cyclonedx(rows: &[Row], document: &Document<'_>) -> Value {
    let vulnerabilities: Vec<Value> = grouped(rows).into_iter().map(|(first, rows)| vulnerability(first, &rows)).collect();
    let (name, version) = document.program.split_once(' ').unwrap_or((document.program, ""));
    let serial = identity(&json!([document.author, document.at, vulnerabilities]));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial,
        "version": 1,
        "metadata": {
            "timestamp": document.at.to_string(),
            "tools": { "components": [{ "type": "application", "name": name, "version": version }] },
            "supplier": { "name": document.author },
        },
        "vulnerabilities": vulnerabilities,
    })
}

fn vulnerability(first: &Row, rows: &[&Row]) -> Value {
    let said = &first.said;
    let state = match said.status {
        VexStatus::NotAffected => "not_affected",
        VexStatus::Affected => "exploitable",
        VexStatus::Fixed => "resolved",
        VexStatus::UnderInvestigation => "in_triage",
    };
    let mut analysis = json!({ "state": state });
    let mut put = |key: &str, value: Option<Value>| {
        if let (Some(value), Some(members)) = (value, analysis.as_object_mut()) {
            members.insert(key.to_owned(), value);
        }
    };
    put("justification", said.justification.map(|why| json!(cyclonedx_justification(why))));
    put("detail", said.impact.clone().or_else(|| said.at.is_none().then(|| NOTHING_STATED.to_owned())).map(Value::from));
    put("firstIssued", said.at.map(|at| json!(at.to_string())));
    put("lastUpdated", said.at.map(|at| json!(at.to_string())));
    let references = first.aliases.iter().map(|alias| json!({ "id": alias, "source": { "name": source(alias) } }));
    let affects: BTreeMap<&str, &Row> = rows.iter().filter_map(|row| Some((row.link.as_deref()?, *row))).collect();
    let affects = affects.into_keys().map(|link| json!({ "ref": link }));
    let mut shown = json!({
        "id": first.vulnerability,
        "source": { "name": source(&first.vulnerability) },
        "analysis": analysis,
        "affects": affects.collect::<Vec<_>>(),
    });
    let mut put = |key: &str, value: Value| {
        if let Some(members) = shown.as_object_mut() {
            members.insert(key.to_owned(), value);
        }
    };
    let references: Vec<Value> = references.collect();
    if !references.is_empty() {
        put("references", Value::Array(references));
    }
    if !first.summary.is_empty() {
        put("description", json!(first.summary));
    }
    if let Some(action) = &said.action {
        put("recommendation", json!(action));
    }
    if let Some(rating) = rating(&first.severity) {
        put("ratings", json!([rating]));
    }
    shown
}

/// What is said where nobody of us said anything.
const NOTHING_STATED: &str =
    "The version of a component is one that the advisory names. Whether the product is affected is not stated yet.";

/// The label of CycloneDX 1.6 that comes nearest.
const fn cyclonedx_justification(justification: VexJustification) -> &'static str {
    match justification {
        VexJustification::ComponentNotPresent | VexJustification::VulnerableCodeNotPresent => "code_not_present",
        VexJustification::VulnerableCodeNotInExecutePath => "code_not_reachable",
        VexJustification::VulnerableCodeCannotBeControlledByAdversary => "requires_environment",
        VexJustification::InlineMitigationsAlreadyExist => "protected_by_mitigating_control",
    }
}

fn rating(severity: &Severity) -> Option<Value> {
    let rating = severity.rating?;
    let mut shown = json!({ "severity": rating.name() });
    if let (Some(members), Some(vector), Some(tenths)) = (shown.as_object_mut(), &severity.vector, severity.tenths) {
        let method = match vector.get(..8) {
            Some("CVSS:3.0") => "CVSSv3",
            Some("CVSS:3.1") => "CVSSv31",
            Some("CVSS:4.0") => "CVSSv4",
            _ => "CVSSv2",
        };
        members.insert("score".to_owned(), json!(f64::from(tenths) / 10.0));
        members.insert("method".to_owned(), json!(method));
        members.insert("vector".to_owned(), json!(vector));
    }
    Some(shown)
}

/// Who publishes an id.
fn source(id: &str) -> &'static str {
    let known = [
        ("CVE-", "CVE Program"),
        ("GHSA-", "GitHub Advisory Database"),
        ("RUSTSEC-", "RustSec Advisory Database"),
        ("GO-", "Go Vulnerability Database"),
        ("PYSEC-", "PyPI Advisory Database"),
        ("MAL-", "OpenSSF Malicious Packages"),
    ];
    known.iter().find(|(prefix, _)| id.starts_with(prefix)).map_or("OSV", |(_, name)| name)
}

/// The table as an OpenVEX 0.2.0 document.
pub fn openvex(rows: &[Row], document: &Document<'_>) -> Value {
    let statements: Vec<Value> = grouped(rows).into_iter().map(|(first, rows)| statement(first, &rows, document.at)).collect();
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": identity(&json!([document.author, document.at, statements])),
        "author": document.author,
        "timestamp": document.at.to_string(),
        "version": 1,
        "tooling": document.program,
        "statements": statements,
    })
}

fn statement(first: &Row, rows: &[&Row], at: Timestamp) -> Value {
    let said = &first.said;
    let mut products: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        products.entry(&row.product).or_default().extend(row.component.as_deref());
    }
    let product = |(purl, components): (&str, BTreeSet<&str>)| {
        let subcomponents: Vec<Value> =
            components.into_iter().map(|purl| json!({ "@id": purl, "identifiers": { "purl": purl } })).collect();
        let mut product = json!({ "@id": purl, "identifiers": { "purl": purl } });
        if let (false, Some(members)) = (subcomponents.is_empty(), product.as_object_mut()) {
            members.insert("subcomponents".to_owned(), Value::Array(subcomponents));
        }
        product
    };
    let mut vulnerability = json!({ "name": first.vulnerability });
    if let Some(members) = vulnerability.as_object_mut() {
        if !first.aliases.is_empty() {
            members.insert("aliases".to_owned(), json!(first.aliases));
        }
        if !first.summary.is_empty() {
            members.insert("description".to_owned(), json!(first.summary));
        }
    }
    let mut shown = json!({
        "vulnerability": vulnerability,
        "timestamp": said.at.unwrap_or(at).to_string(),
        "products": products.into_iter().map(product).collect::<Vec<_>>(),
        "status": said.status.name(),
    });
    let mut put = |key: &str, value: Option<String>| {
        if let (Some(value), Some(members)) = (value, shown.as_object_mut()) {
            members.insert(key.to_owned(), Value::String(value));
        }
    };
    let justification = said.justification.map(|why| why.name().to_owned());
    // The schema of 0.2.0 takes one of the two, and wants what a machine can read.
    match said.status {
        VexStatus::NotAffected if justification.is_some() => put("status_notes", said.impact.clone()),
        VexStatus::NotAffected => put("impact_statement", said.impact.clone()),
        _ => put("status_notes", said.impact.clone().or_else(|| said.at.is_none().then(|| NOTHING_STATED.to_owned()))),
    }
    put("justification", justification);
    put("action_statement", said.action.clone());
    shown
}

/// An identity made from the content: the same content has the same one (RFC 9562, section 5.8).
fn identity(content: &Value) -> String {
    let digest = Digest::of(content.to_string().as_bytes()).hex();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

#[cfg(test)]
mod tests;
