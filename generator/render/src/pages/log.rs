//! The log: every entry, newest first, in pages of fixed ranges so that a full page never changes again.

use avouch_model::{
    entry::{EntryKind, Visibility},
    payload::Recorded,
};
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section, Shape, Table},
    path,
    pen::Pen,
};

/// The entries of one page: its size stays below 60 kB.
pub(crate) const ENTRIES_A_PAGE: usize = 120;

/// How many pages the log takes.
pub(crate) fn pages(shown: &[Recorded]) -> usize {
    shown.len().div_ceil(ENTRIES_A_PAGE).max(1)
}

/// The page with this range; the last one is the front page, `log/`.
pub(crate) fn page(pen: &Pen<'_>, number: usize) -> Page {
    let (site, w) = (pen.site, pen.w);
    let last = pages(site.shown) - 1;
    let entries = site.shown.chunks(ENTRIES_A_PAGE).nth(number).unwrap_or_default();
    let tail = if number == last { "log".to_owned() } else { format!("log/{number}") };
    let mut page = Page::new(Section::Verify, tail, w.log_title);
    page.crumbs.push(pen.link("verify", &w.verify_title));
    let range = |entries: &[Recorded]| {
        let first = entries.first().map_or(0, |recorded| recorded.index);
        let last = entries.last().map_or(0, |recorded| recorded.index);
        (pen.lang.number(first), pen.lang.number(last))
    };
    let (first, end) = range(entries);
    page.lede.push(Html::text(&fill(
        w.log_lede,
        &[("total", &pen.lang.number(site.view.log.entries)), ("first", &first), ("last", &end)],
    )));
    let mut table = Table::new(
        w.log_caption,
        &[
            (w.entry, Shape::Figure),
            (w.recorded_utc, Shape::Figure),
            (w.what, Shape::Text),
            (w.about, Shape::Text),
            (w.evidence, Shape::Text),
        ],
    );
    for recorded in entries.iter().rev() {
        let entry = &recorded.entry;
        let evidence = match (entry.kind, entry.visibility) {
            // A `site` entry has no page: it is the pages. Its payload lies with the others.
            (EntryKind::Site, Visibility::Public) => Html::format(
                "<a class=\"id\" href=\"{}\">{}</a>",
                &[&pen.file(&path::blob(&entry.digest)), &entry.digest.short()],
            ),
            (_, Visibility::Sealed) => Html::format("{} {}", &[&pen.evidence(&entry.digest, ""), &w.sealed]),
            _ => pen.evidence(&entry.digest, ""),
        };
        table.row(vec![
            pen.number(recorded.index),
            pen.instant_short(entry.at),
            Html::text(kind_name(pen, entry.kind)),
            Html::text(&entry.subject),
            evidence,
        ]);
    }
    page.table(table, w.log_empty);
    let mut links = Vec::new();
    for other in (0..=last).rev() {
        // Neighbours and both ends: the list does not grow with the log.
        if other == number || !(other == 0 || other == last || other.abs_diff(number) <= 2) {
            continue;
        }
        let Some(entries) = site.shown.chunks(ENTRIES_A_PAGE).nth(other) else { continue };
        let (first, end) = range(entries);
        let text = fill(w.log_range, &[("first", &first), ("last", &end)]);
        let tail = if other == last { "log".to_owned() } else { format!("log/{other}") };
        links.push(pen.link(&tail, &text));
    }
    if !links.is_empty() {
        page.heading(w.log_more);
        page.blocks.push(Block::List(links));
    }
    let rows: Vec<Value> = entries.iter().map(|recorded| json!({ "index": recorded.index, "entry": recorded.entry })).collect();
    page.twin = json!({ "v": 1, "origin": site.view.log.origin, "total": site.view.log.entries, "entries": rows });
    page
}

/// What an entry records, in a word.
pub(crate) const fn kind_name(pen: &Pen<'_>, kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Genesis => pen.w.entry_genesis,
        EntryKind::Scope => pen.w.entry_scope,
        EntryKind::Decision => pen.w.entry_decision,
        EntryKind::Release => pen.w.entry_release,
        EntryKind::Sbom => pen.w.entry_sbom,
        EntryKind::Receipt => pen.w.entry_receipt,
        EntryKind::Run => pen.w.entry_run,
        EntryKind::Details => pen.w.entry_details,
        EntryKind::Missed => pen.w.entry_missed,
        EntryKind::Site => pen.w.entry_site,
        EntryKind::Key => pen.w.entry_key,
        EntryKind::Withdrawal => pen.w.entry_withdrawal,
        EntryKind::Unsealing => pen.w.entry_unsealing,
        EntryKind::Vex => pen.w.entry_vex,
        EntryKind::Deployment => pen.w.entry_deployment,
    }
}
