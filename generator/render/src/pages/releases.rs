//! Releases: what each was made of, and what was asked of it.

use std::collections::BTreeMap;

use avouch_model::{
    payload::{Payload, Recorded, ReleaseRecord, Run},
    state::Outcome,
};
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section, Shape, Table},
    path::{name_in_path, sbom_file},
    pen::{Pen, Site},
};

/// The most runs that the page of a release lists; the log lists them all.
const RUNS_MAX: usize = 60;

/// The records of each version, in the order in which the versions were first seen.
pub(crate) fn versions<'a>(site: &Site<'a>) -> Vec<(&'a str, Vec<(&'a ReleaseRecord, &'a Recorded)>)> {
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    let mut versions: Vec<(&str, Vec<_>)> = Vec::new();
    for (record, recorded) in &site.releases {
        let version = record.release.version.as_str();
        let at = *place.entry(version).or_insert_with(|| {
            versions.push((version, Vec::new()));
            versions.len() - 1
        });
        if let Some((_, records)) = versions.get_mut(at) {
            records.push((*record, *recorded));
        }
    }
    versions
}

/// The register, newest first.
pub(crate) fn register(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let mut page = Page::new(Section::Releases, "releases", w.releases_title);
    let versions = versions(site);
    page.lede.push(match &site.view.assessment.release {
        Some(release) => Html::fill(w.releases_lede, &[("release", &pen.release(&release.version))]),
        None => Html::text(w.releases_none),
    });
    let mut table = Table::new(
        w.releases_caption,
        &[
            (w.release, Shape::Text),
            (w.commit, Shape::Text),
            (w.committed_utc, Shape::Figure),
            (w.components, Shape::Count),
            (w.evidence, Shape::Text),
        ],
    );
    for (version, records) in versions.iter().rev() {
        let Some((record, recorded)) = records.last() else { continue };
        table.row(vec![
            pen.release(version),
            short_commit(&record.release.commit),
            pen.instant_short(record.committed),
            record.boms.first().map_or_else(|| pen.nothing(), |bom| pen.number(bom.components)),
            pen.evidence(&recorded.entry.digest, ""),
        ]);
    }
    page.table(table, w.releases_none);
    let rows: Vec<Value> = site.releases.iter().map(|(record, recorded)| twin(record, recorded)).collect();
    page.twin = json!({ "v": 1, "current": site.view.assessment.release, "releases": rows });
    page
}

/// The page of one version.
pub(crate) fn page(pen: &Pen<'_>, version: &str, records: &[(&ReleaseRecord, &Recorded)]) -> Page {
    let (site, w) = (pen.site, pen.w);
    let tail = format!("releases/{}", name_in_path(version));
    let mut page = Page::new(Section::Releases, tail, fill(w.release_title, &[("version", version)]));
    page.crumbs.push(pen.link("releases", &w.releases_title));
    let commits: std::collections::BTreeSet<&str> = records.iter().map(|(record, _)| record.release.commit.as_str()).collect();
    let Some((record, recorded)) = records.last() else { return page };
    page.lede.push(Html::fill(
        w.release_lede,
        &[("commit", &short_commit(&record.release.commit)), ("time", &pen.instant(record.committed))],
    ));
    if commits.len() > 1 {
        page.blocks.push(Block::Attention {
            title: w.two_commits_title.to_owned(),
            items: commits.iter().map(|commit| Html::format("<code class=\"hash\">{}</code>", &[commit])).collect(),
        });
    }
    if !record.release.is_released() {
        page.note(Html::text(w.release_untagged));
    }
    if record.dirty {
        page.note(Html::text(w.release_dirty));
    }
    page.blocks.push(Block::Facts(vec![
        (w.commit.to_owned(), Html::format("<code class=\"hash\">{}</code>", &[&record.release.commit])),
        (
            w.tag.to_owned(),
            record.release.tag.as_ref().map_or_else(|| pen.nothing(), |tag| Html::format("<code>{}</code>", &[tag])),
        ),
        (w.recorded.to_owned(), pen.instant(recorded.entry.at)),
        (w.evidence.to_owned(), pen.evidence(&recorded.entry.digest, "")),
    ]));
    page.heading(w.fact_sbom);
    page.table(boms(pen, record), w.boms_empty);
    page.heading(w.lockfiles);
    page.table(lockfiles(pen, record), w.lockfiles_empty);
    page.heading(w.runs_on_release);
    let runs = site.runs_on.get(version).map(Vec::as_slice).unwrap_or_default();
    page.table(runs_table(pen, runs), w.runs_empty);
    if runs.len() > RUNS_MAX {
        page.note(Html::fill(w.runs_more, &[("link", &pen.link("log", &w.log_link))]));
    }
    let rows: Vec<Value> = records.iter().map(|(record, recorded)| twin(record, recorded)).collect();
    let runs: Vec<_> = runs.iter().rev().take(RUNS_MAX).map(|run| run.entry.digest).collect();
    page.twin = json!({ "v": 1, "version": version, "records": rows, "runs": runs });
    page
}

