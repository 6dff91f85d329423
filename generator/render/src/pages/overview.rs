//! The overview: one sentence that counts everything, what wants attention, then posture, requirements and retention.

use avouch_model::{
    assessment::{Attention, RunRef},
    state::{State, Verdict},
};
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section, Shape, Table},
    pages::retention,
    path::name_in_path,
    pen::{Pen, Site, marked},
};

/// The page.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let mut page = Page::new(Section::Overview, "", w.overview_title);
    page.lede.push(sentence(pen));
    let items: Vec<Html> = site.view.assessment.attention.iter().map(|item| attention(pen, item)).collect();
    if items.is_empty() {
        page.paragraph(Html::text(w.attention_none));
    } else {
        page.blocks.push(Block::Attention { title: w.attention_title.to_owned(), items });
    }
    page.blocks.push(Block::Facts(facts(pen)));
    page.section("_posture", w.posture);
    page.table(posture(pen), w.posture_empty);
    for standard in &site.view.scope.catalogue.standards {
        page.heading(format!("{} {}", standard.title, standard.version));
        page.table(requirements(pen, &standard.id), w.requirements_empty);
    }
    page.section("_retention", w.retention_title);
    retention::rules(pen, &mut page);
    page.section("_threats", w.threats_title);
    page.paragraph(Html::fill(w.overview_threats, &[("link", &pen.link("threat-model", &w.threats_link))]));
    page.section("_disclosure", w.disclosure_title);
    page.paragraph(report(pen));
    page.twin = twin(pen);
    page
}

/// How the claims stand, each counted once.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) total: u64,
    pub(crate) hold: u64,
    pub(crate) failed: u64,
    pub(crate) waived: u64,
    pub(crate) undecided: u64,
    pub(crate) inherited: u64,
    pub(crate) untested: u64,
    pub(crate) planned: u64,
    pub(crate) not_applicable: u64,
}

impl Counts {
    /// Counts the claims of the catalogue; one without a finding is untested.
    pub(crate) fn of(site: &Site<'_>) -> Self {
        let mut counts = Self::default();
        for claim in &site.view.scope.catalogue.claims {
            counts.total += 1;
            *(match site.claim_state(&claim.id) {
                State::Pass => &mut counts.hold,
                State::Fail => &mut counts.failed,
                State::Waived => &mut counts.waived,
                State::Error | State::Stale => &mut counts.undecided,
                State::Inherited => &mut counts.inherited,
                State::NoData | State::NotConfigured => &mut counts.untested,
                State::Planned => &mut counts.planned,
                State::NotApplicable => &mut counts.not_applicable,
            }) += 1;
        }
        counts
    }

    /// Those that some check was asked about.
    pub(crate) const fn tested(&self) -> u64 {
        self.hold + self.failed + self.waived + self.undecided
    }
}

