//! What writes a page: a language, a place in the site, and the way from there to everything else.

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Digest, Json, Timestamp,
    assessment::{CheckFinding, ClaimFinding, ControlFinding, Reason, RequirementFinding, RunRef, WaiverFinding},
    catalogue::{Check, Claim, Control, Localised, Requirement},
    json::Object,
    payload::{Payload, Recorded, ReleaseRecord, Withdrawal, WithdrawalReason},
    state::{Outcome, Standing, State},
    time::Day,
};

use crate::{
    escape::{Html, Piece, fill, safe_url},
    language::Language,
    path::{self, name_in_path},
    view::{Kill, View, shown},
    words::Words,
};

/// The view with everything looked up once, so that no page walks the whole of it.
pub(crate) struct Site<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) languages: Vec<Language>,
    /// The entries that are shown.
    pub(crate) shown: &'a [Recorded],
    /// The entries of each payload that has a page.
    pub(crate) payloads: BTreeMap<Digest, Vec<&'a Recorded>>,
    pub(crate) checks: BTreeMap<&'a str, &'a Check>,
    pub(crate) controls: BTreeMap<&'a str, &'a Control>,
    pub(crate) requirements: BTreeMap<&'a str, &'a Requirement>,
    pub(crate) claims_of: BTreeMap<&'a str, Vec<&'a Claim>>,
    pub(crate) control_of_check: BTreeMap<&'a str, &'a str>,
    pub(crate) check_findings: BTreeMap<&'a str, &'a CheckFinding>,
    pub(crate) claim_findings: BTreeMap<&'a str, &'a ClaimFinding>,
    pub(crate) control_findings: BTreeMap<&'a str, &'a ControlFinding>,
    pub(crate) requirement_findings: BTreeMap<&'a str, &'a RequirementFinding>,
    pub(crate) waivers: BTreeMap<&'a str, &'a WaiverFinding>,
    pub(crate) kinds: BTreeSet<&'a str>,
    pub(crate) kills: BTreeMap<&'a str, Vec<&'a Kill<'a>>>,
    pub(crate) withdrawn: BTreeMap<Digest, (WithdrawalReason, Timestamp)>,
    /// Sealed payloads that were released: the digest under which the bytes are public.
    pub(crate) unsealed: BTreeMap<Digest, Digest>,
    /// Each version with its records, newest version last as the log has them.
    pub(crate) releases: Vec<(&'a ReleaseRecord, &'a Recorded)>,
    /// The releases and file names of each BOM.
    pub(crate) boms_of: BTreeMap<Digest, BTreeSet<(&'a str, &'a str)>>,
    /// The versions that have a page.
    pub(crate) versions: BTreeSet<&'a str>,
    /// The runs on each version, oldest first.
    pub(crate) runs_on: BTreeMap<&'a str, Vec<&'a Recorded>>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(view: &'a View<'a>) -> Self {
        let catalogue = &view.scope.catalogue;
        let assessment = view.assessment;
        let shown = shown(view.entries);
        let wanted: Vec<Language> = Language::ALL
            .into_iter()
            .filter(|language| view.scope.product.languages.iter().any(|code| code == language.code()))
            .collect();
        let mut site = Self {
            view,
            languages: if wanted.is_empty() { vec![Language::En] } else { wanted },
            shown,
            payloads: BTreeMap::new(),
            checks: catalogue.checks.iter().map(|check| (check.id.as_str(), check)).collect(),
            controls: catalogue.controls.iter().map(|control| (control.id.as_str(), control)).collect(),
            requirements: catalogue
                .standards
                .iter()
                .flat_map(|standard| &standard.requirements)
                .map(|requirement| (requirement.id.as_str(), requirement))
                .collect(),
            claims_of: BTreeMap::new(),
            control_of_check: BTreeMap::new(),
            check_findings: assessment.checks.iter().map(|finding| (finding.check.as_str(), finding)).collect(),
            claim_findings: assessment.claims.iter().map(|finding| (finding.claim.as_str(), finding)).collect(),
            control_findings: assessment.controls.iter().map(|finding| (finding.control.as_str(), finding)).collect(),
            requirement_findings: assessment.requirements.iter().map(|finding| (finding.requirement.as_str(), finding)).collect(),
            waivers: assessment.waivers.iter().map(|finding| (finding.decision.subject(), finding)).collect(),
            kinds: view.kinds.iter().map(|kind| kind.id).collect(),
            kills: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            unsealed: BTreeMap::new(),
            releases: Vec::new(),
            boms_of: BTreeMap::new(),
            versions: BTreeSet::new(),
            runs_on: BTreeMap::new(),
        };
        for claim in &catalogue.claims {
            site.claims_of.entry(&claim.control).or_default().push(claim);
            for check in claim.deciding() {
                site.control_of_check.entry(check).or_insert(&claim.control);
            }
        }
        for kill in view.kills {
            site.kills.entry(kill.kind).or_default().push(kill);
        }
        for recorded in shown {
            site.index(recorded);
        }
        site
    }

    fn index(&mut self, recorded: &'a Recorded) {
        use avouch_model::entry::EntryKind;
        if recorded.entry.kind != EntryKind::Site {
            self.payloads.entry(recorded.entry.digest).or_default().push(recorded);
        }
        match &recorded.payload {
            Payload::Withdrawal(Withdrawal { withdrawn, reason, .. }) => {
                self.withdrawn.insert(*withdrawn, (*reason, recorded.entry.at));
            }
            Payload::Unsealing(unsealing) => {
                self.unsealed.insert(unsealing.sealed, unsealing.released);
            }
            Payload::Release(record) => {
                self.releases.push((record, recorded));
                self.versions.insert(&record.release.version);
                for bom in &record.boms {
                    self.boms_of.entry(bom.digest).or_default().insert((&record.release.version, &bom.file));
                }
            }
            Payload::Run(run) => {
                if let Some(release) = &run.release {
                    self.runs_on.entry(&release.version).or_default().push(recorded);
                }
            }
            _ => {}
        }
    }

    /// The language of the pages that lie in no language’s folder.
    pub(crate) fn evidence_language(&self) -> Language {
        let first = self.languages.first().copied().unwrap_or(Language::En);
        if self.languages.contains(&Language::En) { Language::En } else { first }
    }

    /// The state of a check; one that no finding speaks of was never tested.
    pub(crate) fn check_state(&self, check: &str) -> State {
        self.check_findings.get(check).map_or(State::NoData, |finding| finding.state)
    }

    /// Whether the kind of this check is a provider’s promise: its pass stands as inherited.
    pub(crate) fn is_inherited(&self, check: &str) -> bool {
        self.checks.get(check).is_some_and(|check| check.kind == avouch_model::catalogue::PROVIDER_INHERITED)
    }

    /// The state of a control.
    pub(crate) fn control_state(&self, control: &str) -> State {
        self.control_findings.get(control).map_or(State::NoData, |finding| finding.state)
    }

    /// The state of a claim.
    pub(crate) fn claim_state(&self, claim: &str) -> State {
        self.claim_findings.get(claim).map_or(State::NoData, |finding| finding.state)
    }

    /// The checks of a control, each once, in order.
    pub(crate) fn checks_of(&self, control: &str) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let claims = self.claims_of.get(control).map(Vec::as_slice).unwrap_or_default();
        claims.iter().flat_map(|claim| claim.deciding()).filter(|id| seen.insert(*id)).collect()
    }

    /// The base address without a slash at its end; only when it is one that may be linked.
    pub(crate) fn base(&self) -> Option<&'a str> {
        let base = self.view.base_url?.trim_end_matches('/');
        safe_url(base).filter(|base| base.starts_with("http"))
    }
}

