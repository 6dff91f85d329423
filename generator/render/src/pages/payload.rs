//! What a payload says, kind by kind, on its permanent page.

use avouch_model::{
    configuration::{Gate, GateTerms},
    decision::Decision,
    observation::{Observation, PositiveControl},
    payload::{
        Deployment, Details, Genesis, KeyAction, KeyEvent, Missed, Payload, Recorded, ReleaseRecord, Run, Scope, Unsealing,
        VexStatement, VexStatus, Withdrawal,
    },
    receipt::Receipt,
    release::{Binding, Release},
    state::Outcome,
};

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Row, Shape, Table},
    pages::{
        evidence::withdrawal_reason,
        overview::{humane_rule, job_name},
        releases::{self, Tally},
        requirement::{check_link, decision_facts},
        retention::receipt_facts,
    },
    path::{name_in_path, sbom_file},
    pen::{Pen, marked},
};

/// The part of the page that depends on the kind.
pub(crate) fn body(pen: &Pen<'_>, page: &mut Page, recorded: &Recorded) {
    match &recorded.payload {
        Payload::Genesis(genesis) => self::genesis(pen, page, genesis),
        Payload::Scope(scope) => self::scope(pen, page, scope),
        Payload::Decision(decision) => self::decision(pen, page, decision),
        Payload::Release(record) => release(pen, page, record),
        Payload::Sbom => sbom(pen, page, recorded),
        Payload::Receipt(receipt) => self::receipt(pen, page, receipt),
        Payload::Run(run) => self::run(pen, page, run),
        Payload::Details(details) => self::details(pen, page, details),
        Payload::Missed(missed) => self::missed(pen, page, missed),
        Payload::Key(event) => key(pen, page, event),
        Payload::Withdrawal(withdrawal) => self::withdrawal(pen, page, withdrawal),
        Payload::Unsealing(unsealing) => self::unsealing(pen, page, unsealing),
        Payload::Vex(statement) => vex(pen, page, statement),
        Payload::Deployment(deployment) => self::deployment(pen, page, deployment),
        // Neither has a page of its own.
        Payload::Site(_) | Payload::Absent => {}
    }
}

fn code(text: &str) -> Html {
    Html::format("<code class=\"hash\">{}</code>", &[&text])
}

fn run(pen: &Pen<'_>, page: &mut Page, run: &Run) {
    let w = pen.w;
    let tally = Tally::of(pen.site, run);
    let release = run.release.as_ref().map_or_else(|| Html::text(w.no_release), |release| release_link(pen, release));
    page.lede.push(Html::fill(
        w.run_lede,
        &[
            ("n", &pen.number(run.observations.len() as u64)),
            ("release", &release),
            ("passed", &pen.number(tally.passed)),
            ("failed", &pen.number(tally.failed)),
            ("undecided", &pen.number(tally.undecided)),
        ],
    ));
    if tally.inherited > 0 {
        page.paragraph(Html::fill(w.run_inherited, &[("n", &pen.number(tally.inherited))]));
    }
    let commit = run.release.as_ref().map_or_else(|| pen.nothing(), |release| code(&release.commit));
    page.blocks.push(Block::Facts(vec![
        (w.observed.to_owned(), Html::format("{} – {}", &[&pen.instant_short(run.started), &pen.instant_short(run.ended)])),
        (w.commit.to_owned(), commit),
        (w.judged_by.to_owned(), pen.evidence(&run.scope, "")),
        (w.details_of_failures.to_owned(), run.details.map_or_else(|| pen.nothing(), |digest| pen.evidence(&digest, ""))),
    ]));
    page.heading(w.observations);
    let mut table = Table::new(
        w.observations_caption,
        &[
            (w.check, Shape::Text),
            (w.outcome, Shape::Text),
            (w.examined_title, Shape::Text),
            (w.positive_control, Shape::Text),
            (w.bound_to, Shape::Text),
        ],
    );
    for observation in &run.observations {
        table.rows.push(observed(pen, observation));
    }
    page.table(table, w.observations_empty);
}

