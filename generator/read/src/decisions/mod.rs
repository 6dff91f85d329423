//! Signed decisions of people: `decisions/*.toml` with SSH signatures beside them.
//!
//! A decision counts only when the person that it must come from signed the file's bytes, for the namespace
//! `avouch-decision`, with the key that `[people]` holds. Everything else is reported with the way out and has no effect.
//! `docs/reference/decisions.md` describes the format.

mod file;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use avouch_model::{
    catalogue::Catalogue,
    decision::Decision,
    diagnostic::{Diagnostic, Level, Source},
    product::Person,
    time::Day,
};

use self::file::Written;
use crate::{
    sshsig::{PublicKey, Sshsig, SshsigError},
    toml_walk::suggestion,
};

/// The namespace that decisions are signed for (`ssh-keygen -Y sign -n`).
pub const NAMESPACE: &str = "avouch-decision";
/// The longest term of a provider's statement, a gap or a not-applicable decision: they are read again once a year.
pub const REVIEW_DAYS_MAX: i64 = 366;

/// A decision file with the signatures beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionFile {
    /// Its path in the repository, `decisions/cors.toml`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The signature files, `decisions/cors.toml.sig` or `decisions/cors.toml.bob.sig`: path and bytes.
    pub signatures: Vec<(String, Vec<u8>)>,
}

/// A decision that counts, once it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The decision, people by role.
    pub decision: Decision,
    /// The file that it stands in.
    pub file: String,
    /// The names of the people whose signatures hold. Private: roles are published, names never.
    pub signers: Vec<String>,
}

/// What the decision files come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The decisions that count, in the order of the files.
    pub accepted: Vec<Accepted>,
    /// Why the others do not, and what is worth knowing of these.
    pub problems: Vec<Diagnostic>,
}

impl Decisions {
    /// The ids of the attestations and provider statements: what fills slots of a profile.
    pub fn present(&self) -> BTreeSet<String> {
        let fills = |decision: &&Decision| matches!(decision, Decision::Attestation { .. } | Decision::Provider { .. });
        let decisions = self.accepted.iter().map(|accepted| &accepted.decision);
        decisions.filter(fills).map(|decision| decision.subject().to_owned()).collect()
    }
}

/// Reads decision files, holds them against the signatures, and says why a decision has no effect.
///
/// Terms are counted from `today`: a decision counts from the time of its entry in the log, and that is now. A file with a
/// mistake has no effect as a whole.
pub fn read(files: &[DecisionFile], people: &BTreeMap<String, Person>, catalogue: &Catalogue, today: Day) -> Decisions {
    let keys = people.values().filter_map(|person| Some((person.name.as_str(), PublicKey::parse(&person.key).ok()?))).collect();
    let mut reader = Reader { people, keys, catalogue, today, seen: BTreeMap::new(), decisions: Decisions::default() };
    for file in files {
        reader.file(file);
    }
    reader.decisions
}

struct Reader<'a> {
    people: &'a BTreeMap<String, Person>,
    keys: BTreeMap<&'a str, PublicKey>,
    catalogue: &'a Catalogue,
    today: Day,
    /// Which file holds a decision of this type and subject.
    seen: BTreeMap<(&'static str, String), String>,
    decisions: Decisions,
}

