//! A rich product for tests and the preview: failing, waived, stale, inherited, missing, withdrawn, sealed and good news.

#![allow(clippy::unwrap_used, reason = "sample data is written here; a mistake in it must stop the test")]

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Digest, Json, Span, Timestamp,
    assessment::*,
    catalogue::*,
    configuration::Gate,
    decision::Decision,
    entry::{Entry, EntryKind, Visibility},
    observation::{Observation, Population, PositiveControl},
    payload::*,
    receipt::{Ended, Enforcement, Exceptions, Fate, Promise, Receipt, Told},
    release::{Binding, Release},
    state::{Outcome, Standing, State, Verdict},
};
use avouch_render::{Kill, KindText, LogFacts, Trial, View, shown};

/// Everything that a view borrows.
pub(crate) struct Sample {
    pub(crate) scope: Scope,
    pub(crate) assessment: Assessment,
    pub(crate) entries: Vec<Recorded>,
    pub(crate) origin: String,
    pub(crate) key: String,
    pub(crate) kinds: Vec<(String, String, String)>,
    pub(crate) kills: Vec<(String, String, Outcome, Outcome)>,
    pub(crate) threat_model: Localised,
    pub(crate) statements: BTreeSet<Digest>,
    pub(crate) base_url: Option<String>,
}