fn sentence(pen: &Pen<'_>) -> Html {
    let (w, counts) = (pen.w, Counts::of(pen.site));
    let part = |count: u64, one: &'static str, many: &'static str| {
        (count > 0).then(|| fill(pen.lang.plural(count, one, many), &[("n", &pen.lang.number(count))]))
    };
    let tested: Vec<String> = [
        part(counts.hold, w.hold_one, w.hold_many),
        part(counts.failed, w.failed_one, w.failed_many),
        part(counts.waived, w.waived_one, w.waived_many),
        part(counts.undecided, w.undecided_one, w.undecided_many),
    ]
    .into_iter()
    .flatten()
    .collect();
    let others: Vec<String> = [
        part(counts.untested, w.untested_one, w.untested_many),
        part(counts.inherited, w.inherited_one, w.inherited_many),
        part(counts.planned, w.planned_one, w.planned_many),
        part(counts.not_applicable, w.not_applicable_one, w.not_applicable_many),
    ]
    .into_iter()
    .flatten()
    .collect();
    let as_of = pen.instant(pen.site.view.assessment.as_of);
    let release = pen.site.view.assessment.release.as_ref().map_or_else(
        || Html::text(w.sentence_no_release),
        |release| Html::fill(w.sentence_release, &[("release", &pen.release(&release.version))]),
    );
    let results = if tested.is_empty() { String::new() } else { format!("{}{}", w.colon, tested.join(", ")) };
    let opening = Html::fill(
        w.sentence,
        &[
            ("time", &as_of),
            ("release", &release),
            ("tested", &pen.lang.number(counts.tested())),
            ("total", &pen.lang.number(counts.total)),
            ("results", &results),
        ],
    );
    let rest = if others.is_empty() { String::new() } else { format!(" {}.", capitalised(&others.join(", "))) };
    Html::format("{}{}", &[&opening, &rest])
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// One thing that wants attention, with where to read on.
fn attention(pen: &Pen<'_>, item: &Attention) -> Html {
    let (site, w) = (pen.site, pen.w);
    match item {
        Attention::Control { control, state, since } => {
            let since =
                since.map_or_else(Html::default, |since| Html::fill(w.attention_since, &[("day", &pen.day(since.day()))]));
            let sealed = if *state == State::Fail { w.attention_sealed } else { "" };
            let evidence = site
                .control_findings
                .get(control.as_str())
                .and_then(|finding| finding.last.as_ref())
                .map_or_else(Html::default, |run| pen.evidence(&run.digest, worst_answer(site, control, run)));
            Html::format("{} {}{}. {}{}", &[&pen.state(*state), &pen.control(control), &since, &sealed, &evidence])
        }
        Attention::Retention { rule, state } => Html::format(
            "{} {}",
            &[&pen.state(*state), &Html::fill(w.attention_retention, &[("rule", &pen.link("retention", &humane_rule(rule)))])],
        ),
        Attention::Missed { job, from, slots, digest } => {
            let sentence = pen.lang.plural(*slots, w.attention_missed_one, w.attention_missed_many);
            Html::format(
                "{} {} {}",
                &[
                    &marked("unsure", w.missed),
                    &Html::fill(
                        sentence,
                        &[("job", &job_name(pen, job)), ("n", &pen.number(*slots)), ("time", &pen.instant(*from))],
                    ),
                    &pen.evidence(digest, ""),
                ],
            )
        }
        Attention::Waiver { id, until, used } => {
            let sentence = if *used { w.attention_waiver } else { w.attention_waiver_unused };
            Html::format(
                "{} {}",
                &[
                    &marked("unsure", w.state_waived),
                    &Html::fill(sentence, &[("waiver", &pen.waiver(id)), ("day", &pen.day(until.day()))]),
                ],
            )
        }
        Attention::Late { due } => {
            Html::format("{} {}", &[&marked("unsure", w.late), &Html::fill(w.attention_late, &[("time", &pen.instant(*due))])])
        }
        Attention::TwoCommits { version } => Html::format(
            "{} {}",
            &[&marked("fail", w.state_fail), &Html::fill(w.attention_two_commits, &[("version", &pen.release(version))])],
        ),
    }
}

/// The name of a job of the schedule; unknown ones as they are.
pub(crate) fn job_name(pen: &Pen<'_>, job: &str) -> String {
    match job {
        "run" => pen.w.job_run.to_owned(),
        "purge" => pen.w.job_purge.to_owned(),
        _ => job.to_owned(),
    }
}

/// `rate_limits` → `rate limits`.
pub(crate) fn humane_rule(rule: &str) -> String {
    rule.replace(['_', '-'], " ")
}

/// The check that stands worst among those of a control that this run answered: the run's page has an anchor for no other.
fn worst_answer<'a>(site: &Site<'a>, control: &str, run: &RunRef) -> &'a str {
    let answered = |check: &&str| {
        let last = site.check_findings.get(*check).and_then(|finding| finding.last.as_ref());
        last.is_some_and(|last| last.digest == run.digest)
    };
    site.checks_of(control).into_iter().filter(answered).min_by_key(|check| site.check_state(check)).unwrap_or_default()
}

fn facts(pen: &Pen<'_>) -> Vec<(String, Html)> {
    let (site, w) = (pen.site, pen.w);
    let assessment = site.view.assessment;
    let release = assessment.release.as_ref();
    let latest = release.map_or_else(|| pen.nothing(), |release| pen.release(&release.version));
    let record = release.and_then(|release| {
        let recorded = site.releases.iter().rev();
        recorded.map(|(record, _)| *record).find(|record| record.release == *release)
    });
    let bom = record.and_then(|record| record.boms.first().map(|bom| (record, bom)));
    let bom = bom.map_or_else(
        || pen.nothing(),
        |(record, bom)| {
            let components = fill(
                pen.lang.plural(bom.components, w.components_one, w.components_many),
                &[("n", &pen.lang.number(bom.components))],
            );
            let text = pen.link(&format!("releases/{}", name_in_path(&record.release.version)), &"CycloneDX");
            Html::format("{}, {}", &[&components, &text])
        },
    );
    let run = assessment.last_run.as_ref().map_or_else(
        || pen.nothing(),
        |run| Html::format("{} {}", &[&pen.instant_short(run.at), &pen.evidence(&run.digest, "")]),
    );
    let gate = match assessment.gate.verdict {
        Verdict::Satisfied => marked("pass", w.gate_satisfied),
        Verdict::NotSatisfied => marked("fail", w.gate_not_satisfied),
        Verdict::CouldNotTell => marked("unsure", w.gate_could_not_tell),
    };
    vec![
        (w.fact_release.to_owned(), latest),
        (w.fact_sbom.to_owned(), bom),
        (w.fact_last_run.to_owned(), run),
        (w.fact_gate.to_owned(), gate),
    ]
}

