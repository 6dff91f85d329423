//! A control: what we claim, how it is tested, what the tests are known to catch, and ninety days of answers.

use avouch_model::{
    assessment::Reason,
    catalogue::{Check, Claim, Control, Relation, Severity, Strength, When},
    state::{Outcome, State},
};
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section, Shape, Table},
    path::name_in_path,
    pen::Pen,
    strip,
};

/// The page of one control.
pub(crate) fn page(pen: &Pen<'_>, control: &Control) -> Page {
    let (site, w) = (pen.site, pen.w);
    let tail = format!("controls/{}", name_in_path(&control.id));
    let mut page = Page::new(Section::Controls, tail, pen.lang.set(control.title.get(pen.lang.code())));
    page.crumbs.push(pen.link("controls", &w.controls_title));
    if let Some(first) = control.satisfies.first() {
        page.crumbs.push(pen.requirement(&first.requirement));
    }
    page.lede.push(state_sentence(pen, control));
    page.heading(w.what_we_claim);
    page.paragraph(pen.localised(&control.statement));
    page.table(claims(pen, control), w.claims_empty);
    let checks: Vec<&Check> = site.checks_of(&control.id).iter().filter_map(|id| site.checks.get(id).copied()).collect();
    page.heading(w.how_it_is_tested);
    page.table(checks_table(pen, &checks), w.checks_empty);
    if !checks.is_empty() {
        configure(pen, &mut page, &checks);
        kills(pen, &mut page, &checks);
        history(pen, &mut page, &checks);
    }
    page.heading(w.satisfies);
    if control.satisfies.is_empty() {
        page.note(Html::text(w.satisfies_nothing));
    } else {
        page.blocks.push(Block::List(satisfies(pen, control)));
    }
    page.twin = twin(pen, control, &checks);
    page
}

fn state_sentence(pen: &Pen<'_>, control: &Control) -> Html {
    let (site, w) = (pen.site, pen.w);
    let state = site.control_state(&control.id);
    let finding = site.control_findings.get(control.id.as_str());
    let mut parts = vec![pen.control_state(&control.id)];
    if let Some(finding) = finding {
        if let Some(last) = &finding.last {
            let release = site.view.assessment.release.as_ref();
            let on = release.filter(|_| matches!(state, State::Pass | State::Fail | State::Waived));
            parts.push(match on {
                Some(release) => {
                    Html::fill(w.last_on_release, &[("time", &pen.instant(last.at)), ("release", &pen.release(&release.version))])
                }
                None => Html::fill(w.last_on, &[("time", &pen.instant(last.at))]),
            });
        }
        parts.push(Html::text(&fill(
            pen.lang.plural(finding.claims, w.claims_hold_one, w.claims_hold_many),
            &[("n", &pen.lang.number(finding.passed)), ("m", &pen.lang.number(finding.claims))],
        )));
    }
    if state == State::Fail {
        parts.push(Html::text(w.sealed_sentence));
    }
    Html::join(parts, " ")
}

fn claims(pen: &Pen<'_>, control: &Control) -> Table {
    let (site, w) = (pen.site, pen.w);
    let mut table = Table::new("", &[(w.claim, Shape::Text), (w.strength, Shape::Text), (w.state, Shape::Text)]);
    for claim in site.claims_of.get(control.id.as_str()).into_iter().flatten() {
        let untested = claim
            .untested
            .as_ref()
            .map_or_else(Html::default, |why| Html::format("<span class=\"how\">{}</span>", &[&pen.localised(why)]));
        table.row(vec![
            Html::format(
                "<span class=\"what\">{}</span><span class=\"how id\">{}</span>{}",
                &[&pen.localised(&claim.statement), &claim.id, &alternatives(pen, claim)],
            ),
            Html::text(strength(pen, claim.strength)),
            Html::format("{}{}", &[&pen.state(site.claim_state(&claim.id)), &untested]),
        ]);
    }
    table
}

/// The checks of which one is enough, and the one that decided.
fn alternatives(pen: &Pen<'_>, claim: &Claim) -> Html {
    if claim.any_of.is_empty() {
        return Html::default();
    }
    let named = claim.any_of.iter().map(|id| Html::format("<code>{}</code>", &[id]));
    let mut told = Html::fill(pen.w.alternatives, &[("checks", &Html::join(named, ", "))]);
    let finding = pen.site.claim_findings.get(claim.id.as_str());
    if let Some(decided) = finding.and_then(|finding| finding.alternative.as_ref()) {
        let decided = Html::fill(pen.w.alternative_decided, &[("check", &Html::format("<code>{}</code>", &[decided]))]);
        told = Html::join([told, decided], " ");
    }
    Html::format("<span class=\"how\">{}</span>", &[&told])
}