/// Calls `use_it` with the view of a sample.
pub(crate) fn with_view<T>(sample: &Sample, use_it: impl FnOnce(&View<'_>) -> T) -> T {
    let kinds: Vec<KindText<'_>> =
        sample.kinds.iter().map(|(id, question, explanation)| KindText { id, question, explanation }).collect();
    let kills: Vec<Kill<'_>> = sample
        .kills
        .iter()
        .map(|(kind, example, expected, got)| Kill { kind, example, expected: *expected, got: *got })
        .collect();
    // One claim was tried, and the others were not.
    let claim = sample.scope.catalogue.claims.first();
    let trials: Vec<Trial<'_>> =
        claim.map(|claim| Trial { claim: &claim.id, defects: vec![(&sample.origin, &sample.key)] }).into_iter().collect();
    let bytes = |_: &Digest| Some(b"{\"bomFormat\":\"CycloneDX\"}".to_vec());
    use_it(&View {
        scope: &sample.scope,
        assessment: &sample.assessment,
        entries: &sample.entries,
        log: LogFacts {
            origin: &sample.origin,
            entries: shown(&sample.entries).len() as u64,
            root: Some(Digest::of(b"root")),
            verifier_key: &sample.key,
        },
        base_url: sample.base_url.as_deref(),
        kinds: &kinds,
        kills: &kills,
        trials: &trials,
        trials_program: "avouch 0.1.0",
        threat_model: Some(&sample.threat_model),
        security_txt_expires: at("2027-05-20T06:02:00Z"),
        statements: &sample.statements,
        payload_bytes: &bytes,
    })
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const AS_OF: &str = "2026-11-21T06:02:00Z";
const DAY: i64 = 86_400;

/// Every text that comes from outside goes through `t`.
pub(crate) fn sample(t: &dyn Fn(&str) -> String) -> Sample {
    let l = |en: &str, fr: &str| Localised { en: t(en), fr: Some(t(fr)) };
    let catalogue = catalogue(t, &l);
    let releases = [("1.4.0", "2026-09-02T09:00:00Z"), ("1.4.1", "2026-10-14T09:00:00Z"), ("1.4.2", "2026-11-18T09:00:00Z")];
    let release = |version: &str| Release {
        version: t(version),
        commit: t("9f2c41d0a7be55e1c09a77de51f04c3a9e6620bb"),
        tag: Some(t(&format!("v{version}"))),
    };
    let retention =
        vec![promise(t, "interactions", "24 months"), promise(t, "rate_limits", "2 hours"), promise(t, "audit_log", "90 days")];
    let scope = Scope {
        v: 1,
        program: t("avouch 0.1.0"),
        configuration: Digest::of(b"configuration"),
        mapping: Digest::of(b"mapping"),
        product: ProductName { name: t("CK API"), slug: t("ck"), languages: vec!["en".into(), "fr".into()] },
        catalogue,
        unfilled: BTreeMap::from([(t("ssrf-metadata"), vec![t("targets.api.routes.fetch"), t("bind.\"text.callback\"")])]),
        retention: retention.clone(),
        gate: Gate::Configured,
        gate_terms: Default::default(),
        disclosure: DisclosurePromise {
            contact: Some(t("mailto:security@example.com")),
            triage_within: Some("48h".parse().unwrap()),
            fix_within: BTreeMap::from([
                ("critical".to_owned(), "14d".parse().unwrap()),
                ("high".to_owned(), "30d".parse().unwrap()),
                (t("odd"), "90d".parse().unwrap()),
            ]),
        },
        run_gap_seconds: Some(86_400),
    };
    let scope_digest = Digest::of(b"scope");
    let mut log = Log { entries: Vec::new() };
    let start = at(AS_OF).plus_seconds(-75 * DAY);
    log.add(
        start,
        EntryKind::Genesis,
        &t("ck"),
        Digest::of(b"genesis"),
        Payload::Genesis(Genesis {
            v: 1,
            origin: t("trust.example.com/7f3a"),
            product: t("CK API"),
            signing_key: t("trust.example.com/7f3a+a1b2c3d4+AYs1"),
            recovery_key: t("trust.example.com/7f3a+00b2c3d4+AYs2"),
        }),
    );
    log.add(start, EntryKind::Scope, &t("ck"), scope_digest, Payload::Scope(Box::new(scope.clone())));
    for (nth, (version, time)) in releases.iter().enumerate() {
        let bom = Digest::of(format!("bom {version}").as_bytes());
        log.add(at(time), EntryKind::Sbom, &t(version), bom, Payload::Sbom);
        let record = ReleaseRecord {
            v: 1,
            release: release(version),
            dirty: false,
            committed: at(time),
            lockfiles: BTreeMap::from([(t("Cargo.lock"), Digest::of(b"l1")), (t("web/pnpm-lock.yaml"), Digest::of(b"l2"))]),
            boms: vec![Bom { file: t("bom.json"), spec: t("1.6"), digest: bom, components: 400 + nth as u64 * 6 }],
        };
        let digest = Digest::of(format!("release {version}").as_bytes());
        log.add(at(time), EntryKind::Release, &t(version), digest, Payload::Release(record));
    }
    for decision in decisions(t) {
        let digest = Digest::of(format!("{decision:?}").as_bytes());
        log.add(at("2026-11-19T10:00:00Z"), EntryKind::Decision, &t(decision.subject()), digest, Payload::Decision(decision));
    }
    let mut last_run = None;
    for day in 0..=74 {
        let time = start.plus_seconds(day * DAY);
        if day == 70 {
            let missed = Missed { v: 1, job: "run".into(), from: time, to: time, slots: 1, why: t("down") };
            log.add(time, EntryKind::Missed, &t("run"), Digest::of(b"missed"), Payload::Missed(missed));
            continue;
        }
        let failing = day >= 73;
        let details = failing.then(|| Digest::of(format!("details {day}").as_bytes()));
        if let Some(details) = details {
            log.absent(time, EntryKind::Details, &t("run"), details, Visibility::Sealed);
        }
        let run = Run {
            v: 1,
            scope: scope_digest,
            release: Some(release(if day > 71 { "1.4.2" } else { "1.4.1" })),
            started: time.plus_seconds(-240),
            ended: time,
            observations: observations(t, failing),
            details,
        };
        let digest = Digest::of(format!("run {}", if failing { day } else { day / 20 }).as_bytes());
        last_run = Some(RunRef { digest, index: log.entries.len() as u64, at: time });
        log.add(time, EntryKind::Run, &t("1.4.2"), digest, Payload::Run(run));
    }
    let mut findings = Vec::new();
    for (nth, promise) in retention.iter().enumerate() {
        let receipt = receipt(promise, nth);
        let digest = Digest::of(format!("receipt {nth}").as_bytes());
        log.add(receipt.to, EntryKind::Receipt, &promise.rule, digest, Payload::Receipt(receipt.clone()));
        findings.push(RetentionFinding {
            promise: promise.clone(),
            state: if nth == 2 { State::Stale } else { State::Pass },
            last: Some((digest, receipt)),
            deleted_30_days: [184_220, 9_410_008, 61_377][nth],
            lag_is_large: nth == 1,
            overdue: vec![Told::Counted(0), [Told::Counted(0), Told::Counted(0), Told::Counted(61)][nth]],
            trend: Some([Trend::Steady, Trend::Steady, Trend::Rising][nth]),
            backlog_days: [Some(0), None, Some(12)][nth],
            due_by: Some(promise.max_lag.after(at("2026-11-21T05:45:00Z"))),
            missed_slots: [0, 0, 3][nth],
        });
    }
    log.absent(at("2026-11-20T08:00:00Z"), EntryKind::Run, &t("1.4.1"), Digest::of(b"gone"), Visibility::Public);
    log.add(
        at("2026-11-20T09:00:00Z"),
        EntryKind::Withdrawal,
        &t("mistake"),
        Digest::of(b"withdrawal"),
        Payload::Withdrawal(Withdrawal { v: 1, withdrawn: Digest::of(b"gone"), reason: WithdrawalReason::Mistake }),
    );
    log.add(
        at("2026-11-20T09:30:00Z"),
        EntryKind::Key,
        &t("key"),
        Digest::of(b"key"),
        Payload::Key(KeyEvent { v: 1, action: KeyAction::Add, key: t("trust.example.com/7f3a+ffb2c3d4+AYs3") }),
    );
    let statement = VexStatement {
        v: 1,
        vulnerability: t("CVE-2026-1234"),
        releases: t("1.4.*"),
        status: VexStatus::NotAffected,
        justification: Some(VexJustification::VulnerableCodeNotInExecutePath),
        impact: Some(t("We never parse dates from outside.")),
        action: Some(t("Nothing.")),
        component: Some(t("pkg:npm/left")),
    };
    log.add(at("2026-11-20T09:40:00Z"), EntryKind::Vex, &t("CVE-2026-1234"), Digest::of(b"vex"), Payload::Vex(statement));
    let told = at("2026-11-20T09:50:00Z");
    let deployment = Deployment { v: 1, environment: t("production"), release: t("1.4.2"), at: at("2026-11-20T09:45:00Z") };
    log.add(told, EntryKind::Deployment, &t("production"), Digest::of(b"deployment"), Payload::Deployment(deployment));
    let last_run = last_run.unwrap();
    let assessment = assessment(t, &scope, &log, last_run, release("1.4.2"), findings);
    let statements = log.entries.iter().map(|recorded| recorded.entry.digest).take(20).collect();
    Sample {
        scope,
        assessment,
        entries: log.entries,
        origin: t("trust.example.com/7f3a"),
        key: t("trust.example.com/7f3a+a1b2c3d4+AYs1x0m2"),
        kinds: kinds(t),
        kills: kills(t),
        threat_model: l(
            "## What we protect\n\nSecrets of tenants, and the numbers they send.",
            "## Ce que nous protégeons\n\nLes secrets des clients, et les nombres qu’ils envoient.",
        ),
        statements,
        base_url: None,
    }
}

/// Adds this many runs, each with a payload of its own.
pub(crate) fn grow(sample: &mut Sample, payloads: usize) {
    let mut log = Log { entries: std::mem::take(&mut sample.entries) };
    let run = log.entries.iter().find(|recorded| matches!(recorded.payload, Payload::Run(_))).unwrap().payload.clone();
    for _ in 0..payloads {
        let digest = Digest::of(format!("grown {}", log.entries.len()).as_bytes());
        log.add(at("2026-11-21T06:00:00Z"), EntryKind::Run, "1.4.2", digest, run.clone());
    }
    sample.entries = log.entries;
}

/// A log being written.
pub(crate) struct Log {
    pub(crate) entries: Vec<Recorded>,
}

impl Log {
    pub(crate) fn add(&mut self, at: Timestamp, kind: EntryKind, subject: &str, digest: Digest, payload: Payload) {
        self.push(at, kind, subject, digest, Visibility::Public, payload);
    }

    fn absent(&mut self, at: Timestamp, kind: EntryKind, subject: &str, digest: Digest, visibility: Visibility) {
        self.push(at, kind, subject, digest, visibility, Payload::Absent);
    }

    fn push(&mut self, at: Timestamp, kind: EntryKind, subject: &str, digest: Digest, visibility: Visibility, payload: Payload) {
        self.entries.push(Recorded {
            index: self.entries.len() as u64,
            entry: Entry {
                v: 1,
                kind,
                at,
                subject: subject.to_owned(),
                visibility,
                media_type: Entry::JSON.to_owned(),
                digest,
                size: 4_711,
            },
            payload,
        });
    }
}

fn promise(t: &dyn Fn(&str) -> String, rule: &str, keep: &str) -> Promise {
    Promise {
        rule: t(rule),
        keep: keep.parse().unwrap(),
        max_lag: Span::Seconds(900),
        enforce: if rule == "audit_log" { Enforcement::Product } else { Enforcement::Avouch },
        fate: if rule == "interactions" { Fate::Archived } else { Fate::Deleted },
        exceptions: Exceptions { hold: rule == "interactions", ..Exceptions::default() },
    }
}

fn receipt(promise: &Promise, nth: usize) -> Receipt {
    let to = at("2026-11-21T05:45:00Z").plus_seconds(-(nth as i64) * 3_600);
    Receipt {
        v: 1,
        promise: promise.clone(),
        from: to.plus_seconds(-DAY + 900),
        to,
        runs: 96,
        failures: nth as u64,
        gap_seconds_max: 900,
        deleted: Some(6_140),
        cutoff: promise.keep.before(to),
        due_after: if nth == 1 { None } else { Some(0) },
        overdue_after: (nth == 2).then_some(61),
        holds: nth != 2,
        exercised: true,
        oldest_after: (nth != 1).then(|| promise.keep.before(to).day()),
        newest_deleted: Some(promise.keep.before(to).day()),
        ended: if nth == 2 { Ended::Fused } else { Ended::Done },
        claim: None,
        children: (nth == 0).then_some(812),
        held: (nth == 0).then_some(37),
        undated: (nth == 0).then_some(23),
        future: (nth == 0).then_some(29),
        strays: (nth == 0).then_some(2),
        erased: (nth == 0).then_some(true),
        recovery_window: (nth == 0).then(|| "30 days".parse().unwrap()),
    }
}

/// A check's id, its kind, and how it stands.
type CheckRow = (&'static str, &'static str, State);

/// Id, English, French, requirements, state, checks.
type ControlRow = (&'static str, &'static str, &'static str, &'static [&'static str], State, &'static [CheckRow]);

const CONTROLS: &[ControlRow] = &[
    (
        "rate-limit",
        "Two request limits protect the API",
        "Deux limites de requêtes protègent l’API",
        &["API4:2023", "API2:2023"],
        State::Fail,
        &[
            ("rate-limit-key", "http.rate-limit", State::Fail),
            ("rate-limit-address", "http.rate-limit", State::Pass),
            ("rate-limit-fails-closed", "http.rate-limit", State::Pass),
        ],
    ),
    (
        "tls",
        "Data crosses the wire only over TLS 1.3",
        "Les données ne circulent qu’en TLS 1.3",
        &["API8:2023"],
        State::Pass,
        &[("tls-minimum", "tls.versions", State::Pass)],
    ),
    (
        "key-storage",
        "Keys are stored only as a peppered hash",
        "Les clés ne sont conservées que sous forme de hachage poivré",
        &["API2:2023"],
        State::Pass,
        &[("key-hash", "database.key-hash", State::Pass)],
    ),
    (
        "auth-floor",
        "Every authentication answer takes at least 80 ms",
        "Toute réponse d’authentification prend au moins 80 ms",
        &["API2:2023"],
        State::NoData,
        &[("auth-timing", "http.latency-floor", State::NoData)],
    ),
    (
        "object-access",
        "A tenant cannot read another tenant’s objects",
        "Un client ne peut lire les objets d’un autre",
        &["API1:2023"],
        State::Pass,
        &[("bola-read", "http.cross-tenant", State::Pass)],
    ),
    (
        "at-rest",
        "The provider encrypts the database at rest",
        "Le fournisseur chiffre la base au repos",
        &["API8:2023"],
        State::Inherited,
        &[("provider-at-rest", "provider.inherited", State::Inherited)],
    ),
    (
        "cors",
        "Only named origins may call the API from a browser",
        "Seules des origines nommées peuvent appeler l’API depuis un navigateur",
        &["API8:2023"],
        State::Waived,
        &[("cors-origins", "http.cors", State::Waived)],
    ),
    (
        "dependencies",
        "No known vulnerable component ships",
        "Aucun composant vulnérable connu n’est livré",
        &["API9:2023"],
        State::Stale,
        &[("advisories", "advisory.match", State::Stale)],
    ),
    (
        "webhooks",
        "Webhooks cannot reach inside",
        "Les webhooks ne peuvent atteindre l’intérieur",
        &["API7:2023"],
        State::NotConfigured,
        &[("ssrf-metadata", "http.ssrf", State::NotConfigured)],
    ),
    (
        "properties",
        "Answers hold only the properties that are promised",
        "Les réponses ne contiennent que les propriétés promises",
        &["API3:2023"],
        State::Error,
        &[("excess-data", "http.schema", State::Error)],
    ),
    (
        "roles",
        "Administrative calls need an administrative key",
        "Les appels d’administration exigent une clé d’administration",
        &["API5:2023"],
        State::Pass,
        &[("admin-role", "http.cross-tenant", State::Pass)],
    ),
    ("signing", "Releases will be signed", "Les versions seront signées", &[], State::Planned, &[]),
];

const REQUIREMENTS: &[(&str, &str, &str, Standing)] = &[
    ("API1:2023", "Broken Object Level Authorization", "Autorisation défaillante au niveau des objets", Standing::Satisfied),
    ("API2:2023", "Broken Authentication", "Authentification défaillante", Standing::NotSatisfied),
    (
        "API3:2023",
        "Broken Object Property Level Authorization",
        "Autorisation défaillante au niveau des propriétés",
        Standing::Undetermined,
    ),
    ("API4:2023", "Unrestricted Resource Consumption", "Consommation de ressources sans limite", Standing::NotSatisfied),
    ("API5:2023", "Broken Function Level Authorization", "Autorisation défaillante au niveau des fonctions", Standing::Satisfied),
    (
        "API6:2023",
        "Unrestricted Access to Sensitive Business Flows",
        "Accès sans limite aux flux métier sensibles",
        Standing::Gap,
    ),
    ("API7:2023", "Server Side Request Forgery", "Falsification de requête côté serveur", Standing::Undetermined),
    ("API8:2023", "Security Misconfiguration", "Mauvaise configuration de sécurité", Standing::Undetermined),
    ("API9:2023", "Improper Inventory Management", "Mauvaise gestion de l’inventaire", Standing::Undetermined),
    ("API10:2023", "Unsafe Consumption of APIs", "Consommation non sûre d’API", Standing::NotApplicable),
];

fn catalogue(t: &dyn Fn(&str) -> String, l: &dyn Fn(&str, &str) -> Localised) -> Catalogue {
    let mut catalogue = Catalogue {
        standards: vec![Standard {
            id: t("owasp-api-2023"),
            title: t("OWASP API Security Top 10"),
            version: t("2023"),
            url: t("https://owasp.org/API-Security/editions/2023/en/0x11-t10/"),
            notice: t("Titles are OWASP’s, CC BY-SA 4.0; what each asks is in our own words."),
            requirements: REQUIREMENTS
                .iter()
                .map(|(id, en, fr, _)| Requirement {
                    id: t(id),
                    title: l(en, fr),
                    asks: l(
                        "Each call checks that the caller may do this to this object, on the server, every time.",
                        "Chaque appel vérifie que l’appelant a le droit d’agir sur cet objet, côté serveur, à chaque fois.",
                    ),
                    cwes: vec![285, 639],
                    url: t("https://owasp.org/API-Security/editions/2023/en/0xa1-broken-object-level-authorization/"),
                })
                .collect(),
        }],
        profiles: BTreeMap::from([(t("auth-api"), l("Authentication API", "API d’authentification"))]),
        controls: Vec::new(),
        claims: Vec::new(),
        checks: Vec::new(),
        slots: vec![Slot {
            id: t("route.fetch"),
            r#type: SlotType::Route,
            description: l("A call that fetches", "Un appel qui va chercher"),
            default: Some(t("x")),
        }],
        baseline: vec![Baseline {
            id: t("lockfiles"),
            title: l("Every manifest has its lockfile", "Chaque manifeste a son fichier de verrouillage"),
            requirements: vec![t("API9:2023")],
            checks: vec![t("baseline.lockfiles")],
        }],
    };
    for (id, en, fr, satisfies, _, checks) in CONTROLS {
        catalogue.controls.push(Control {
            id: t(id),
            title: l(en, fr),
            statement: l(
                "Each address may send 60 requests a minute, each key 1,000. Above that the API answers 429 and recovers when the window moves on. If the limiter itself fails, requests are refused.",
                "Chaque adresse peut envoyer 60 requêtes par minute, chaque clé 1 000. Au-delà, l’API répond 429 et se rétablit quand la fenêtre avance. Si le limiteur lui-même tombe, les requêtes sont refusées.",
            ),
            satisfies: satisfies
                .iter()
                .map(|requirement| Satisfies {
                    requirement: t(requirement),
                    relation: Relation::SubsetOf,
                })
                .collect(),
        });
        for (check, kind, _) in *checks {
            catalogue.claims.push(Claim {
                id: t(&format!("B-{check}")),
                control: t(id),
                strength: Strength::Must,
                statement: l("One key may send 1,000 requests a minute.", "Une clé peut envoyer 1 000 requêtes par minute."),
                requirements: Vec::new(),
                checks: vec![t(check)],
                any_of: Vec::new(),
                untested: None,
            });
            catalogue.checks.push(Check {
                id: t(check),
                kind: t(kind),
                question: l(
                    "Is the 1,001st request of one key within a minute refused, and its neighbour’s not?",
                    "La 1 001e requête d’une clé en une minute est-elle refusée, et celle de sa voisine acceptée\u{202f}?",
                ),
                subject: t("the API"),
                when: When::Operate,
                bound: Bound::Release,
                max_age: "26h".parse().unwrap(),
                severity: Severity::High,
                needs: Vec::new(),
                parameters: BTreeMap::from([(t("limit"), Json::Integer(1_000)), (t("window"), Json::Text(t("1 minute")))]),
                numbers: BTreeSet::from([t("limit"), t("window")]),
            });
        }
        if checks.is_empty() {
            catalogue.claims.push(Claim {
                id: t("B-signing"),
                control: t(id),
                strength: Strength::Planned,
                // French is missing on purpose: the page must say that it is English.
                statement: Localised { en: t("Each release is signed."), fr: None },
                requirements: Vec::new(),
                checks: Vec::new(),
                any_of: Vec::new(),
                untested: Some(l("The signing service is not chosen yet.", "Le service de signature n’est pas encore choisi.")),
            });
        }
    }
    catalogue
}

fn decisions(t: &dyn Fn(&str) -> String) -> Vec<Decision> {
    vec![
        Decision::Waiver {
            id: t("W-2026-014"),
            check: t("cors-origins"),
            reason: t("One legacy partner still calls from its own origin until its migration."),
            owner: t("partner integration"),
            approver: t("security"),
            expires: "2026-12-31".parse().unwrap(),
        },
        Decision::Waiver {
            id: t("W-2026-009"),
            check: t("tls-minimum"),
            reason: t("A monitor spoke TLS 1.2."),
            owner: t("operations"),
            approver: t("security"),
            expires: "2026-10-01".parse().unwrap(),
        },
        Decision::Ignore {
            id: t("I-2026-003"),
            advisory: t("GHSA-2222-3333-4444"),
            package: Some(t("pkg:npm/left")),
            reason: t("The parser is never given text from outside."),
            owner: t("product"),
            approver: t("security"),
            expires: "2026-12-20".parse().unwrap(),
        },
        Decision::Gap {
            requirement: t("API6:2023"),
            reason: t("No control limits automated sign-ups yet; a design is under review."),
            owner: t("product"),
            due: "2027-01-15".parse().unwrap(),
        },
        Decision::NotApplicable {
            id: t("API10:2023"),
            reason: t("The API consumes no API of others."),
            approver: t("security"),
            review: "2027-06-30".parse().unwrap(),
        },
        Decision::Provider {
            id: t("d1-at-rest"),
            provider: t("Example Cloud"),
            statement: t("Databases are encrypted at rest with AES-256."),
            source: t("https://cloud.example.com/security"),
            retrieved: "2026-03-03".parse().unwrap(),
            digest: Digest::of(b"statement"),
            by: t("security"),
            expires: "2027-03-03".parse().unwrap(),
        },
        Decision::Attestation {
            id: t("case-register"),
            statement: t("The register of reports was reviewed; nothing is overdue."),
            figures: BTreeMap::from([(t("open_cases"), Json::Integer(0))]),
            by: t("security"),
            expires: "2027-02-01".parse().unwrap(),
        },
    ]
}

fn observations(t: &dyn Fn(&str) -> String, failing: bool) -> Vec<Observation> {
    let checks = CONTROLS.iter().flat_map(|(_, _, _, _, _, checks)| *checks);
    checks
        .filter(|(_, _, state)| *state != State::NotConfigured)
        .map(|(check, _, state)| {
            let outcome = match state {
                State::Fail if failing => Outcome::Fail,
                State::Waived => Outcome::Fail,
                State::Error => Outcome::Error,
                State::NoData => Outcome::NotExercised,
                _ => Outcome::Pass,
            };
            Observation {
                check: t(check),
                outcome,
                population: Population { examined: if outcome == Outcome::NotExercised { 3 } else { 1_240 }, required: 240 },
                positive_control: if outcome == Outcome::Error { PositiveControl::Broken } else { PositiveControl::Held },
                tested: BTreeMap::from([(t("limit"), Json::Integer(1_000)), (t("window"), Json::Text(t("1 minute")))]),
                binding: Binding::Commit { commit: t("9f2c41d0a7be55e1c09a77de51f04c3a9e6620bb") },
                seen: (outcome == Outcome::Pass)
                    .then(|| t("The request over the limit was refused with 429; the neighbour’s was answered.")),
            }
        })
        .collect()
}

fn assessment(
    t: &dyn Fn(&str) -> String,
    scope: &Scope,
    log: &Log,
    last_run: RunRef,
    release: Release,
    retention: Vec<RetentionFinding>,
) -> Assessment {
    let as_of = at(AS_OF);
    let mut checks = Vec::new();
    let mut claims = Vec::new();
    let mut controls = Vec::new();
    for (control, _, _, _, state, own) in CONTROLS {
        for (check, _, state) in *own {
            let reason = match state {
                State::Waived => Some(Reason::Waived { waiver: t("W-2026-014"), until: at("2026-12-31T23:59:59Z") }),
                State::NotConfigured => {
                    Some(Reason::Unfilled { keys: vec![t("targets.api.routes.fetch"), t("bind.\"text.callback\"")] })
                }
                State::NoData => Some(Reason::OtherNumber { name: t("floor_ms"), claimed: t("80"), tested: t("60") }),
                State::Stale => Some(Reason::OtherRelease),
                State::Error => Some(Reason::CouldNotAsk),
                _ => None,
            };
            let asked = !matches!(state, State::NotConfigured);
            let history = (0..=74).map(|day| Mark {
                at: as_of.plus_seconds((day - 74) * DAY),
                state: match (state, day) {
                    (_, 70 | 31) => State::NoData,
                    (State::Fail, 73.. | 40..=41) => State::Fail,
                    (State::Fail, _) => State::Pass,
                    (state, _) => *state,
                },
            });
            checks.push(CheckFinding {
                check: t(check),
                state: *state,
                reason,
                since: Some(at("2026-11-20T06:02:00Z")),
                last: asked.then(|| last_run.clone()),
                population: asked.then_some(Population { examined: 1_240, required: 240 }),
                tested: if asked {
                    BTreeMap::from([(t("limit"), Json::Integer(1_000)), (t("window"), Json::Text(t("1 minute")))])
                } else {
                    BTreeMap::new()
                },
                seen: (*state == State::Pass)
                    .then(|| t("The request over the limit was refused with 429; the neighbour’s was answered.")),
                history: if asked { history.collect() } else { Vec::new() },
            });
            claims.push(ClaimFinding { claim: t(&format!("B-{check}")), state: *state, alternative: None });
        }
        if own.is_empty() {
            claims.push(ClaimFinding { claim: t("B-signing"), state: State::Planned, alternative: None });
        }
        controls.push(ControlFinding {
            control: t(control),
            state: *state,
            last: (!own.is_empty() && *state != State::NotConfigured).then(|| last_run.clone()),
            passed: own.iter().filter(|(_, _, state)| *state == State::Pass).count() as u64,
            claims: own.len().max(1) as u64,
        });
    }
    let requirements = REQUIREMENTS
        .iter()
        .map(|(id, _, _, standing)| {
            let addressing = CONTROLS.iter().filter(|control| control.3.contains(id));
            let own: Vec<_> = addressing.clone().flat_map(|control| control.5).collect();
            RequirementFinding {
                standard: scope.catalogue.standards[0].id.clone(),
                requirement: t(id),
                standing: *standing,
                controls: addressing.map(|control| t(control.0)).collect(),
                passed: own.iter().filter(|check| check.2 == State::Pass).count() as u64,
                claims: own.len() as u64,
                decision: decisions(t).into_iter().find(|decision| decision.subject() == t(id)),
            }
        })
        .collect();
    let waivers = decisions(t)
        .into_iter()
        .filter(|decision| matches!(decision, Decision::Waiver { .. }))
        .map(|decision| WaiverFinding {
            digest: Digest::of(format!("{decision:?}").as_bytes()),
            in_force: decision.last_day().end() >= as_of,
            used: decision.last_day().end() >= as_of,
            decision,
        })
        .collect();
    Assessment {
        v: 1,
        as_of,
        entries: log.entries.len() as u64,
        scope: Some(Digest::of(b"scope")),
        release: Some(release),
        last_run: Some(last_run),
        checks,
        claims,
        controls,
        baseline: vec![BaselineFinding { control: t("lockfiles"), state: State::Fail, last: None }],
        requirements,
        retention,
        waivers,
        attention: vec![
            Attention::Control { control: t("rate-limit"), state: State::Fail, since: Some(at("2026-11-20T06:02:00Z")) },
            Attention::Control { control: t("properties"), state: State::Error, since: Some(at("2026-11-12T06:02:00Z")) },
            Attention::Retention { rule: t("audit_log"), state: State::Stale },
            Attention::Missed { job: "run".into(), from: at("2026-11-17T06:02:00Z"), slots: 1, digest: Digest::of(b"missed") },
            Attention::Waiver { id: t("W-2026-014"), until: at("2026-12-31T23:59:59Z"), used: true },
            Attention::Late { due: at("2026-11-21T04:00:00Z") },
            Attention::TwoCommits { version: t("1.4.1") },
        ],
        gate: GateFinding {
            verdict: Verdict::NotSatisfied,
            required: 12,
            failed: vec![t("rate-limit-key")],
            undecided: vec![t("excess-data")],
            settled: Vec::new(),
            tolerated: Vec::new(),
            reference: None,
            untested: 2,
        },
    }
}

const EXPLANATION: &str = "# Rate limit\n\n## What it asks\n\nWhether a request over the limit is refused, and its neighbour's is not. See [RFC 6585](https://www.rfc-editor.org/rfc/rfc6585).\n\n## Why it matters\n\nAn API without a limit pays for every caller.\n\n| header | meaning |\n|---|---|\n| `Retry-After` | when to come back |\n\n## Evidence\n\n- how many requests were sent\n- the first that was refused\n\n```\nGET /v1/items HTTP/1.1\n```\n\n## Remedy\n\nCount per key *and* per address.\n";

fn kinds(t: &dyn Fn(&str) -> String) -> Vec<(String, String, String)> {
    let ids: BTreeSet<&str> = CONTROLS.iter().flat_map(|control| control.5).map(|check| check.1).collect();
    ids.into_iter()
        .map(|id| (t(id), t("Are requests over the limit refused?"), format!("{EXPLANATION}\n\n{}", t("Text from outside."))))
        .collect()
}

fn kills(t: &dyn Fn(&str) -> String) -> Vec<(String, String, Outcome, Outcome)> {
    let mut kills = Vec::new();
    for (id, ..) in kinds(t) {
        kills.push((id.clone(), t("a limiter that works"), Outcome::Pass, Outcome::Pass));
        kills.push((id.clone(), t("one bucket for all keys"), Outcome::Fail, Outcome::Fail));
        kills.push((id.clone(), t("the limiter fails open"), Outcome::Fail, Outcome::Fail));
        kills.push((id.clone(), t("no request was answered at all"), Outcome::NotExercised, Outcome::NotExercised));
    }
    kills
}
