//! A product's folder: its configuration, its mapping, its decisions, its repository.

use std::{fs, sync::Arc};

use anyhow::{Context as _, bail};
use avouch_model::{
    Digest,
    catalogue::Catalogue,
    configuration::Configuration,
    diagnostic::{Diagnostic, Source},
};
use avouch_read::mapping::{self, CheckExample};
use avouch_repository::{Folder, Repository};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    cli::Global,
    exit::{Shown, Usage},
    output::Output,
};

/// The largest text of our own that is read: configuration, profile, decision.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// A product's folder with its configuration and mapping.
pub(crate) struct Project {
    /// The folder.
    pub(crate) root: Utf8PathBuf,
    /// The path of the configuration from the root of the repository; as it was named where there is none.
    pub(crate) place: String,
    /// The configuration.
    pub(crate) configuration: Configuration,
    /// The mapping of its profiles.
    pub(crate) catalogue: Catalogue,
    /// What the checks of its own profiles must say of which transcripts.
    pub(crate) examples: Vec<CheckExample>,
    /// The digest of the mapping.
    pub(crate) mapping: Digest,
    /// The folder as files.
    pub(crate) folder: Folder,
    /// Its git repository, if it is one.
    pub(crate) repository: Option<Repository>,
}

impl Project {
    /// Reads configuration and mapping; shows every mistake in its place.
    ///
    /// # Errors
    /// [`Shown`] when there are mistakes, [`Usage`] when there is no configuration.
    pub(crate) fn load(global: &Global, output: &Output) -> anyhow::Result<Self> {
        let root = global.directory.clone();
        let path = root.join(&global.config);
        if !path.is_file() {
            return Err(Usage(format!("there is no `{path}`; `avouch init` writes one")).into());
        }
        let source = read_text(&path, global.config.as_str())?;
        let (configuration, warnings) = avouch_read::configuration::load(&source).map_err(|problems| shown(output, &problems))?;
        output.diagnostics(&warnings);
        let Mapping { catalogue, digest: mapping, examples } = load_mapping(&root, &configuration, output)?;
        let unknown = mapping::wrong_names(&catalogue, &source);
        if !unknown.is_empty() {
            return Err(shown(output, &unknown));
        }
        let folder = Folder::open(&root).with_context(|| format!("cannot read the folder `{root}`"))?;
        let repository = Repository::discover(&root).with_context(|| format!("cannot read the git repository of `{root}`"))?;
        let place = place(repository.as_ref(), &path).unwrap_or_else(|| global.config.to_string());
        Ok(Self { root, place, configuration, catalogue, examples, mapping, folder, repository })
    }

    /// A path of the configuration, relative to the folder.
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path)
    }
}

/// The path of a file from the root of its repository.
fn place(repository: Option<&Repository>, path: &Utf8Path) -> Option<String> {
    let root = repository?.root().canonicalize().ok()?;
    let path = path.as_std_path().canonicalize().ok()?;
    Some(path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/"))
}

/// Shows mistakes, and says how many.
pub(crate) fn shown(output: &Output, problems: &[Diagnostic]) -> anyhow::Error {
    output.diagnostics(problems);
    let count = problems.len();
    Shown(format!("{count} mistake{} above; nothing was done", if count == 1 { "" } else { "s" })).into()
}

/// Reads a file of our own. `shown` is how the user knows its path.
pub(crate) fn read_bytes(path: &Utf8Path, shown: &str) -> anyhow::Result<Vec<u8>> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read `{shown}`"))?;
    if !metadata.is_file() {
        bail!(Usage(format!("`{shown}` is not a file")));
    }
    if metadata.len() > TEXT_BYTES_MAX {
        bail!(Usage(format!("`{shown}` has {} bytes; a file of this kind has at most {TEXT_BYTES_MAX}", metadata.len())));
    }
    fs::read(path).with_context(|| format!("cannot read `{shown}`"))
}

/// Reads a text of our own. `shown` is how the user knows its path.
pub(crate) fn read_text(path: &Utf8Path, shown: &str) -> anyhow::Result<Arc<Source>> {
    let bytes = read_bytes(path, shown)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        Usage(format!("`{shown}` is not UTF-8: the first byte that is none stands in line {line} (offset {valid})"))
    })?;
    Ok(Arc::new(Source { path: shown.to_owned(), text: text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text) }))
}

/// As [`read_text`], of a file that the command line names: that it cannot be read is a mistake there.
pub(crate) fn read_named(path: &Utf8Path, shown: &str) -> anyhow::Result<Arc<Source>> {
    read_text(path, shown).map_err(|error| Usage(format!("{error:#}")).into())
}

struct Mapping {
    catalogue: Catalogue,
    digest: Digest,
    examples: Vec<CheckExample>,
}

/// The mapping of the configured profiles: built-in ones by name, others from their file.
fn load_mapping(root: &Utf8Path, configuration: &Configuration, output: &Output) -> anyhow::Result<Mapping> {
    let built_in = mapping::builtin_profiles();
    let mut profiles = Vec::new();
    for profile in &configuration.profiles {
        if profile.ends_with(".toml") {
            let source = read_text(&root.join(profile), profile)?;
            profiles.push(mapping::ProfileSource { name: profile.clone(), text: source.text.clone() });
        } else if let Some(found) = built_in.iter().find(|found| found.name == *profile) {
            profiles.push(found.clone());
        }
    }
    let kinds: Vec<&str> = avouch_collect::kinds::ALL.iter().map(|kind| kind.id).collect();
    let catalogue = mapping::load(&profiles, &mapping::builtins(), &kinds).map_err(|problems| shown(output, &problems))?;
    let digest = mapping::mapping_digest(&catalogue).context("the mapping cannot be written canonically")?;
    Ok(Mapping { catalogue, digest, examples: mapping::examples(&profiles) })
}
