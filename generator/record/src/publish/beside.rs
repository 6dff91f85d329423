//! The pages, and what lies in the folder beside everything that should.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use avouch_log::{
    layout,
    tile::{self, Tile},
};
use avouch_model::Digest;

use super::{Render, Stage};
use crate::{error::RecordError, ledger::Ledger};

/// Renders the pages into the staging folder; gives their digests.
pub(super) fn pages(stage: &mut Stage<'_>, render: &mut Render<'_>) -> Result<BTreeMap<String, Digest>, RecordError> {
    let mut pages: BTreeMap<String, Digest> = BTreeMap::new();
    let mut failed = None;
    let rendered = render(&mut |path, bytes| {
        let taken = if !layout::is_page(path) {
            Err(RecordError::PagePath(path.to_owned()))
        } else if pages.insert(path.to_owned(), Digest::of(bytes)).is_some() {
            Err(RecordError::PageTwice(path.to_owned()))
        } else {
            stage.page(path, bytes)
        };
        taken.map_err(|error| {
            let text = error.to_string();
            failed = Some(error);
            std::io::Error::other(text)
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    rendered.map_err(RecordError::Render)?;
    for path in pages.keys() {
        let upper = path.match_indices('/').filter_map(|(at, _)| path.get(..at)).find(|upper| pages.contains_key(*upper));
        if let Some(upper) = upper {
            return Err(RecordError::PageTwice(upper.to_owned()));
        }
    }
    Ok(pages)
}

/// The files that lie in the folder and no longer belong there: withdrawn payloads, old pages, partial tiles that were filled.
///
/// # Errors
/// When a file lies there that avouch never wrote. Nothing was changed yet.
pub(super) fn unneeded(
    ledger: &Ledger,
    stage: &Stage<'_>,
    pages: &BTreeMap<String, Digest>,
) -> Result<BTreeSet<String>, RecordError> {
    let known = known(ledger)?;
    // A site entry may follow, which makes the log one longer.
    let size = ledger.size()? + 1;
    let mut unneeded = BTreeSet::new();
    let mut unexplained = BTreeSet::new();
    for path in stage.there.keys() {
        if path == layout::CHECKPOINT || pages.contains_key(path) || known.here.contains(path) {
            continue;
        }
        if known.gone.contains(path) {
            unneeded.insert(path.clone());
        } else if let Ok(tile) = path.parse::<Tile>() {
            match tile::current(tile, size) {
                Some(now) if tile.is_partial() && !now.is_partial() => {
                    unneeded.insert(path.clone());
                }
                Some(now) if tile.width() <= now.width() => {}
                _ => return Err(RecordError::Stranger { path: stage.out().join(path) }),
            }
        } else {
            unexplained.insert(path.clone());
        }
    }
    if !unexplained.is_empty() {
        // Old manifests are read only when something asks for them: there may be hundreds.
        for site in ledger.sites(-1)? {
            let (ours, rest) = unexplained.into_iter().partition(|path| site.files.contains_key(path));
            unneeded.extend::<BTreeSet<String>>(ours);
            unexplained = rest;
            if unexplained.is_empty() {
                break;
            }
        }
    }
    match unexplained.first() {
        Some(path) => Err(RecordError::Stranger { path: stage.out().join(path) }),
        None => Ok(unneeded),
    }
}

/// Paths of payloads and statements that the ledger knows.
struct Known {
    here: HashSet<String>,
    gone: HashSet<String>,
}

fn known(ledger: &Ledger) -> Result<Known, RecordError> {
    let mut known = Known { here: HashSet::new(), gone: HashSet::new() };
    for stored in ledger.stored()? {
        known.here.insert(layout::envelope(&stored.digest));
        match stored.published {
            Some(digest) if !stored.withdrawn => known.here.insert(layout::blob(&digest)),
            Some(digest) => known.gone.insert(layout::blob(&digest)),
            None => false,
        };
    }
    Ok(known)
}
