//! What one run leaves for the next, in the private folder of a project: work that need not be done again. Never evidence.

use std::fs;

use avouch_collect::Keeper;
use camino::Utf8PathBuf;

use crate::files::{self, Readers};

/// More is not read: a file of this kind holds a few megabytes.
const BYTES_MAX: u64 = 128 << 20;

/// A folder whose files are readable by their owner alone. Nothing is kept where its parent does not exist: then nobody made a
/// private folder here.
pub(crate) struct Kept(pub(crate) Utf8PathBuf);

impl Keeper for Kept {
    fn recall(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.0.join(name);
        let metadata = fs::symlink_metadata(&path).ok()?;
        if !metadata.is_file() || metadata.len() > BYTES_MAX {
            return None;
        }
        fs::read(&path).ok()
    }

    fn keep(&self, name: &str, bytes: &[u8]) {
        if !self.0.parent().is_some_and(|parent| parent.is_dir()) || bytes.len() as u64 > BYTES_MAX {
            return;
        }
        // What cannot be kept is found out again next time.
        let _ = fs::create_dir_all(&self.0).and_then(|()| files::put(&self.0.join(name), bytes, Readers::Owner));
    }
}