fn checks_table(pen: &Pen<'_>, checks: &[&Check]) -> Table {
    let (site, w) = (pen.site, pen.w);
    let mut table = Table::new(
        w.checks_caption,
        &[(w.question, Shape::Text), (w.state, Shape::Text), (w.tested_on, Shape::Text), (w.evidence, Shape::Text)],
    );
    let mut sorted: Vec<&&Check> = checks.iter().collect();
    sorted.sort_by_key(|check| site.check_state(&check.id));
    for check in sorted {
        let finding = site.check_findings.get(check.id.as_str());
        let state = site.check_state(&check.id);
        let reason = finding.and_then(|finding| finding.reason.as_ref());
        let why =
            reason.map_or_else(Html::default, |reason| Html::format("<span class=\"how\">{}</span>", &[&pen.reason(reason)]));
        let sealed = if state == State::Fail {
            Html::format("<span class=\"how\">{}</span>", &[&w.sealed_short])
        } else {
            Html::default()
        };
        let seen = finding
            .and_then(|finding| finding.seen.as_deref())
            .map_or_else(Html::default, |seen| Html::format("<span class=\"how\">{}</span>", &[&pen.english(seen)]));
        let how = Html::join(
            [
                Html::text(when(pen, check.when)),
                Html::text(severity(pen, check.severity)),
                Html::fill(w.max_age, &[("span", &pen.lang.span(check.max_age))]),
            ],
            ", ",
        );
        let last = finding.and_then(|finding| finding.last.as_ref());
        let at = last
            .map_or_else(Html::default, |run| Html::format("<span class=\"how num\">{}</span>", &[&pen.instant_short(run.at)]));
        table.row(vec![
            Html::format(
                "<span class=\"what\">{}</span><span class=\"how\"><code>{}</code>, {}, {}</span>{}",
                &[&pen.localised(&check.question), &check.id, &pen.kind(&check.kind), &how, &seen],
            ),
            Html::format("{}{}{}", &[&pen.state_because(state, reason), &why, &sealed]),
            tested_on(pen, check),
            Html::format("{}{}", &[&pen.last(last, &check.id), &at]),
        ]);
    }
    table
}

