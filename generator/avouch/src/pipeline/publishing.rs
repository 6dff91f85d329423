//! From the record to the published folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use anyhow::Context as _;
use avouch_collect::KillMatrix;
use avouch_model::{
    Digest, Timestamp,
    assessment::Assessment,
    catalogue::{Catalogue, Claim},
    entry::EntryKind,
    payload::{Payload, Recorded, Scope},
};
use avouch_read::{mapping, mapping::Trials};
use avouch_record::{Ledger, Published, Signer};
use avouch_render::{Kill, KindText, LogFacts, Trial, View};

use super::scoping;
use crate::{clock, project::Project};

/// How long a `security.txt` counts (RFC 9116, section 2.5.5 recommends less than a year).
const SECURITY_TXT_DAYS: i64 = 180;

/// Renders the record and puts it out: to `out`, otherwise to `[site] out`.
pub(crate) fn publish(project: &Project, ledger: &mut Ledger, signer: &Signer, out: Option<&Path>) -> anyhow::Result<Published> {
    let default = project.path(&project.configuration.site.out);
    let out = out.unwrap_or_else(|| default.as_std_path());
    let now = clock::now();
    let site = Site::of(project, Some(ledger), &signer.vkey().to_string(), None)?;
    Ok(avouch_record::publish(ledger, &[signer], now, out, &mut |write| site.write(write))?)
}

/// Everything that the pages are made from, drawn from the ledger once.
pub(crate) struct Site {
    scope: Scope,
    assessment: Assessment,
    recorded: Vec<Recorded>,
    boms: BTreeMap<Digest, Vec<u8>>,
    statements: BTreeSet<Digest>,
    origin: String,
    root: Digest,
    key: String,
    base_url: Option<String>,
    matrix: KillMatrix,
    trials: Trials,
    /// The claims that are as they were tried, each with its profile.
    tried: Vec<(String, String)>,
}

impl Site {
    /// The site as of a time; without one as of the newest entry that it shows, or as of now when something went stale since
    /// then: an unchanged record publishes nothing new (`docs/decisions/0005-as-of-of-published-pages.md`).
    /// Without a ledger it is a site without a record. `key` is the verifier key that is shown.
    pub(crate) fn of(project: &Project, ledger: Option<&Ledger>, key: &str, as_of: Option<Timestamp>) -> anyhow::Result<Self> {
        let recorded = ledger.map(|ledger| ledger.recorded(as_of)).transpose()?.unwrap_or_default();
        let shown = avouch_render::shown(&recorded);
        let assessment = match as_of {
            Some(as_of) => avouch_evaluate::assess(shown, as_of),
            None => {
                let now = clock::now();
                let last = shown.last().map_or(now, |recorded| recorded.entry.at);
                let (then, today) = (avouch_evaluate::assess(shown, last), avouch_evaluate::assess(shown, now));
                if stands_as(&then, &today) { then } else { today }
            }
        };
        let scope = match scope_in_force(shown, &assessment) {
            Some(scope) => scope.clone(),
            None => scoping::scope(project, &scoping::resolve(project, &[])),
        };
        let mut boms = BTreeMap::new();
        for recorded in shown.iter().filter(|recorded| recorded.entry.kind == EntryKind::Sbom) {
            let digest = recorded.entry.digest;
            let state = ledger.map(|ledger| ledger.payload(&digest)).transpose()?.flatten();
            if let Some(bytes) = state.and_then(|state| state.public_bytes().map(<[u8]>::to_vec)) {
                boms.insert(digest, bytes);
            }
        }
        let trials = mapping::trials().context("the table of trials that comes with this program")?;
        let tried = as_shipped(&scope.catalogue, &trials)?;
        let public = shown.iter().filter(|recorded| !matches!(recorded.payload, Payload::Absent));
        Ok(Self {
            statements: public.map(|recorded| recorded.entry.digest).collect(),
            origin: project.configuration.evidence.origin.clone(),
            root: root_at(shown)?,
            key: key.to_owned(),
            base_url: project.configuration.site.base_url.clone(),
            matrix: avouch_collect::selftest(),
            trials,
            tried,
            scope,
            assessment,
            boms,
            recorded,
        })
    }

    /// Gives every page to `write`.
    pub(crate) fn write(&self, write: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>) -> io::Result<()> {
        self.with_view(|view| avouch_render::site(view, write)).map(drop).map_err(io::Error::other)
    }

    /// `SECURITY.md`, from the same source as the site's policy; none without a contact.
    pub(crate) fn security_md(&self) -> Option<String> {
        self.with_view(avouch_render::security_md)
    }

