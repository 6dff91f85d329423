//! The pages, held against the last `site` entry; and in a folder, that nothing else lies there.

use std::collections::HashSet;

use avouch_model::Digest;

use super::{Check, payloads::Record, walk::Log};
use crate::{
    layout,
    tile::{self, Level, Tile},
};

/// Pages go out before the checkpoint: whoever reads in between cannot tell a newer page from another one, and neither can we.
const UNDER_WAY: &str = "; where a publication is under way, verify again once its checkpoint is out";

/// Checks every page of the manifest, then, where files can be listed, that each belongs to something.
pub(super) fn pages(check: &mut Check<'_>, log: &Log, record: &Record) {
    let mut files: HashSet<&str> = HashSet::new();
    if let Some((index, manifest)) = &record.site {
        if manifest.entries > *index as u64 {
            check.tampered(format_args!("entry {index}"), "the pages claim to show entries that are newer than themselves");
        }
        for (path, digest) in &manifest.files {
            files.insert(path);
            page(check, path, digest);
        }
    }
    let Some(listed) = check.source.list() else { return };
    check.outcome.listed = true;
    match listed {
        Ok(paths) => {
            // Where the manifest itself cannot be read, which pages belong is unknown, and that was found already.
            let pages_known = record.site.is_some() || !record.has_site;
            for path in paths {
                let belongs = path == layout::CHECKPOINT
                    || files.contains(path.as_str())
                    || record.files.contains(&path)
                    || (!pages_known && !layout::is_log(&path));
                if !belongs {
                    stranger(check, &path, log.checkpoint.size);
                }
            }
        }
        Err(error) => check.unreachable(&error),
    }
}

fn page(check: &mut Check<'_>, path: &str, digest: &Digest) {
    if !layout::is_page(path) {
        check.tampered(path, "cannot be the path of a page");
        return;
    }
    if let Some(bytes) = check.need(path, "a page") {
        if Digest::of(&bytes) == *digest {
            check.outcome.pages += 1;
        } else {
            check.tampered(path, format_args!("is not the page that the last site entry records{UNDER_WAY}"));
        }
    }
}

/// A file that neither the entries nor the pages name: a tile, or something that does not belong.
fn stranger(check: &mut Check<'_>, path: &str, size: u64) {
    let named: Option<Tile> = path.parse().ok();
    if path.starts_with(layout::STAGING) {
        check.tampered(
            path,
            "is what a publication staged that is under way or was interrupted: verify again afterwards, or publish again",
        );
        return;
    }
    let Some((tile, now)) = named.and_then(|tile| Some((tile, tile::current(tile, size)?))) else {
        check.tampered(path, "belongs to nothing that is recorded");
        return;
    };
    if tile == now {
        return; // Held against the entries already.
    }
    if tile.width() > now.width() {
        check.tampered(path, "holds more than the checkpoint covers: a publication was interrupted, publish again");
        return;
    }
    // A partial tile of an earlier checkpoint may stay until the full one is there.
    let (Some(old), Some(new)) = (check.need(path, "a tile"), check.need(&now.path(), "a tile")) else { return };
    let whole = match tile.level() {
        Level::Hashes(_) => old.len() == usize::from(tile.width()) * 32,
        Level::Entries => tile::read_bundle(&old).is_some_and(|entries| entries.len() == usize::from(tile.width())),
    };
    if !whole || !new.starts_with(&old) {
        check.tampered(path, "is not the beginning of the tile that follows it");
    }
}