/// The BOMs of a release.
pub(crate) fn boms(pen: &Pen<'_>, record: &ReleaseRecord) -> Table {
    let w = pen.w;
    let mut table = Table::new(
        "",
        &[(w.file, Shape::Text), (w.format, Shape::Text), (w.components, Shape::Count), (w.evidence, Shape::Text)],
    );
    for bom in &record.boms {
        let path = sbom_file(&record.release.version, &bom.file);
        let name = Html::format("<code>{}</code>", &[&bom.file]);
        let file = if pen.site.payloads.contains_key(&bom.digest) {
            Html::format("<a href=\"{}\">{}</a>", &[&pen.file(&path), &name])
        } else {
            name
        };
        table.row(vec![
            file,
            bom.spec
                .strip_prefix("SPDX-")
                .map_or_else(|| Html::format("CycloneDX {}", &[&bom.spec]), |version| Html::format("SPDX {}", &[&version])),
            pen.number(bom.components),
            pen.evidence(&bom.digest, ""),
        ]);
    }
    table
}

/// The lockfiles that were read.
pub(crate) fn lockfiles(pen: &Pen<'_>, record: &ReleaseRecord) -> Table {
    let mut table = Table::new("", &[(pen.w.file, Shape::Text), ("SHA-256", Shape::Text)]);
    for (path, digest) in &record.lockfiles {
        table.row(vec![
            Html::format("<code>{}</code>", &[path]),
            Html::format("<code class=\"hash\">{}</code>", &[&digest.hex()]),
        ]);
    }
    table
}

fn runs_table(pen: &Pen<'_>, runs: &[&Recorded]) -> Table {
    let w = pen.w;
    let mut table = Table::new(
        "",
        &[
            (w.run_utc, Shape::Figure),
            (w.outcome_pass, Shape::Count),
            (w.outcome_fail, Shape::Count),
            (w.undecided, Shape::Count),
            (w.evidence, Shape::Text),
        ],
    );
    for recorded in runs.iter().rev().take(RUNS_MAX) {
        let Payload::Run(run) = &recorded.payload else { continue };
        let tally = Tally::of(pen.site, run);
        table.row(vec![
            pen.instant_short(run.ended),
            pen.number(tally.passed),
            pen.number(tally.failed),
            pen.number(tally.undecided),
            pen.evidence(&recorded.entry.digest, ""),
        ]);
    }
    table
}

/// How the observations of a run came out.
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) undecided: u64,
    /// Providers’ promises on record: shown apart, never as passes.
    pub(crate) inherited: u64,
}

impl Tally {
    pub(crate) fn of(site: &Site<'_>, run: &Run) -> Self {
        let mut tally = Self { passed: 0, failed: 0, undecided: 0, inherited: 0 };
        for observation in &run.observations {
            *(match observation.outcome {
                Outcome::Pass if site.is_inherited(&observation.check) => &mut tally.inherited,
                Outcome::Pass => &mut tally.passed,
                Outcome::Fail => &mut tally.failed,
                Outcome::Error | Outcome::NotExercised => &mut tally.undecided,
            }) += 1;
        }
        tally
    }
}

/// A commit by its first twelve digits.
pub(crate) fn short_commit(commit: &str) -> Html {
    let short: String = commit.chars().take(12).collect();
    Html::format("<code class=\"id\">{}</code>", &[&short])
}

fn twin(record: &ReleaseRecord, recorded: &Recorded) -> Value {
    json!({
        "release": record.release,
        "committed": record.committed,
        "dirty": record.dirty,
        "lockfiles": record.lockfiles,
        "boms": record.boms,
        "recorded": recorded.entry.at,
        "digest": recorded.entry.digest,
    })
}
