//! The SBOM of each release that is not in the record yet.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use avouch_model::{
    Digest, Timestamp,
    configuration::{Configuration, Party},
    entry::{Entry, EntryKind},
    payload::{Bom, Recorded, ReleaseRecord},
    release::Release,
};
use avouch_record::NewEntry;
use avouch_sbom::{Format, Sbom};
use camino::Utf8Path;

use super::{
    memory,
    record::release_record,
    releases::{self, Current},
    scoping::canonical,
};
use crate::{
    clock,
    output::{Output, causes, plain},
    project::Project,
};

/// What is to be recorded of releases.
#[derive(Default)]
pub(crate) struct New {
    /// The entries.
    pub(crate) entries: Vec<NewEntry>,
    /// Whether the current release has no SBOM, or one without everything, because something in it is damaged.
    pub(crate) is_lacking: bool,
}

/// The entries for every release tag that is not recorded yet; on the first run only the newest, and without any tag the
/// commit that is checked out.
pub(crate) fn new_entries(project: &Project, output: &Output, recorded: &[Recorded], current: &Current) -> anyhow::Result<New> {
    let known: Vec<&Release> = recorded.iter().filter_map(release_record).map(|record| &record.release).collect();
    let is_known =
        |release: &Release| known.iter().any(|known| known.version == release.version && known.commit == release.commit);
    let mut new = New::default();
    let mut due: Vec<String> = Vec::new();
    if known.iter().any(|known| known.is_released()) {
        // Oldest first, so that the record tells them in their order.
        for tag in releases::tags(project)?.iter().rev() {
            let release = Release { version: tag.version.clone(), commit: tag.commit.clone(), tag: Some(tag.name.clone()) };
            if !is_known(&release) {
                due.push(tag.name.clone());
            }
        }
    }
    for name in due {
        let other = releases::current(project, Some(&name))?;
        if other.release != current.release {
            // What an older tag holds cannot be mended any more: it is told, recorded, and stops nothing.
            new.entries.extend(of_release(project, output, &other)?.entries);
        }
    }
    if let Some(release) = &current.release
        && !is_known(release)
    {
        let of_current = of_release(project, output, current)?;
        new.is_lacking = of_current.is_lacking;
        new.entries.extend(of_current.entries);
    }
    Ok(new)
}

/// The BOMs and the record of one release. Without a lockfile that can be read there is no BOM, and that is said.
fn of_release(project: &Project, output: &Output, current: &Current) -> anyhow::Result<New> {
    let (Some(release), Some(committed)) = (&current.release, current.committed) else { return Ok(New::default()) };
    let is_lacking;
    let timestamp = clock::source_date_epoch()?.unwrap_or(committed);
    let known = Known::of(&project.configuration);
    let facts = facts(current, timestamp, &known, Some(memory::own_digest()?));
    let options = avouch_sbom::Options { spec: project.configuration.sbom.spec.parse()?, ..avouch_sbom::Options::default() };
    let caches = caches(&project.root);
    let (lockfiles, boms, mut entries) = match avouch_sbom::generate(&*current.tree, &caches, &facts, &options) {
        Ok(sbom) => {
            warn_of(output, &sbom);
            is_lacking = sbom.is_damaged();
            let (boms, entries) = in_formats(&sbom, &project.configuration.sbom.formats, &release.version)?;
            (sbom.lockfiles, boms, entries)
        }
        Err(error) => {
            output.warn(&format!("release {} has no SBOM: {}", release.version, plain(&causes(&error))));
            // Something is there and says nothing; without a lockfile there is nothing to say.
            is_lacking = !matches!(error, avouch_sbom::SbomError::NoLockfile { .. });
            (BTreeMap::new(), Vec::new(), Vec::new())
        }
    };
    let record = ReleaseRecord { v: 1, release: release.clone(), dirty: false, committed, lockfiles, boms };
    entries.push(NewEntry::json(EntryKind::Release, &release.version, canonical("release record", &record)?));
    Ok(New { entries, is_lacking })
}