    fn with_view<T>(&self, use_view: impl FnOnce(&View<'_>) -> T) -> T {
        let kinds: Vec<KindText<'_>> = avouch_collect::kinds::ALL
            .iter()
            .map(|kind| KindText { id: kind.id, question: kind.question, explanation: kind.explanation })
            .collect();
        let rows = self.matrix.rows.iter();
        let kills: Vec<Kill<'_>> = rows
            .filter_map(|row| Some(Kill { kind: row.kind, example: row.example, expected: row.expected, got: row.got? }))
            .collect();
        let tried = self.tried.iter().filter_map(|(profile, claim)| {
            let trial = self.trials.profiles.get(profile)?;
            let defects = trial.claims.get(claim)?.iter();
            let defects = defects.filter_map(|name| Some((name.as_str(), trial.defects.get(name)?.as_str()))).collect();
            Some(Trial { claim, defects })
        });
        let trials: Vec<_> = tried.collect();
        let payload_bytes = |digest: &Digest| self.boms.get(digest).cloned();
        use_view(&View {
            scope: &self.scope,
            assessment: &self.assessment,
            entries: &self.recorded,
            log: LogFacts {
                origin: &self.origin,
                entries: avouch_render::shown(&self.recorded).len() as u64,
                root: Some(self.root),
                verifier_key: &self.key,
            },
            base_url: self.base_url.as_deref(),
            kinds: &kinds,
            kills: &kills,
            trials: &trials,
            trials_program: &self.trials.program,
            threat_model: None,
            security_txt_expires: self.assessment.as_of.midnight().plus_seconds(SECURITY_TXT_DAYS * 86_400),
            statements: &self.statements,
            payload_bytes: &payload_bytes,
        })
    }
}

/// The claims of a catalogue whose words and checks are those that this program ships and was tried with. What a product changed was
/// tried by nobody.
fn as_shipped(catalogue: &Catalogue, trials: &Trials) -> anyhow::Result<Vec<(String, String)>> {
    let kinds: Vec<&str> = avouch_collect::kinds::ALL.iter().map(|kind| kind.id).collect();
    let mut tried = Vec::new();
    for source in mapping::builtin_profiles().into_iter().filter(|source| catalogue.profiles.contains_key(&source.name)) {
        let Some(trial) = trials.profiles.get(&source.name) else { continue };
        let name = source.name.clone();
        let shipped = mapping::load(&[source], &mapping::builtins(), &kinds)
            .map_err(|problems| anyhow::anyhow!("the built-in profile `{name}` has {} mistakes", problems.len()))?;
        let same = |claim: &&Claim| {
            let asks_the_same = |id: &str| catalogue.check(id).is_some_and(|check| shipped.check(id) == Some(check));
            trial.claims.contains_key(&claim.id) && shipped.claims.contains(claim) && claim.deciding().all(asks_the_same)
        };
        tried.extend(catalogue.claims.iter().filter(same).map(|claim| (name.clone(), claim.id.clone())));
    }
    Ok(tried)
}

/// Whether two assessments show the same states.
fn stands_as(one: &Assessment, other: &Assessment) -> bool {
    let checks = |assessment: &Assessment| assessment.checks.iter().map(|finding| finding.state).collect::<Vec<_>>();
    let retention = |assessment: &Assessment| assessment.retention.iter().map(|finding| finding.state).collect::<Vec<_>>();
    let requirements =
        |assessment: &Assessment| assessment.requirements.iter().map(|finding| finding.standing).collect::<Vec<_>>();
    let waivers =
        |assessment: &Assessment| assessment.waivers.iter().map(|finding| (finding.in_force, finding.used)).collect::<Vec<_>>();
    let attention = |assessment: &Assessment| assessment.attention.len();
    checks(one) == checks(other)
        && retention(one) == retention(other)
        && requirements(one) == requirements(other)
        && waivers(one) == waivers(other)
        && attention(one) == attention(other)
}

/// The scope that the assessment was judged by.
fn scope_in_force<'a>(recorded: &'a [Recorded], assessment: &Assessment) -> Option<&'a Scope> {
    let digest = assessment.scope?;
    recorded.iter().rev().find_map(|recorded| match &recorded.payload {
        Payload::Scope(scope) if recorded.entry.kind == EntryKind::Scope && recorded.entry.digest == digest => {
            Some(scope.as_ref())
        }
        _ => None,
    })
}

/// The root of the log at the size that the pages speak of.
fn root_at(shown: &[Recorded]) -> anyhow::Result<Digest> {
    let leaves = shown
        .iter()
        .map(|recorded| Ok(avouch_log::merkle::leaf_hash(&avouch_model::canonical::to_bytes(&recorded.entry)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Digest::from_bytes(avouch_log::merkle::root(&leaves)))
}
