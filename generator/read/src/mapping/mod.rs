//! Mappings: standards, controls and profiles in TOML, joined into one [`Catalogue`], and its slots filled by a configuration.
//!
//! A mapping is data that a security engineer edits: every mistake in it is reported where it stands, and a catalogue that
//! was loaded has no loose end. `docs/reference/mapping.md` describes the format.

mod builtin;
mod configured;
mod file;
mod join;
mod resolve;
mod trials;

use avouch_model::{
    Digest, Json, canonical, canonical::CanonicalError, catalogue::Catalogue, diagnostic::Diagnostic, state::Outcome,
};

pub use builtin::{Builtins, builtin_names, builtin_profiles, builtins};
pub use configured::wrong_names;
pub use resolve::{Resolved, resolve};
pub use trials::{Trial, Trials, trials};

/// A profile: a built-in one by name (`auth-api`), or a file of the repository by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSource {
    /// The name or path as it stands in `[product] profiles`.
    pub name: String,
    /// Its TOML.
    pub text: String,
}

/// What a check of a profile must say of a transcript of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckExample {
    /// The check's id.
    pub check: String,
    /// What the transcript shows.
    pub name: String,
    /// What must be said of it.
    pub outcome: Outcome,
    /// The transcript, in the form of the check's kind.
    pub seen: Json,
}

/// The examples of the checks of these profiles, which are no part of the catalogue: nothing that is asked or said follows
/// from them. Profiles that [`load`] refuses have none.
pub fn examples(profiles: &[ProfileSource]) -> Vec<CheckExample> {
    let none = Builtins::default();
    let (files, problems) = file::read_all(profiles, &none);
    if !problems.is_empty() {
        return Vec::new();
    }
    let of_check = |check: file::WrittenCheck| {
        let id = check.id.into_inner();
        let example = move |example: file::WrittenExample| CheckExample {
            check: id.clone(),
            name: example.name,
            outcome: example.outcome,
            seen: example.seen,
        };
        check.examples.into_iter().map(example)
    };
    files.into_iter().flat_map(|file| file.checks).flat_map(of_check).collect()
}

/// Joins profiles with the built-in standards and controls. `kinds` are the ids of the kinds that are built.
///
/// The catalogue holds the controls that the profiles make claims of, in the order of the control files; a profile may
/// bring controls of its own. With a profile comes the baseline: what is looked at whatever is claimed.
///
/// # Errors
/// Every mistake in the files: unknown keys, types, controls, requirements, checks, slots and kinds; ids that are used
/// twice; a check that decides no claim; a claim with neither checks nor a reason; numbers that name no parameter.
pub fn load(profiles: &[ProfileSource], builtins: &Builtins, kinds: &[&str]) -> Result<Catalogue, Vec<Diagnostic>> {
    let (files, mut problems) = file::read_all(profiles, builtins);
    let catalogue = join::join(&files, kinds, &mut problems);
    if problems.is_empty() { Ok(catalogue) } else { Err(problems) }
}

/// What identifies a mapping: the digest of its canonical JSON.
///
/// # Errors
/// When a parameter holds an integer beyond ±(2^53 − 1); a catalogue from [`load`] never does.
pub fn mapping_digest(catalogue: &Catalogue) -> Result<Digest, CanonicalError> {
    canonical::digest(catalogue)
}

#[cfg(test)]
mod tests;