/// Writes in one language, at one depth.
pub(crate) struct Pen<'a> {
    pub(crate) site: &'a Site<'a>,
    pub(crate) lang: Language,
    pub(crate) w: &'static Words,
    root: String,
}

impl<'a> Pen<'a> {
    /// For a page in this folder (from the root).
    pub(crate) fn new(site: &'a Site<'a>, lang: Language, folder: &str) -> Self {
        Self { site, lang, w: lang.words(), root: path::to_root(folder) }
    }

    /// What leads back to the root.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The address of a file, by its path from the root.
    pub(crate) fn file(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The address of a page of this language, by its folder below the language's.
    pub(crate) fn page(&self, tail: &str) -> String {
        let slash = if tail.is_empty() { "" } else { "/" };
        format!("{}{}/{tail}{slash}index.html", self.root, self.lang.code())
    }

    /// A link to a page of this language.
    pub(crate) fn link(&self, tail: &str, text: &dyn Piece) -> Html {
        Html::format("<a href=\"{}\">{}</a>", &[&self.page(tail), text])
    }

    /// A link to the web where the address may be linked, else its text.
    pub(crate) fn outside(&self, address: &str, text: &str) -> Html {
        match safe_url(address) {
            Some(url) => Html::format("<a href=\"{}\" rel=\"noreferrer\">{}</a>", &[&url, &text]),
            None => Html::text(text),
        }
    }

    /// A control, linked by its title.
    pub(crate) fn control(&self, id: &str) -> Html {
        match self.site.controls.get(id) {
            Some(control) => self.link(&format!("controls/{}", name_in_path(id)), &self.localised(&control.title)),
            None => Html::format("<code>{}</code>", &[&id]),
        }
    }

    /// A requirement, linked by its id and title.
    pub(crate) fn requirement(&self, id: &str) -> Html {
        match self.site.requirements.get(id) {
            Some(requirement) => {
                let text = Html::format("<span class=\"num\">{}</span> {}", &[&id, &self.localised(&requirement.title)]);
                self.link(&format!("requirements/{}", name_in_path(id)), &text)
            }
            None => Html::format("<code>{}</code>", &[&id]),
        }
    }

    /// A kind, linked when it has a page.
    pub(crate) fn kind(&self, id: &str) -> Html {
        let text = Html::format("<code>{}</code>", &[&id]);
        if self.site.kinds.contains(id) { self.link(&format!("kinds/{}", name_in_path(id)), &text) } else { text }
    }

    /// A release, linked when the record holds it.
    pub(crate) fn release(&self, version: &str) -> Html {
        if self.site.versions.contains(version) {
            self.link(&format!("releases/{}", name_in_path(version)), &version)
        } else {
            Html::text(version)
        }
    }

    /// A payload, linked by the beginning of its digest when it has a page.
    pub(crate) fn evidence(&self, digest: &Digest, anchor: &str) -> Html {
        let text = digest.short();
        if !self.site.payloads.contains_key(digest) {
            return Html::format("<span class=\"id\">{}</span>", &[&text]);
        }
        let mut href = self.file(&path::evidence_page(digest));
        if !anchor.is_empty() {
            href.push('#');
            href.push_str(&name_in_path(anchor));
        }
        Html::format("<a class=\"id\" href=\"{}\">{}</a>", &[&href, &text])
    }

    /// The last answer of a check, or a dash.
    pub(crate) fn last(&self, last: Option<&RunRef>, anchor: &str) -> Html {
        last.map_or_else(|| self.nothing(), |run| self.evidence(&run.digest, anchor))
    }

    /// Where there is nothing to show.
    pub(crate) fn nothing(&self) -> Html {
        Html::format("<span class=\"muted\">{}</span>", &[&self.w.none])
    }

    /// Text in this language, marked as English where there is no other.
    pub(crate) fn localised(&self, text: &Localised) -> Html {
        match (self.lang, &text.fr) {
            (Language::Fr, None) => self.english(&text.en),
            _ => Html::text(&self.lang.set(text.get(self.lang.code()))),
        }
    }

    /// English text, marked so on a page in another language.
    pub(crate) fn english(&self, text: &str) -> Html {
        match self.lang {
            Language::En => Html::text(text),
            Language::Fr => Html::format("<span lang=\"en\">{}</span>", &[&text]),
        }
    }

    /// An instant in prose.
    pub(crate) fn instant(&self, at: Timestamp) -> Html {
        Html::format("<time datetime=\"{}\">{}</time>", &[&at.to_string(), &self.lang.instant(at)])
    }

    /// An instant in a table.
    pub(crate) fn instant_short(&self, at: Timestamp) -> Html {
        Html::format("<time datetime=\"{}\">{}</time>", &[&at.to_string(), &self.lang.instant_short(at)])
    }

    /// A day in prose.
    pub(crate) fn day(&self, day: Day) -> Html {
        Html::format("<time datetime=\"{}\">{}</time>", &[&day.to_string(), &self.lang.day(day)])
    }

    /// A day in a table.
    pub(crate) fn day_short(&self, day: Day) -> Html {
        Html::format("<time datetime=\"{}\">{}</time>", &[&day.to_string(), &self.lang.day_short(day)])
    }

    /// A count.
    pub(crate) fn number(&self, number: u64) -> Html {
        Html::text(&self.lang.number(number))
    }

    /// `11 of 13`.
    pub(crate) fn of(&self, part: u64, whole: u64) -> Html {
        Html::text(&fill(self.w.n_of_m, &[("n", &self.lang.number(part)), ("m", &self.lang.number(whole))]))
    }

    /// A state: shape, word and colour.
    pub(crate) fn state(&self, state: State) -> Html {
        marked(class_of(state), self.state_word(state))
    }

    /// The state of a control. Where some of its claims hold and the rest was not tested, "not tested" would be false of the whole.
    pub(crate) fn control_state(&self, control: &str) -> Html {
        let state = self.site.control_state(control);
        let some = self.site.control_findings.get(control).is_some_and(|finding| finding.passed > 0);
        if some && matches!(state, State::NotConfigured | State::NoData) {
            return marked(class_of(state), self.w.state_partly);
        }
        self.state(state)
    }

    /// The word for a state.
    pub(crate) const fn state_word(&self, state: State) -> &'static str {
        match state {
            State::Fail => self.w.state_fail,
            State::Error => self.w.state_error,
            State::NoData => self.w.state_no_data,
            State::Stale => self.w.state_stale,
            State::NotConfigured => self.w.state_not_configured,
            State::Waived => self.w.state_waived,
            State::Inherited => self.w.state_inherited,
            State::Planned => self.w.state_planned,
            State::Pass => self.w.state_pass,
            State::NotApplicable => self.w.state_not_applicable,
        }
    }