fn observed(pen: &Pen<'_>, observation: &Observation) -> Row {
    let w = pen.w;
    let seen = observation
        .seen
        .as_deref()
        .map_or_else(Html::default, |seen| Html::format("<span class=\"how\">{}</span>", &[&pen.english(seen)]));
    let sealed = if observation.outcome == Outcome::Fail {
        Html::format("<span class=\"how\">{}</span>", &[&w.sealed_short])
    } else {
        Html::default()
    };
    let numbers = if observation.tested.is_empty() {
        Html::default()
    } else {
        Html::format("<span class=\"how\">{}</span>", &[&pen.numbers(&observation.tested)])
    };
    let examined = fill(
        w.examined,
        &[("n", &pen.lang.number(observation.population.examined)), ("m", &pen.lang.number(observation.population.required))],
    );
    let control = match observation.positive_control {
        PositiveControl::Held => w.positive_held,
        PositiveControl::Broken => w.positive_broken,
        PositiveControl::NotNeeded => w.positive_not_needed,
    };
    let binding = match &observation.binding {
        Binding::Commit { commit } => releases::short_commit(commit),
        Binding::Unproven => Html::text(w.bound_unproven),
        Binding::Time => Html::text(w.bound_time),
    };
    Row {
        id: name_in_path(&observation.check),
        cells: vec![
            Html::format("{}{}", &[&check_link(pen, &observation.check), &seen]),
            Html::format("{}{}", &[&pen.outcome(&observation.check, observation.outcome), &sealed]),
            Html::format("{}{}", &[&examined, &numbers]),
            Html::text(control),
            binding,
        ],
    }
}

fn release_link(pen: &Pen<'_>, release: &Release) -> Html {
    pen.release(&release.version)
}

fn genesis(pen: &Pen<'_>, page: &mut Page, genesis: &Genesis) {
    let w = pen.w;
    page.lede.push(Html::text(w.genesis_lede));
    page.blocks.push(Block::Rows(vec![
        (w.origin.to_owned(), code(&genesis.origin)),
        (w.product.to_owned(), Html::text(&genesis.product)),
        (w.signing_key.to_owned(), code(&genesis.signing_key)),
        (w.recovery_key.to_owned(), code(&genesis.recovery_key)),
    ]));
}

fn scope(pen: &Pen<'_>, page: &mut Page, scope: &Scope) {
    let w = pen.w;
    let catalogue = &scope.catalogue;
    page.lede.push(Html::text(&fill(
        w.scope_lede,
        &[
            ("controls", &pen.lang.number(catalogue.controls.len() as u64)),
            ("claims", &pen.lang.number(catalogue.claims.len() as u64)),
            ("checks", &pen.lang.number(catalogue.checks.len() as u64)),
        ],
    )));
    let gate = match &scope.gate {
        Gate::Configured => Html::text(w.gate_configured),
        Gate::All => Html::text(w.gate_all),
        Gate::Only(ids) => pen.keys(ids),
    };
    page.blocks.push(Block::Rows(vec![
        (w.program.to_owned(), Html::text(&scope.program)),
        (w.configuration.to_owned(), code(&scope.configuration.hex())),
        (w.mapping.to_owned(), code(&scope.mapping.hex())),
        (w.gate_requires.to_owned(), gate_terms(pen, gate, &scope.gate_terms)),
    ]));
    let mut table = Table::new(w.scope_unfilled_caption, &[(w.check, Shape::Text), (w.keys, Shape::Text)]);
    for (check, keys) in &scope.unfilled {
        table.row(vec![check_link(pen, check), pen.keys(keys)]);
    }
    page.heading(w.scope_unfilled);
    page.table(table, w.scope_unfilled_none);
    let unchecked = catalogue.claims.iter().filter(|claim| claim.deciding().next().is_none()).count() as u64;
    if unchecked > 0 {
        let sentence = pen.lang.plural(unchecked, w.scope_unchecked_one, w.scope_unchecked_many);
        page.note(Html::text(&fill(sentence, &[("n", &pen.lang.number(unchecked))])));
    }
    let mut table = Table::new("", &[(w.data, Shape::Text), (w.kept_for, Shape::Text), (w.max_lag, Shape::Text)]);
    for promise in &scope.retention {
        table.row(vec![
            Html::text(&humane_rule(&promise.rule)),
            Html::text(&pen.lang.span(promise.keep)),
            Html::text(&pen.lang.span(promise.max_lag)),
        ]);
    }
    page.heading(w.retention_title);
    page.table(table, w.retention_empty);
}

