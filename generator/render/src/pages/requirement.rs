//! Controls by requirement, and a page a requirement: what it asks, how it stands, and on what.

use avouch_model::{
    assessment::RequirementFinding,
    catalogue::{Baseline, Requirement, Standard},
    decision::Decision,
    state::State,
};
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section, Shape, Table},
    path::name_in_path,
    pen::Pen,
};

/// The register: every control below each requirement that it addresses.
pub(crate) fn register(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let catalogue = &site.view.scope.catalogue;
    let mut page = Page::new(Section::Controls, "controls", w.controls_title);
    page.lede.push(Html::text(&fill(
        w.controls_lede,
        &[
            ("controls", &pen.lang.number(catalogue.controls.len() as u64)),
            ("claims", &pen.lang.number(catalogue.claims.len() as u64)),
            ("checks", &pen.lang.number((catalogue.checks.len() - catalogue.unclaimed().len()) as u64)),
        ],
    )));
    page.paragraph(Html::fill(
        w.controls_kinds,
        &[("link", &pen.link("kinds", &w.kinds_link)), ("trials", &pen.link("trials", &w.trials_link))],
    ));
    for finding in &site.view.assessment.requirements {
        page.blocks.push(Block::Heading { id: name_in_path(&finding.requirement), text: pen.requirement(&finding.requirement) });
        page.paragraph(pen.standing(finding));
        page.table(controls(pen, &finding.controls), w.requirement_no_controls);
    }
    let others: Vec<String> = catalogue
        .controls
        .iter()
        .filter(|control| {
            !control.satisfies.iter().any(|satisfies| site.requirement_findings.contains_key(satisfies.requirement.as_str()))
        })
        .map(|control| control.id.clone())
        .collect();
    if !others.is_empty() {
        page.heading(w.controls_others);
        page.table(controls(pen, &others), w.requirement_no_controls);
    }
    baseline(pen, &mut page, &|_| true);
    let controls: Vec<Value> = catalogue
        .controls
        .iter()
        .map(|control| {
            json!({
                "id": control.id,
                "title": control.title.get(pen.lang.code()),
                "state": site.control_state(&control.id),
                "satisfies": control.satisfies,
            })
        })
        .collect();
    page.twin = json!({
        "v": 1,
        "as_of": site.view.assessment.as_of,
        "controls": controls,
        "baseline": site.view.assessment.baseline,
    });
    page
}

/// What is looked at without a claim: apart, so that nobody takes it for a promise.
fn baseline(pen: &Pen<'_>, page: &mut Page, is_of: &dyn Fn(&Baseline) -> bool) {
    let (site, w) = (pen.site, pen.w);
    let of: Vec<&Baseline> = site.view.scope.catalogue.baseline.iter().filter(|baseline| is_of(baseline)).collect();
    if of.is_empty() {
        return;
    }
    page.section("_baseline", w.baseline_title);
    page.note(Html::text(w.baseline_about));
    let mut table =
        Table::new("", &[(w.baseline_control, Shape::Text), (w.state, Shape::Text), (w.last_tested_utc, Shape::Figure)]);
    for baseline in of {
        let finding = site.view.assessment.baseline.iter().find(|finding| finding.control == baseline.id);
        let questions = baseline.checks.iter().filter_map(|id| site.checks.get(id.as_str()).copied()).map(|check| {
            Html::format("<span class=\"how\">{} <code>{}</code></span>", &[&pen.localised(&check.question), &check.id])
        });
        table.row(vec![
            Html::format("<span class=\"what\">{}</span>{}", &[&pen.localised(&baseline.title), &Html::join(questions, "")]),
            pen.state(finding.map_or(State::NoData, |finding| finding.state)),
            finding.and_then(|finding| finding.last.as_ref()).map_or_else(|| pen.nothing(), |run| pen.instant_short(run.at)),
        ]);
    }
    page.table(table, w.requirement_no_controls);
}

/// The page of one requirement.
pub(crate) fn page(pen: &Pen<'_>, standard: &Standard, requirement: &Requirement) -> Page {
    let (site, w) = (pen.site, pen.w);
    let tail = format!("requirements/{}", name_in_path(&requirement.id));
    let title = format!("{} {}", requirement.id, pen.lang.set(requirement.title.get(pen.lang.code())));
    let mut page = Page::new(Section::Controls, tail, title);
    page.crumbs.push(pen.link("controls", &w.controls_title));
    let finding = site.requirement_findings.get(requirement.id.as_str());
    match finding {
        Some(finding) => {
            // Nothing is claimed where nothing applies: a count of none would read as a failure.
            let sentence = if finding.claims == 0 {
                String::new()
            } else {
                fill(
                    pen.lang.plural(finding.claims, w.claims_hold_one, w.claims_hold_many),
                    &[("n", &pen.lang.number(finding.passed)), ("m", &pen.lang.number(finding.claims))],
                )
            };
            page.lede.push(Html::format("{} {}", &[&pen.standing(finding), &sentence]));
        }
        None => page.lede.push(Html::text(w.requirement_not_assessed)),
    }
    page.heading(w.what_it_asks);
    page.paragraph(pen.localised(&requirement.asks));
    let mut source = vec![pen.outside(&requirement.url, &standard.title)];
    if !requirement.cwes.is_empty() {
        let cwes: Vec<String> = requirement.cwes.iter().map(|cwe| format!("CWE-{cwe}")).collect();
        source.push(Html::text(&cwes.join(", ")));
    }
    page.note(Html::format("{}. {}", &[&Html::join(source, ". "), &standard.notice]));
    if let Some(decision) = finding.and_then(|finding| finding.decision.as_ref()) {
        page.heading(w.decision);
        let mut facts = decision_facts(pen, decision);
        let href = format!("{}#{}", pen.page("decisions"), name_in_path(decision.subject()));
        facts.push((w.evidence.to_owned(), Html::format("<a href=\"{}\">{}</a>", &[&href, &w.decision])));
        page.blocks.push(Block::Rows(facts));
    }
    page.heading(w.controls);
    let ids = finding.map(|finding| finding.controls.as_slice()).unwrap_or_default();
    page.table(controls(pen, ids), w.requirement_no_controls);
    baseline(pen, &mut page, &|baseline| baseline.requirements.contains(&requirement.id));
    page.twin = finding.map_or(Value::Null, |finding| {
        let mut row = twin_row(finding);
        if let Value::Object(members) = &mut row {
            members.insert("v".to_owned(), json!(1));
            members.insert("as_of".to_owned(), json!(site.view.assessment.as_of));
            members.insert("title".to_owned(), json!(requirement.title.get(pen.lang.code())));
            members.insert("asks".to_owned(), json!(requirement.asks.get(pen.lang.code())));
        }
        row
    });
    page
}