    /// The state of a check, with the date where it has one: `Waived until 31 December 2026`.
    pub(crate) fn state_because(&self, state: State, reason: Option<&Reason>) -> Html {
        match (state, reason) {
            (State::Waived, Some(Reason::Waived { until, .. })) => {
                marked(class_of(state), &fill(self.w.state_waived_until, &[("day", &self.lang.day_short(until.day()))]))
            }
            _ => self.state(state),
        }
    }

    /// What a check answered, on an evidence page.
    pub(crate) fn outcome(&self, check: &str, outcome: Outcome) -> Html {
        match outcome {
            Outcome::Pass if self.site.is_inherited(check) => self.state(State::Inherited),
            _ => self.state(state_of(outcome)),
        }
    }

    /// How a requirement stands.
    pub(crate) fn standing(&self, finding: &RequirementFinding) -> Html {
        use avouch_model::decision::Decision;
        match (finding.standing, &finding.decision) {
            (Standing::Satisfied, _) => marked("pass", self.w.standing_satisfied),
            (Standing::NotSatisfied, _) => marked("fail", self.w.standing_not_satisfied),
            (Standing::Undetermined, _) => marked("unsure", self.w.standing_undetermined),
            (Standing::Gap, Some(Decision::Gap { due, .. })) => {
                marked("untested", &fill(self.w.standing_gap_due, &[("day", &self.lang.day_short(*due))]))
            }
            (Standing::Gap, _) => marked("untested", self.w.standing_gap),
            (Standing::NotApplicable, _) => marked("na", self.w.state_not_applicable),
        }
    }