/// What the gate requires, with what else it was told.
fn gate_terms(pen: &Pen<'_>, gate: Html, terms: &GateTerms) -> Html {
    let mut parts = vec![gate];
    if terms.baseline {
        parts.push(Html::text(pen.w.gate_baseline));
    }
    if let Some(name) = &terms.no_worse_than {
        parts.push(Html::fill(pen.w.gate_no_worse_than, &[("name", &Html::format("<code>{}</code>", &[name]))]));
    }
    Html::join(parts, "; ")
}

fn decision(pen: &Pen<'_>, page: &mut Page, decision: &Decision) {
    let w = pen.w;
    let sort = match decision {
        Decision::Waiver { .. } => w.a_waiver,
        Decision::Ignore { .. } => w.an_ignore,
        Decision::Attestation { .. } => w.an_attestation,
        Decision::Provider { .. } => w.a_provider,
        Decision::Gap { .. } => w.a_gap,
        Decision::NotApplicable { .. } => w.a_not_applicable,
    };
    page.lede.push(Html::format("{} <code>{}</code>", &[&sort, &decision.subject()]));
    page.blocks.push(Block::Rows(decision_facts(pen, decision)));
}

fn release(pen: &Pen<'_>, page: &mut Page, record: &ReleaseRecord) {
    let w = pen.w;
    page.lede.push(Html::fill(
        w.release_record_lede,
        &[("release", &pen.release(&record.release.version)), ("commit", &releases::short_commit(&record.release.commit))],
    ));
    page.blocks.push(Block::Rows(vec![
        (w.commit.to_owned(), code(&record.release.commit)),
        (w.tag.to_owned(), record.release.tag.as_ref().map_or_else(|| pen.nothing(), |tag| code(tag))),
        (w.committed_utc.to_owned(), pen.instant_short(record.committed)),
    ]));
    page.heading(w.fact_sbom);
    page.table(releases::boms(pen, record), w.boms_empty);
    page.heading(w.lockfiles);
    page.table(releases::lockfiles(pen, record), w.lockfiles_empty);
}

fn sbom(pen: &Pen<'_>, page: &mut Page, recorded: &Recorded) {
    let w = pen.w;
    page.lede.push(Html::text(w.sbom_lede));
    let mut of = Vec::new();
    for version in pen.site.boms_of.get(&recorded.entry.digest).into_iter().flatten() {
        let file = pen.file(&sbom_file(version.0, version.1));
        of.push(Html::format("{}, <a href=\"{}\"><code>{}</code></a>", &[&pen.release(version.0), &file, &version.1]));
    }
    page.blocks.push(Block::Facts(vec![
        (w.release.to_owned(), if of.is_empty() { pen.nothing() } else { Html::join(of, "; ") }),
        (w.format.to_owned(), code(&recorded.entry.media_type)),
        (w.size.to_owned(), Html::text(&fill(w.bytes, &[("n", &pen.lang.number(recorded.entry.size))]))),
    ]));
}

fn receipt(pen: &Pen<'_>, page: &mut Page, receipt: &Receipt) {
    let w = pen.w;
    let (state, sentence) = match (receipt.holds, receipt.exercised) {
        (true, true) => (marked("pass", w.holds), w.receipt_holds),
        (true, false) => (marked("unsure", w.outcome_not_exercised), w.receipt_of_nothing),
        (false, _) => (marked("fail", w.does_not_hold), w.receipt_does_not_hold),
    };
    page.lede.push(Html::format(
        "{} {}",
        &[
            &state,
            &fill(
                sentence,
                &[
                    ("rule", &humane_rule(&receipt.promise.rule)),
                    ("keep", &pen.lang.span(receipt.promise.keep)),
                    ("lag", &pen.lang.span(receipt.promise.max_lag)),
                ],
            ),
        ],
    ));
    page.blocks.push(Block::Facts(receipt_facts(pen, receipt)));
}

fn details(pen: &Pen<'_>, page: &mut Page, details: &Details) {
    let w = pen.w;
    page.lede.push(Html::text(w.details_lede));
    for detail in &details.details {
        page.blocks.push(Block::Subject {
            id: name_in_path(&detail.check),
            title: check_link(pen, &detail.check),
            state: Html::default(),
        });
        page.blocks.push(Block::List(detail.findings.iter().map(|finding| pen.english(finding)).collect()));
    }
}