/// The controls, worst first.
fn posture(pen: &Pen<'_>) -> Table {
    let (site, w) = (pen.site, pen.w);
    let mut table = Table::new(
        w.posture_caption,
        &[
            (w.control, Shape::Text),
            (w.state, Shape::Text),
            (w.claims_hold, Shape::Figure),
            (w.last_tested_utc, Shape::Figure),
            (w.evidence, Shape::Text),
        ],
    );
    let mut controls: Vec<_> = site.view.scope.catalogue.controls.iter().collect();
    controls.sort_by_key(|control| site.control_state(&control.id));
    for control in controls {
        let finding = site.control_findings.get(control.id.as_str());
        let last = finding.and_then(|finding| finding.last.as_ref());
        table.row(vec![
            pen.control(&control.id),
            pen.control_state(&control.id),
            pen.of(finding.map_or(0, |finding| finding.passed), finding.map_or(0, |finding| finding.claims)),
            last.map_or_else(|| pen.nothing(), |run| pen.instant_short(run.at)),
            last.map_or_else(|| pen.nothing(), |run| pen.evidence(&run.digest, worst_answer(site, &control.id, run))),
        ]);
    }
    table
}

/// The requirements of a standard, in its order.
pub(crate) fn requirements(pen: &Pen<'_>, standard: &str) -> Table {
    let w = pen.w;
    let mut table = Table::new(
        w.requirements_caption,
        &[(w.requirement, Shape::Text), (w.standing, Shape::Text), (w.controls, Shape::Count), (w.claims_hold, Shape::Count)],
    );
    for finding in pen.site.view.assessment.requirements.iter().filter(|finding| finding.standard == standard) {
        table.row(vec![
            pen.requirement(&finding.requirement),
            pen.standing(finding),
            pen.number(finding.controls.len() as u64),
            if finding.claims == 0 { pen.nothing() } else { pen.of(finding.passed, finding.claims) },
        ]);
    }
    table
}

fn report(pen: &Pen<'_>) -> Html {
    let w = pen.w;
    let promise = &pen.site.view.scope.disclosure;
    let policy = pen.link("disclosure", &w.policy_link);
    match (&promise.contact, promise.triage_within) {
        (None, _) => Html::fill(w.report_unconfigured, &[("key", &Html::format("<code>disclosure.contact</code>", &[]))]),
        (Some(contact), None) => Html::fill(w.report, &[("contact", &contact_link(pen, contact)), ("policy", &policy)]),
        (Some(contact), Some(triage)) => Html::fill(
            w.report_triage,
            &[("contact", &contact_link(pen, contact)), ("policy", &policy), ("triage", &pen.lang.promise(triage))],
        ),
    }
}

/// Where to report, linked.
pub(crate) fn contact_link(pen: &Pen<'_>, contact: &str) -> Html {
    pen.outside(contact, contact.strip_prefix("mailto:").unwrap_or(contact))
}

fn twin(pen: &Pen<'_>) -> Value {
    let site = pen.site;
    let assessment = site.view.assessment;
    let counts = Counts::of(site);
    let controls: Vec<Value> = assessment
        .controls
        .iter()
        .map(|finding| {
            json!({
                "id": finding.control,
                "title": site.controls.get(finding.control.as_str()).map(|control| control.title.get(pen.lang.code())),
                "state": finding.state,
                "claims": finding.claims,
                "passed": finding.passed,
                "last": finding.last,
            })
        })
        .collect();
    let requirements: Vec<Value> = assessment.requirements.iter().map(crate::pages::requirement::twin_row).collect();
    json!({
        "v": 1,
        "product": site.view.scope.product.name,
        "as_of": assessment.as_of,
        "release": assessment.release,
        "last_run": assessment.last_run,
        "claims": {
            "total": counts.total,
            "tested": counts.tested(),
            "hold": counts.hold,
            "failed": counts.failed,
            "waived": counts.waived,
            "undecided": counts.undecided,
            "inherited": counts.inherited,
            "untested": counts.untested,
            "planned": counts.planned,
            "not_applicable": counts.not_applicable,
        },
        "gate": assessment.gate,
        "attention": assessment.attention,
        "controls": controls,
        "requirements": requirements,
        "retention": assessment.retention,
    })
}