/// The population and the numbers of the last answer, beside the numbers of the claim.
fn tested_on(pen: &Pen<'_>, check: &Check) -> Html {
    let w = pen.w;
    let finding = pen.site.check_findings.get(check.id.as_str());
    let mut lines = Vec::new();
    if let Some(population) = finding.and_then(|finding| finding.population) {
        lines.push(Html::fill(
            w.examined,
            &[("n", &pen.lang.number(population.examined)), ("m", &pen.lang.number(population.required))],
        ));
    }
    if let Some(finding) = finding.filter(|finding| !finding.tested.is_empty()) {
        lines.push(Html::format("<span class=\"how\">{}</span>", &[&pen.numbers(&finding.tested)]));
    } else if !check.numbers.is_empty() {
        let claimed = check
            .parameters
            .iter()
            .filter(|(name, _)| check.numbers.contains(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        lines.push(Html::fill(w.claim_says, &[("numbers", &pen.numbers(&claimed))]));
    }
    if lines.is_empty() { pen.nothing() } else { Html::join(lines, " ") }
}

/// The keys that would fill the slots of checks that cannot be asked yet.
fn configure(pen: &Pen<'_>, page: &mut Page, checks: &[&Check]) {
    let w = pen.w;
    let mut table = Table::new(w.configure_caption, &[(w.check, Shape::Text), (w.keys, Shape::Text)]);
    for check in checks {
        let finding = pen.site.check_findings.get(check.id.as_str());
        let keys = match finding.and_then(|finding| finding.reason.as_ref()) {
            Some(Reason::Unfilled { keys }) => Some(keys),
            _ => pen.site.view.scope.unfilled.get(&check.id),
        };
        if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
            table.row(vec![Html::format("<code>{}</code>", &[&check.id]), pen.keys(keys)]);
        }
    }
    if !table.rows.is_empty() {
        page.heading(w.configure);
        page.blocks.push(Block::Table(table));
    }
}

/// The defects that the kinds of these checks are known to catch.
fn kills(pen: &Pen<'_>, page: &mut Page, checks: &[&Check]) {
    let w = pen.w;
    page.heading(w.known_to_catch);
    let mut kinds: Vec<&str> = checks.iter().map(|check| check.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut items = Vec::new();
    for kind in kinds {
        let caught = pen.site.kills.get(kind).into_iter().flatten();
        let names: Vec<Html> = caught
            .filter(|kill| kill.expected != Outcome::Pass && kill.got == kill.expected)
            .map(|kill| pen.english(kill.example))
            .collect();
        if !names.is_empty() {
            items.push(Html::format("{}{}{}", &[&pen.kind(kind), &w.colon, &Html::join(names, "; ")]));
        }
    }
    if items.is_empty() {
        page.note(Html::text(w.known_to_catch_nothing));
    } else {
        page.paragraph(Html::text(w.known_to_catch_about));
        page.blocks.push(Block::List(items));
    }
}

/// What the last ninety days answered.
fn history(pen: &Pen<'_>, page: &mut Page, checks: &[&Check]) {
    page.heading(pen.w.ninety_days);
    let findings = checks.iter().filter_map(|check| pen.site.check_findings.get(check.id.as_str()));
    match strip::figure(pen, findings.map(|finding| finding.history.as_slice())) {
        Some(figure) => page.blocks.push(Block::Figure(figure)),
        None => page.note(Html::text(pen.w.ninety_days_empty)),
    }
}

fn satisfies(pen: &Pen<'_>, control: &Control) -> Vec<Html> {
    let w = pen.w;
    let words = |relation| match relation {
        Relation::SubsetOf => w.relation_subset,
        Relation::IntersectsWith => w.relation_intersects,
        Relation::SupersetOf => w.relation_superset,
        Relation::EquivalentTo => w.relation_equivalent,
    };
    control
        .satisfies
        .iter()
        .map(|satisfies| Html::format("{}, {}", &[&pen.requirement(&satisfies.requirement), &words(satisfies.relation)]))
        .collect()
}

const fn strength(pen: &Pen<'_>, strength: Strength) -> &'static str {
    match strength {
        Strength::Must => pen.w.strength_must,
        Strength::Should => pen.w.strength_should,
        Strength::Prohibits => pen.w.strength_prohibits,
        Strength::States => pen.w.strength_states,
        Strength::Permits => pen.w.strength_permits,
        Strength::Planned => pen.w.strength_planned,
    }
}

const fn when(pen: &Pen<'_>, when: When) -> &'static str {
    match when {
        When::Build => pen.w.when_build,
        When::Deploy => pen.w.when_deploy,
        When::Operate => pen.w.when_operate,
    }
}

const fn severity(pen: &Pen<'_>, severity: Severity) -> &'static str {
    match severity {
        Severity::Low => pen.w.severity_low,
        Severity::Medium => pen.w.severity_medium,
        Severity::High => pen.w.severity_high,
        Severity::Critical => pen.w.severity_critical,
    }
}

fn twin(pen: &Pen<'_>, control: &Control, checks: &[&Check]) -> Value {
    let site = pen.site;
    let claims: Vec<Value> = site
        .claims_of
        .get(control.id.as_str())
        .into_iter()
        .flatten()
        .map(|claim| {
            json!({
                "id": claim.id,
                "statement": claim.statement.get(pen.lang.code()),
                "strength": claim.strength,
                "state": site.claim_state(&claim.id),
                "checks": claim.checks,
                "any_of": claim.any_of,
                "alternative": site.claim_findings.get(claim.id.as_str()).and_then(|finding| finding.alternative.as_ref()),
            })
        })
        .collect();
    let checks: Vec<Value> = checks
        .iter()
        .map(|check| {
            let finding = site.check_findings.get(check.id.as_str());
            json!({
                "id": check.id,
                "kind": check.kind,
                "question": check.question.get(pen.lang.code()),
                "state": site.check_state(&check.id),
                "finding": finding,
            })
        })
        .collect();
    json!({
        "v": 1,
        "as_of": site.view.assessment.as_of,
        "id": control.id,
        "title": control.title.get(pen.lang.code()),
        "statement": control.statement.get(pen.lang.code()),
        "state": site.control_state(&control.id),
        "last": site.control_findings.get(control.id.as_str()).and_then(|finding| finding.last.as_ref()),
        "satisfies": control.satisfies,
        "claims": claims,
        "checks": checks,
    })
}
