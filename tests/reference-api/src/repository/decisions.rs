//! Signatures of the decisions: each by the people whose role it takes.

use super::{files::Files, sshsig};
use crate::fixture;

/// What a signature of a decision is made for, and for nothing else.
pub(super) const NAMESPACE: &str = "avouch-decision";

/// Signs every decision but those named, as `FILE.PERSON.sig` beside it, by each of these people that it names.
pub(crate) fn sign(files: &mut Files, seed: u64, people: &[&str], unsigned: &[&str]) {
    let mut signatures = Files::new();
    let decisions = files.iter().filter(|(path, _)| path.starts_with("decisions/") && path.ends_with(".toml"));
    for (path, text) in decisions.filter(|(path, _)| !unsigned.contains(&path.as_str())) {
        for person in people.iter().filter(|person| text.contains(&format!("\"{person}\""))) {
            let signature = sshsig::sign(&fixture::person(seed, person), NAMESPACE, text.as_bytes());
            signatures.insert(format!("{path}.{person}.sig"), signature);
        }
    }
    files.extend(signatures);
}
