//! Every change that publishing makes to the disk, behind one face: a test can stop the world after any of them.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
};

/// Changes to files. Reading needs no face: it changes nothing.
pub(crate) trait Disk: Sync {
    /// Makes a folder and those above it.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Writes a whole file that nobody looks at yet.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written to these files or folders durable.
    fn sync(&self, paths: &[PathBuf]) -> io::Result<()>;
    /// Puts a file in its place, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Debug)]
pub(crate) struct Real;

/// Syncs at a time: a journal commits many for the price of one.
const SYNCS: usize = 16;

impl Disk for Real {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        File::create(path)?.write_all(bytes)
    }

    fn sync(&self, paths: &[PathBuf]) -> io::Result<()> {
        let sync = |paths: &[PathBuf]| paths.iter().try_for_each(|path| File::open(path)?.sync_all());
        if paths.len() < SYNCS {
            return sync(paths);
        }
        thread::scope(|scope| {
            let parts = paths.chunks(paths.len().div_ceil(SYNCS));
            let threads: Vec<_> = parts.map(|part| scope.spawn(move || sync(part))).collect();
            let ended = threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a thread panicked"))?);
            // Every thread is joined, also when one failed.
            ended.fold(Ok(()), Result::and)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
}