impl Reader<'_> {
    fn file(&mut self, file: &DecisionFile) {
        let Ok(text) = std::str::from_utf8(&file.bytes) else {
            let source = whole(&file.path, "");
            let problem = Diagnostic::error("toml-syntax", &source, 0..0, "this is not UTF-8");
            self.decisions.problems.push(problem.help("write the file again in UTF-8, and sign it again"));
            return;
        };
        let source = whole(&file.path, text);
        let written = match file::read(&source, self.people, self.today) {
            Ok(written) => written,
            Err(problems) => return self.decisions.problems.extend(problems),
        };
        let signers = self.signers(file);
        for decision in written {
            if self.stands(&source, &decision, &signers) {
                self.matches_something(&source, &decision);
                self.decisions.accepted.push(Accepted {
                    decision: decision.decision,
                    file: file.path.clone(),
                    signers: signers.iter().cloned().collect(),
                });
            }
        }
    }

    /// The names of the people whose signatures hold; each signature that does not is reported.
    fn signers(&mut self, file: &DecisionFile) -> BTreeSet<String> {
        let mut signers = BTreeSet::new();
        for (path, bytes) in &file.signatures {
            match self.signer(file, path, bytes) {
                Ok(names) => signers.extend(names),
                Err(error) => {
                    let source = whole(path, &String::from_utf8_lossy(bytes));
                    let problem = Diagnostic::error("bad-signature", &source, 0..0, format!("{path} does not count: {error}"));
                    let help = format!("sign {} again as it is now: {}", file.path, command(&file.path));
                    self.decisions.problems.push(problem.label("this signature").help(help));
                }
            }
        }
        signers
    }

    fn signer(&self, file: &DecisionFile, path: &str, bytes: &[u8]) -> Result<Vec<String>, SshsigError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SshsigError::NotASignature)?;
        let signature = Sshsig::parse(text)?;
        let named = path.strip_prefix(&file.path).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".sig"));
        let mut names = Vec::new();
        for (name, key) in self.keys.iter().filter(|(name, _)| named.is_none_or(|named| named == **name)) {
            match signature.verify(key, NAMESPACE, &file.bytes) {
                Ok(()) => names.push((*name).to_owned()),
                Err(SshsigError::OtherKey) => {}
                Err(error) => return Err(error),
            }
        }
        if names.is_empty() { Err(SshsigError::OtherKey) } else { Ok(names) }
    }

    /// Whether a decision counts; if not, why, and what to do.
    fn stands(&mut self, source: &Arc<Source>, written: &Written, signers: &BTreeSet<String>) -> bool {
        let key = (written.decision.type_name(), written.decision.subject().to_owned());
        if let Some(other) = self.seen.get(&key) {
            let message = format!("{other} holds the {} `{}` already", key.0, key.1);
            self.refuse("duplicate-id", source, &written.span, message, "keep one of them");
            return false;
        }
        if let Some(owner) = &written.owner
            && self.same_person(owner, &written.signer)
        {
            let message = format!("the {} `{}` is approved by its owner", key.0, key.1);
            let help = "another person than the owner approves and signs it";
            self.refuse("self-approved", source, &written.span, message, help);
            return false;
        }
        if !signers.contains(&written.signer) {
            let message = format!("the {} `{}` is not signed by `{}`, and has no effect", key.0, key.1, written.signer);
            let help = format!("`{}` signs it: {}", written.signer, command(&source.path));
            self.refuse("unsigned", source, &written.span, message, help);
            return false;
        }
        self.seen.insert(key, source.path.clone());
        true
    }

    /// One name, or two names with one key.
    fn same_person(&self, left: &str, right: &str) -> bool {
        left == right || self.keys.get(left).is_some_and(|key| self.keys.get(right) == Some(key))
    }

    /// Reports what counts and changes nothing: a name that the mapping does not know, a day that is over.
    fn matches_something(&mut self, source: &Arc<Source>, written: &Written) {
        if written.decision.last_day() < self.today {
            let message = format!("the {} `{}` is over", written.decision.type_name(), written.decision.subject());
            self.warn("expired", source, &written.span, message, "decide again, or remove it");
        }
        let catalogue = self.catalogue;
        let checks = catalogue.checks.iter().map(|check| check.id.as_str());
        let controls = catalogue.controls.iter().map(|control| control.id.as_str());
        let requirements = catalogue.standards.iter().flat_map(|standard| &standard.requirements);
        let requirements = requirements.map(|requirement| requirement.id.as_str());
        let (name, known): (&str, Vec<&str>) = match &written.decision {
            Decision::Waiver { check, .. } => (check, checks.collect()),
            // Whether anything has what the advisory tells, the audit says.
            Decision::Ignore { .. } => return,
            Decision::Gap { requirement, .. } => (requirement, requirements.collect()),
            Decision::NotApplicable { id, .. } => (id, checks.chain(controls).chain(requirements).collect()),
            Decision::Attestation { id, .. } => (id, self.slots("attestation.")),
            Decision::Provider { id, .. } => (id, self.slots("provider.")),
        };
        if !known.contains(&name) {
            let message = format!("`{name}` is nothing in the mapping: the {} changes nothing", written.decision.type_name());
            let help = suggestion(name, known.into_iter());
            self.warn("matches-nothing", source, &written.span, message, help);
        }
    }

    fn slots(&self, prefix: &str) -> Vec<&str> {
        let slots = self.catalogue.slots.iter();
        slots.filter_map(|slot| slot.id.strip_prefix(prefix)).collect()
    }

    fn refuse(
        &mut self,
        code: &'static str,
        source: &Arc<Source>,
        span: &Range<usize>,
        message: String,
        help: impl Into<String>,
    ) {
        let problem = Diagnostic::error(code, source, span.clone(), message);
        self.decisions.problems.push(problem.label("this decision").help(help));
    }

    fn warn(&mut self, code: &'static str, source: &Arc<Source>, span: &Range<usize>, message: String, help: impl Into<String>) {
        self.refuse(code, source, span, message, help);
        if let Some(problem) = self.decisions.problems.last_mut() {
            problem.level = Level::Warning;
        }
    }
}

/// The command that signs a decision.
fn command(path: &str) -> String {
    format!("`ssh-keygen -Y sign -n {NAMESPACE} -f KEY {path}`")
}

fn whole(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.to_owned(), text: text.to_owned() })
}

#[cfg(test)]
mod tests;