    /// Why a check stands as it does, in a sentence.
    pub(crate) fn reason(&self, reason: &Reason) -> Html {
        let w = self.w;
        match reason {
            Reason::Unfilled { keys } => Html::fill(w.because_unfilled, &[("keys", &self.keys(keys))]),
            Reason::NeverAsked => Html::text(w.because_never_asked),
            Reason::TooFew => Html::text(w.because_too_few),
            Reason::CouldNotAsk => Html::text(w.because_could_not_ask),
            Reason::TooOld { since } => Html::fill(w.because_too_old, &[("time", &self.instant(*since))]),
            Reason::OtherRelease => Html::text(w.because_other_release),
            Reason::ReleaseUnproven => Html::text(w.because_release_unproven),
            Reason::Unreleased => Html::text(w.because_unreleased),
            Reason::OtherNumber { name, claimed, tested } => {
                Html::fill(w.because_other_number, &[("name", &humanised(name)), ("claimed", claimed), ("tested", tested)])
            }
            Reason::Waived { waiver, until } => {
                Html::fill(w.because_waived, &[("waiver", &self.waiver(waiver)), ("day", &self.day(until.day()))])
            }
            Reason::NotApplicable { reason } => Html::fill(w.because_not_applicable, &[("reason", &self.english(reason))]),
            Reason::FromTheFuture => Html::text(w.because_from_the_future),
        }
    }

