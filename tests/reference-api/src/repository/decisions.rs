//! Signatures of the decisions: each by the people whose role it takes.

use super::{files::Files, sshsig};
use crate::fixture;

/// What a signature of a decision is made for, and for nothing else.
const NAMESPACE: &str = "avouch-decision";

/// Signs every decision, as `FILE.PERSON.sig` beside it.
pub(super) fn sign(files: &mut Files, seed: u64) {
    let mut signatures = Files::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("decisions/")) {
        for person in ["alice", "bob"].into_iter().filter(|person| text.contains(&format!("\"{person}\""))) {
            let signature = sshsig::sign(&fixture::person(seed, person), NAMESPACE, text.as_bytes());
            signatures.insert(format!("{path}.{person}.sig"), signature);
        }
    }
    files.extend(signatures);
}
