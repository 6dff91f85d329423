//! What `avouch sbom` keeps between runs, in the user's folder for caches: what it found out of archives, and this program's own
//! digest. Without such a folder nothing is kept, and everything is found out anew.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io::Read as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use avouch_model::Digest;
use avouch_repository::{Folder, Stamp};
use avouch_sbom::{MEMORY_BYTES_MAX, Memory};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    clock,
    files::{self, Readers},
};

/// Its name in the folder.
const FILE: &str = "sbom";

/// A memory, and where it lies.
pub(crate) struct Remembered {
    /// What is remembered, and learned meanwhile.
    pub(crate) memory: Arc<Memory>,
    /// The digest of this program.
    pub(crate) program: Digest,
    file: Option<Utf8PathBuf>,
}

impl Remembered {
    /// What earlier runs of this program kept; nothing with `fresh`, and nothing is kept then either.
    pub(crate) fn recall(fresh: bool) -> anyhow::Result<Self> {
        let place = own_stamp().filter(|_| !fresh).and_then(|stamp| Some((folder()?.join(FILE), stamp)));
        let Some((file, stamp)) = place else {
            return Ok(Self { memory: Arc::default(), program: own_digest()?, file: None });
        };
        let now = clock::now();
        let memory = Memory::recall(trusted(&file), Some(stamp), now, own_digest)?;
        let program = memory.program().map_or_else(own_digest, Ok)?;
        Ok(Self { memory: Arc::new(memory), program, file: Some(file) })
    }

    /// Keeps what was learned. What cannot be kept is found out again next time.
    pub(crate) fn keep(&self) {
        if let (Some(file), Some(bytes)) = (&self.file, self.memory.kept()) {
            let folder = file.parent().unwrap_or(Utf8Path::new("."));
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            if is_ours(folder.as_std_path()) {
                let _ = files::put(file, &bytes, Readers::Owner);
            }
        }
    }
}

/// The digest of this program: the SBOM says which one wrote it.
pub(crate) fn own_digest() -> anyhow::Result<Digest> {
    let path = std::env::current_exe().context("cannot tell which file this program is")?;
    let mut file = File::open(path).context("cannot open this program's own file")?;
    Digest::of_reader(&mut file).context("cannot read this program's own file")
}

fn own_stamp() -> Option<Stamp> {
    let path = std::env::current_exe().ok()?;
    Folder::open(path.parent()?).ok()?.stamp(path.file_name()?.to_str()?)
}

/// Our folder for caches, as the XDG Base Directory Specification has it: a relative path does not count. A home that is not
/// there is not made.
fn folder() -> Option<Utf8PathBuf> {
    let absolute = |name: &str| std::env::var(name).ok().map(Utf8PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME");
    Some(caches.or_else(|| Some(absolute("HOME").filter(|home| home.is_dir())?.join(".cache")))?.join("avouch"))
}

/// What was kept, if nobody else can have written it.
fn trusted(file: &Utf8Path) -> Option<Vec<u8>> {
    let file = file.as_std_path();
    if !is_ours(file.parent()?) || !fs::symlink_metadata(file).ok()?.is_file() {
        return None;
    }
    let file = File::open(file).ok()?;
    let mut bytes = Vec::new();
    let fits = belongs_to_us(&file.metadata().ok()?);
    file.take(MEMORY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).ok()?;
    fits.then_some(bytes)
}

/// Whether it is a folder into which only this user can write.
fn is_ours(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.is_dir() && belongs_to_us(&metadata))
}

fn belongs_to_us(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}