    /// A waiver, linked to where it is told.
    pub(crate) fn waiver(&self, id: &str) -> Html {
        let href = format!("{}#{}", self.page("decisions"), name_in_path(id));
        Html::format("<a href=\"{}\">{}</a>", &[&href, &id])
    }

    /// Configuration keys.
    pub(crate) fn keys(&self, keys: &[String]) -> Html {
        Html::join(keys.iter().map(|key| Html::format("<code>{}</code>", &[key])), ", ")
    }

    /// The numbers of a claim as they were tested: `limit 60, window 1 minute`.
    pub(crate) fn numbers(&self, numbers: &Object) -> Html {
        Html::join(
            numbers.iter().map(|(name, value)| {
                Html::format("{}\u{a0}<span class=\"num\">{}</span>", &[&humanised(name), &json_text(value, self.lang)])
            }),
            ", ",
        )
    }

    /// The name of the product.
    pub(crate) fn product(&self) -> &'a str {
        &self.site.view.scope.product.name
    }
}

/// A marked word.
pub(crate) fn marked(class: &'static str, word: &str) -> Html {
    Html::format("<span class=\"state {}\">{}</span>", &[&class, &word])
}

/// The shape and colour of a state.
pub(crate) const fn class_of(state: State) -> &'static str {
    match state {
        State::Pass => "pass",
        State::Fail => "fail",
        State::Error | State::Stale | State::Waived | State::Inherited => "unsure",
        State::NoData | State::NotConfigured | State::Planned => "untested",
        State::NotApplicable => "na",
    }
}

/// The state that an outcome would have if it still counted.
pub(crate) const fn state_of(outcome: Outcome) -> State {
    match outcome {
        Outcome::Pass => State::Pass,
        Outcome::Fail => State::Fail,
        Outcome::Error => State::Error,
        Outcome::NotExercised => State::NoData,
    }
}

/// `limit_per_minute` → `limit per minute`.
pub(crate) fn humanised(name: &str) -> String {
    name.replace('_', " ")
}

/// A JSON value as a person reads it.
pub(crate) fn json_text(value: &Json, lang: Language) -> String {
    match value {
        Json::Null => "–".to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Integer(number) => {
            let sign = if *number < 0 { "−" } else { "" };
            format!("{sign}{}", lang.number(number.unsigned_abs()))
        }
        Json::Text(text) => text.clone(),
        Json::List(items) => items.iter().map(|item| json_text(item, lang)).collect::<Vec<_>>().join(", "),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{} {}", humanised(name), json_text(value, lang)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}