fn missed(pen: &Pen<'_>, page: &mut Page, missed: &Missed) {
    let w = pen.w;
    page.lede.push(Html::format(
        "{} {}",
        &[
            &marked("unsure", w.missed),
            &Html::fill(
                pen.lang.plural(missed.slots, w.attention_missed_one, w.attention_missed_many),
                &[("job", &job_name(pen, &missed.job)), ("n", &pen.number(missed.slots)), ("time", &pen.instant(missed.from))],
            ),
        ],
    ));
    let why = match missed.why.as_str() {
        "down" => w.why_down,
        "panicked" => w.why_panicked,
        "overran" => w.why_overran,
        other => other,
    };
    page.blocks.push(Block::Facts(vec![
        (w.slots.to_owned(), Html::format("{} – {}", &[&pen.instant_short(missed.from), &pen.instant_short(missed.to)])),
        (w.why.to_owned(), Html::text(why)),
    ]));
}

fn key(pen: &Pen<'_>, page: &mut Page, event: &KeyEvent) {
    let w = pen.w;
    page.lede.push(Html::text(match event.action {
        KeyAction::Add => w.key_added,
        KeyAction::Retire => w.key_retired,
        KeyAction::Revoke => w.key_revoked,
    }));
    page.blocks.push(Block::Rows(vec![(w.verifier_key.to_owned(), code(&event.key))]));
}

fn withdrawal(pen: &Pen<'_>, page: &mut Page, withdrawal: &Withdrawal) {
    page.lede.push(Html::fill(
        pen.w.withdrawal_lede,
        &[("link", &pen.evidence(&withdrawal.withdrawn, "")), ("reason", &withdrawal_reason(pen, withdrawal.reason))],
    ));
}

fn unsealing(pen: &Pen<'_>, page: &mut Page, unsealing: &Unsealing) {
    let w = pen.w;
    page.lede.push(Html::fill(
        w.unsealing_lede,
        &[("sealed", &pen.evidence(&unsealing.sealed, "")), ("released", &pen.evidence(&unsealing.released, ""))],
    ));
    page.blocks.push(Block::Rows(vec![(w.salt.to_owned(), code(&unsealing.salt))]));
}

fn vex(pen: &Pen<'_>, page: &mut Page, statement: &VexStatement) {
    let w = pen.w;
    let status = match statement.status {
        VexStatus::NotAffected => w.vex_not_affected,
        VexStatus::Affected => w.vex_affected,
        VexStatus::Fixed => w.vex_fixed,
        VexStatus::UnderInvestigation => w.vex_under_investigation,
    };
    page.lede.push(Html::fill(
        w.vex_lede,
        &[("vulnerability", &code(&statement.vulnerability)), ("releases", &code(&statement.releases)), ("status", &status)],
    ));
    let words = |text: &Option<String>| text.as_deref().map(|text| pen.english(text));
    let mut rows = vec![
        (w.vex_vulnerability.to_owned(), code(&statement.vulnerability)),
        (w.vex_releases.to_owned(), code(&statement.releases)),
        (w.vex_status.to_owned(), code(statement.status.name())),
    ];
    rows.extend(statement.justification.map(|justification| (w.vex_justification.to_owned(), code(justification.name()))));
    rows.extend(words(&statement.impact).map(|impact| (w.vex_impact.to_owned(), impact)));
    rows.extend(words(&statement.action).map(|action| (w.vex_action.to_owned(), action)));
    rows.extend(statement.component.as_deref().map(|component| (w.vex_component.to_owned(), code(component))));
    page.blocks.push(Block::Rows(rows));
}

fn deployment(pen: &Pen<'_>, page: &mut Page, deployment: &Deployment) {
    let w = pen.w;
    let (release, since) = (pen.release(&deployment.release), pen.instant(deployment.at));
    page.lede.push(Html::fill(
        w.deployment_lede,
        &[("release", &release), ("environment", &code(&deployment.environment)), ("time", &since)],
    ));
    page.blocks.push(Block::Rows(vec![
        (w.release.to_owned(), pen.release(&deployment.release)),
        (w.deployment_environment.to_owned(), code(&deployment.environment)),
        (w.deployment_since.to_owned(), pen.instant_short(deployment.at)),
    ]));
}
