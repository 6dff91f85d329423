//! The permanent page of a payload: one address a digest, in no language's folder, whatever happens to the payload.

use avouch_model::{
    Digest,
    entry::{EntryKind, Visibility},
    payload::{Payload, Recorded, WithdrawalReason},
};

use crate::{
    escape::{Html, fill},
    language::Language,
    page::{Block, Page, Section, Shape, Table},
    pages::{log::kind_name, payload, verify::quotable},
    path,
    pen::{Pen, Site, marked},
};

/// The page of a payload, from the entries that commit to it (never empty).
///
/// The page is in English where the site speaks it, with a summary in French; otherwise in the site's own language.
pub(crate) fn page(pen: &Pen<'_>, digest: &Digest, entries: &[&Recorded]) -> Page {
    let (site, w) = (pen.site, pen.w);
    let first = entries.iter().find(|recorded| recorded.payload != Payload::Absent).or(entries.first());
    let Some(recorded) = first else {
        return Page::new(Section::Elsewhere, "", digest.short());
    };
    let kind = kind_name(pen, recorded.entry.kind);
    let mut page = Page::new(
        Section::Elsewhere,
        format!("e/{}", digest.hex()),
        fill(w.evidence_title, &[("kind", kind), ("digest", &digest.short())]),
    );
    page.crumbs.push(pen.link("log", &w.log_title));
    let public = body(pen, &mut page, digest, recorded);
    entries_of(pen, &mut page, entries);
    check_it(pen, &mut page, digest, public);
    if pen.lang == Language::En && site.languages.contains(&Language::Fr) {
        let lede = french(site, digest, recorded);
        page.lede.push(Html::format("<span lang=\"fr\" class=\"other\">{}</span>", &[&lede]));
    }
    page
}

/// What the payload says; whether its bytes are public under this digest.
fn body(pen: &Pen<'_>, page: &mut Page, digest: &Digest, recorded: &Recorded) -> bool {
    let (site, w) = (pen.site, pen.w);
    if recorded.payload != Payload::Absent {
        payload::body(pen, page, recorded);
        return true;
    }
    if let Some((reason, at)) = site.withdrawn.get(digest) {
        page.lede.push(Html::format("{} {}", &[&marked("untested", w.withdrawn), &withdrawn(pen, *reason, *at)]));
        page.paragraph(Html::text(w.withdrawn_about));
    } else if recorded.entry.visibility == Visibility::Sealed {
        page.lede.push(Html::format("{} {}", &[&marked("untested", w.sealed_title), &w.sealed_about]));
        if let Some(released) = site.unsealed.get(digest) {
            page.paragraph(Html::fill(w.sealed_released, &[("link", &pen.evidence(released, ""))]));
        }
    } else {
        page.lede.push(Html::format("{} {}", &[&marked("fail", w.missing), &w.missing_about]));
    }
    false
}

fn withdrawn(pen: &Pen<'_>, reason: WithdrawalReason, at: avouch_model::Timestamp) -> Html {
    Html::fill(pen.w.withdrawn_on, &[("time", &pen.instant(at)), ("reason", &withdrawal_reason(pen, reason))])
}

/// The reason of a withdrawal, in words.
pub(crate) const fn withdrawal_reason(pen: &Pen<'_>, reason: WithdrawalReason) -> &'static str {
    match reason {
        WithdrawalReason::PersonalData => pen.w.withdrawal_personal_data,
        WithdrawalReason::Secret => pen.w.withdrawal_secret,
        WithdrawalReason::Legal => pen.w.withdrawal_legal,
        WithdrawalReason::Mistake => pen.w.withdrawal_mistake,
        WithdrawalReason::Superseded => pen.w.withdrawal_superseded,
    }
}

fn french(site: &Site<'_>, digest: &Digest, recorded: &Recorded) -> Html {
    let pen = Pen::new(site, Language::Fr, &format!("e/{}", digest.hex()));
    let kind = kind_name(&pen, recorded.entry.kind);
    let state = if recorded.payload != Payload::Absent {
        Html::default()
    } else if let Some((reason, at)) = site.withdrawn.get(digest) {
        withdrawn(&pen, *reason, *at)
    } else if recorded.entry.visibility == Visibility::Sealed {
        Html::text(pen.w.sealed_about)
    } else {
        Html::text(pen.w.missing_about)
    };
    Html::format(
        "{} {}",
        &[&Html::fill(pen.w.evidence_summary, &[("kind", &kind), ("time", &pen.instant(recorded.entry.at))]), &state],
    )
}

fn entries_of(pen: &Pen<'_>, page: &mut Page, entries: &[&Recorded]) {
    let w = pen.w;
    page.heading(w.log_entries_of);
    let mut table = Table::new(
        "",
        &[(w.entry, Shape::Figure), (w.recorded_utc, Shape::Figure), (w.what, Shape::Text), (w.about, Shape::Text)],
    );
    // An unchanged result repeats its digest: the newest are enough, and how many there are.
    const ENTRIES_MAX: usize = 50;
    for recorded in entries.iter().rev().take(ENTRIES_MAX) {
        table.row(vec![
            pen.number(recorded.index),
            pen.instant_short(recorded.entry.at),
            Html::text(kind_name(pen, recorded.entry.kind)),
            Html::text(&recorded.entry.subject),
        ]);
    }
    page.table(table, w.log_empty);
    page.note(Html::text(&fill(
        pen.lang.plural(entries.len() as u64, w.entries_of_one, w.entries_of_many),
        &[("n", &pen.lang.number(entries.len() as u64)), ("m", &pen.lang.number(pen.site.view.log.entries))],
    )));
}

fn check_it(pen: &Pen<'_>, page: &mut Page, digest: &Digest, public: bool) {
    let w = pen.w;
    page.heading(w.check_it_yourself);
    page.blocks.push(Block::Paragraph(Html::format(
        "<span class=\"muted\">SHA-256</span> <code class=\"hash\">{}</code>",
        &[&digest.hex()],
    )));
    let place = pen.site.base().unwrap_or("DIR");
    let key = quotable(pen.site.view.log.verifier_key);
    page.blocks.push(Block::Code(format!("avouch verify {place} --key '{key}' --entry {digest}")));
    let mut links = Vec::new();
    if public {
        links.push(Html::format("<a href=\"{}\">{}</a>", &[&pen.file(&path::blob(digest)), &w.payload]));
    }
    if pen.site.view.statements.contains(digest) {
        links.push(Html::format("<a href=\"{}\">{}</a>", &[&pen.file(&path::statement(digest)), &w.signed_statement]));
    }
    // It begins the sentence where there is nothing before it.
    links.push(pen.link("verify", if links.is_empty() { &w.verify_title } else { &w.how_to_verify }));
    page.paragraph(Html::format("{}. {}", &[&Html::join(links, ", "), &w.permanent]));
}

/// Whether the payload's own bytes can be offered as the page's machine-readable twin.
pub(crate) fn twin_path(entries: &[&Recorded]) -> Option<String> {
    let recorded = entries.iter().find(|recorded| recorded.payload != Payload::Absent)?;
    (recorded.entry.kind != EntryKind::Site).then(|| path::blob(&recorded.entry.digest))
}