/// How a requirement stands, for programs.
pub(crate) fn twin_row(finding: &RequirementFinding) -> Value {
    json!({
        "standard": finding.standard,
        "id": finding.requirement,
        "standing": finding.standing,
        "controls": finding.controls,
        "claims": finding.claims,
        "passed": finding.passed,
        "decision": finding.decision,
    })
}

fn controls(pen: &Pen<'_>, ids: &[String]) -> Table {
    let (site, w) = (pen.site, pen.w);
    let mut table = Table::new(
        "",
        &[(w.control, Shape::Text), (w.state, Shape::Text), (w.claims_hold, Shape::Figure), (w.last_tested_utc, Shape::Figure)],
    );
    let mut sorted: Vec<&String> = ids.iter().collect();
    sorted.sort_by_key(|id| site.control_state(id));
    for id in sorted {
        let finding = site.control_findings.get(id.as_str());
        let last = finding.and_then(|finding| finding.last.as_ref());
        table.row(vec![
            pen.control(id),
            pen.control_state(id),
            pen.of(finding.map_or(0, |finding| finding.passed), finding.map_or(0, |finding| finding.claims)),
            last.map_or_else(|| pen.nothing(), |run| pen.instant_short(run.at)),
        ]);
    }
    table
}

/// What a decision says, name by name.
pub(crate) fn decision_facts(pen: &Pen<'_>, decision: &Decision) -> Vec<(String, Html)> {
    let w = pen.w;
    let fact = |name: &str, value: Html| (name.to_owned(), value);
    match decision {
        Decision::Waiver { check, reason, owner, approver, expires, .. } => vec![
            fact(w.check, check_link(pen, check)),
            fact(w.reason, pen.english(reason)),
            fact(w.owner, Html::text(owner)),
            fact(w.approver, Html::text(approver)),
            fact(w.expires, pen.day(*expires)),
        ],
        Decision::Ignore { advisory, package, reason, owner, approver, expires, .. } => {
            let mut facts = vec![fact(w.advisory, Html::text(advisory))];
            facts.extend(package.iter().map(|package| fact(w.package, Html::text(package))));
            facts.extend([
                fact(w.reason, pen.english(reason)),
                fact(w.owner, Html::text(owner)),
                fact(w.approver, Html::text(approver)),
                fact(w.expires, pen.day(*expires)),
            ]);
            facts
        }
        Decision::Attestation { statement, figures, by, expires, .. } => {
            let mut facts = vec![fact(w.statement, pen.english(statement))];
            if !figures.is_empty() {
                facts.push(fact(w.figures, pen.numbers(figures)));
            }
            facts.extend([fact(w.signed_by, Html::text(by)), fact(w.expires, pen.day(*expires))]);
            facts
        }
        Decision::Provider { provider, statement, source, retrieved, digest, by, expires, .. } => vec![
            fact(w.provider, Html::text(provider)),
            fact(w.statement, pen.english(statement)),
            fact(w.source, pen.outside(source, source)),
            fact(w.retrieved, pen.day(*retrieved)),
            fact(w.digest, Html::format("<span class=\"id\">{}</span>", &[&digest.short()])),
            fact(w.signed_by, Html::text(by)),
            fact(w.expires, pen.day(*expires)),
        ],
        Decision::Gap { reason, owner, due, .. } => {
            vec![fact(w.reason, pen.english(reason)), fact(w.owner, Html::text(owner)), fact(w.due, pen.day(*due))]
        }
        Decision::NotApplicable { reason, approver, review, .. } => {
            vec![fact(w.reason, pen.english(reason)), fact(w.approver, Html::text(approver)), fact(w.review, pen.day(*review))]
        }
    }
}

/// A check, linked to the page of its control.
pub(crate) fn check_link(pen: &Pen<'_>, check: &str) -> Html {
    let text = Html::format("<code>{}</code>", &[&check]);
    match pen.site.control_of_check.get(check) {
        Some(control) if pen.site.controls.contains_key(control) => {
            pen.link(&format!("controls/{}", name_in_path(control)), &text)
        }
        _ => text,
    }
}