/// A BOM in each format that is configured, with its entry.
fn in_formats(sbom: &Sbom, formats: &[String], version: &str) -> anyhow::Result<(Vec<Bom>, Vec<NewEntry>)> {
    let (mut boms, mut entries) = (Vec::new(), Vec::new());
    for format in formats {
        let format: Format = format.parse()?;
        let bytes = avouch_sbom::convert(&sbom.bytes, format)
            .with_context(|| format!("cannot write the SBOM of release {version} as {format}"))?;
        let (media_type, spec) = match format {
            Format::Json => (Entry::CYCLONEDX, sbom.spec.name()),
            Format::Xml => (Entry::CYCLONEDX_XML, sbom.spec.name()),
            Format::SpdxJson => (Entry::SPDX, "SPDX-2.3"),
        };
        boms.push(Bom {
            file: format.file().to_owned(),
            spec: spec.to_owned(),
            digest: Digest::of(&bytes),
            components: sbom.components,
        });
        entries.push(NewEntry::public(EntryKind::Sbom, version, media_type, bytes.into_owned()));
    }
    Ok((boms, entries))
}

/// What the configuration says of the product and of who answers for it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The product's name.
    pub(crate) name: Option<String>,
    /// Who answers for the SBOM.
    pub(crate) author: Option<Party>,
    /// Who supplies the product.
    pub(crate) supplier: Option<Party>,
}

impl Known {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        Self {
            name: Some(configuration.product.name.clone()),
            author: configuration.sbom.author.clone(),
            supplier: configuration.sbom.supplier.clone(),
        }
    }
}

/// What is known of a release besides its files. The files of a commit have no changes; a folder may have.
pub(crate) fn facts(
    current: &Current,
    timestamp: Timestamp,
    known: &Known,
    tool_digest: Option<Digest>,
) -> avouch_sbom::ReleaseFacts {
    let party =
        |party: &Party| avouch_sbom::Party { name: party.name.clone(), url: party.url.clone(), email: party.email.clone() };
    avouch_sbom::ReleaseFacts {
        name: known.name.clone(),
        release: current.release.clone(),
        committed: current.committed,
        dirty: current.dirty && current.as_it_lies,
        timestamp,
        author: known.author.as_ref().map(party),
        supplier: known.supplier.as_ref().map(party),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        tool_digest,
    }
}

/// Where packages that the product is made of may lie on this machine.
pub(crate) fn caches(root: &Utf8Path) -> avouch_sbom::Caches {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let below = |path: &str| home.as_ref().map(|home| home.join(path));
    let stores = [
        folder("npm_config_store_dir"),
        folder("PNPM_HOME").map(|home| home.join("store")),
        folder("XDG_DATA_HOME").map(|data| data.join("pnpm/store")),
        below(".local/share/pnpm/store"),
        below("Library/pnpm/store"),
        folder("LOCALAPPDATA").map(|data| data.join("pnpm/store")),
    ];
    // Bun reads the first of these that is there.
    let bun = [
        folder("BUN_INSTALL_CACHE_DIR"),
        folder("BUN_INSTALL").map(|home| home.join("install/cache")),
        folder("XDG_CACHE_HOME").map(|caches| caches.join(".bun/install/cache")),
        below(".bun/install/cache"),
    ];
    // Of several folders in GOPATH the first one holds what was downloaded.
    let gopath = std::env::var_os("GOPATH").and_then(|paths| std::env::split_paths(&paths).next());
    let gopath = gopath.filter(|path| !path.as_os_str().is_empty()).or_else(|| below("go"));
    avouch_sbom::Caches {
        cargo_home: folder("CARGO_HOME").or_else(|| below(".cargo")),
        checkout: Some(root.as_std_path().to_owned()),
        pnpm_stores: stores.into_iter().flatten().collect(),
        bun_caches: bun.into_iter().flatten().collect(),
        go_modules: folder("GOMODCACHE").or_else(|| gopath.map(|path| path.join("pkg/mod"))),
        // What is recorded and signed is always found out anew.
        memory: Arc::default(),
    }
}

/// Says what is wrong with what the BOM was made from.
pub(crate) fn warn_of(output: &Output, sbom: &avouch_sbom::Sbom) {
    for damage in &sbom.damaged {
        output.warn(&format!("a lockfile is damaged, and nothing of it is in the SBOM: {}", plain(damage)));
    }
    for damage in &sbom.damaged_manifests {
        output.warn(&format!("a manifest is damaged, and what it tells is not in the SBOM: {}", plain(damage)));
    }
    for path in &sbom.ignored {
        output.warn(&format!("{} is read although git ignores it: no release has it", plain(path)));
    }
    for missing in &sbom.unresolved {
        output.warn(&format!("a lockfile names and does not hold {}", plain(missing)));
    }
    for package in &sbom.mismatched {
        let package = plain(package);
        output.warn(&format!("the cached archive of {package} is not the one in the lockfile; nothing was taken from it"));
    }
}
