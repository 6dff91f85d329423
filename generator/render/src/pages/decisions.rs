//! Decisions of people: what is excused, declared, promised by others, left open or said not to apply.

use avouch_model::{
    assessment::WaiverFinding,
    decision::Decision,
    payload::{Payload, Recorded},
};
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section},
    pages::requirement::decision_facts,
    path::name_in_path,
    pen::{Pen, marked},
};

/// The most decisions that the page tells in full; the log holds them all.
const DECISIONS_MAX: usize = 100;

/// The page.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let as_of = site.view.assessment.as_of;
    let mut page = Page::new(Section::Elsewhere, "decisions", w.decisions_title);
    page.lede.push(Html::text(w.decisions_lede));
    let recorded: Vec<(&Decision, &Recorded)> = site
        .shown
        .iter()
        .rev()
        .filter_map(|recorded| match &recorded.payload {
            Payload::Decision(decision) => Some((decision, recorded)),
            _ => None,
        })
        .collect();
    if recorded.is_empty() {
        page.note(Html::text(w.decisions_empty));
    }
    let mut told = std::collections::BTreeSet::new();
    for group in [Group::Waiver, Group::Ignore, Group::Gap, Group::NotApplicable, Group::Attestation, Group::Provider] {
        let of_group: Vec<_> = recorded.iter().filter(|(decision, _)| Group::of(decision) == group).collect();
        if of_group.is_empty() {
            continue;
        }
        page.heading(group.title(pen));
        for (decision, recorded) in of_group.iter().take(DECISIONS_MAX) {
            let first = told.insert((group.title(pen), decision.subject()));
            let ended = decision.last_day().end() < as_of;
            let status = match (group, first, ended) {
                (Group::Waiver, true, _) => waiver_status(pen, site.waivers.get(decision.subject()).copied(), ended),
                (_, false, _) => marked("na", w.replaced),
                (_, _, true) => marked("untested", w.expired),
                _ => marked("pass", w.in_force),
            };
            // Only the latest of a subject can be linked to by it.
            let id = if first { name_in_path(decision.subject()) } else { String::new() };
            page.blocks.push(Block::Subject { id, title: Html::text(decision.subject()), state: status });
            let mut facts = decision_facts(pen, decision);
            facts.push((w.recorded.to_owned(), pen.instant(recorded.entry.at)));
            facts.push((w.evidence.to_owned(), pen.evidence(&recorded.entry.digest, "")));
            page.blocks.push(Block::Rows(facts));
        }
        if of_group.len() > DECISIONS_MAX {
            page.note(Html::text(&fill(w.decisions_more, &[("n", &pen.lang.number((of_group.len() - DECISIONS_MAX) as u64))])));
        }
    }
    let rows: Vec<Value> = recorded
        .iter()
        .map(|(decision, recorded)| json!({ "decision": decision, "digest": recorded.entry.digest, "at": recorded.entry.at }))
        .collect();
    page.twin = json!({ "v": 1, "as_of": as_of, "decisions": rows, "waivers": site.view.assessment.waivers });
    page
}

fn waiver_status(pen: &Pen<'_>, finding: Option<&WaiverFinding>, ended: bool) -> Html {
    let w = pen.w;
    match finding {
        Some(WaiverFinding { in_force: true, used: true, .. }) => marked("unsure", w.in_force_used),
        Some(WaiverFinding { in_force: true, .. }) => marked("unsure", w.in_force_unused),
        _ if ended => marked("untested", w.expired),
        _ => marked("untested", w.not_in_force),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Waiver,
    Ignore,
    Gap,
    NotApplicable,
    Attestation,
    Provider,
}

impl Group {
    const fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Waiver { .. } => Self::Waiver,
            Decision::Ignore { .. } => Self::Ignore,
            Decision::Gap { .. } => Self::Gap,
            Decision::NotApplicable { .. } => Self::NotApplicable,
            Decision::Attestation { .. } => Self::Attestation,
            Decision::Provider { .. } => Self::Provider,
        }
    }

    const fn title(self, pen: &Pen<'_>) -> &'static str {
        match self {
            Self::Waiver => pen.w.waivers,
            Self::Ignore => pen.w.ignores,
            Self::Gap => pen.w.gaps,
            Self::NotApplicable => pen.w.not_applicables,
            Self::Attestation => pen.w.attestations,
            Self::Provider => pen.w.providers,
        }
    }
}
