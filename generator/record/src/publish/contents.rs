//! The files of the log, told from the ledger: payloads, statements, entry bundles, tiles.

use avouch_log::{
    layout,
    merkle::leaf_hash,
    tile::{self, Level, Tile, TileWriter},
};

use super::Stage;
use crate::{error::RecordError, ledger::Ledger};

/// Stages what the log of this size has and the folder has not. The first `stood` entries were published before.
pub(super) fn stage(ledger: &Ledger, stage: &mut Stage<'_>, stood: u64, size: u64) -> Result<(), RecordError> {
    payloads(ledger, stage, stood)?;
    tiles(ledger, stage, size)
}

fn payloads(ledger: &Ledger, stage: &mut Stage<'_>, stood: u64) -> Result<(), RecordError> {
    for stored in ledger.stored()? {
        let damaged = || ledger.damaged(format!("what is stored of {} is missing", stored.digest));
        let envelope = layout::envelope(&stored.digest);
        // What a checkpoint named is there for good: its presence and length are looked at, and its bytes by `verify`.
        let old = stored.first < stood;
        if !(old && stage.there.get(&envelope) == Some(&stored.envelope_length)) {
            stage.immutable(&envelope, &ledger.envelope(&stored.digest)?.ok_or_else(damaged)?)?;
        }
        let Some(published) = stored.published.filter(|_| !stored.withdrawn) else { continue };
        let blob = layout::blob(&published);
        if !(old && stage.there.get(&blob) == stored.length.as_ref()) {
            let state = ledger.payload(&stored.digest)?.ok_or_else(damaged)?;
            stage.immutable(&blob, state.public_bytes().ok_or_else(damaged)?)?;
        }
    }
    Ok(())
}

fn tiles(ledger: &Ledger, stage: &mut Stage<'_>, size: u64) -> Result<(), RecordError> {
    let mut writer = TileWriter::default();
    let mut bundle = Vec::new();
    ledger.each_leaf(0, size, &mut |index, leaf| {
        tile::push_entry(&mut bundle, leaf).ok_or_else(|| ledger.damaged(format!("entry {index} is too long")))?;
        if (index + 1) % tile::WIDTH == 0 || index + 1 == size {
            let width = u16::try_from(index % tile::WIDTH + 1).ok();
            if let Some(place) = width.and_then(|width| Tile::new(Level::Entries, index / tile::WIDTH, width)) {
                stage.immutable(&place.path(), &bundle)?;
            }
            bundle.clear();
        }
        let mut staged = Ok(());
        writer.push(leaf_hash(leaf), &mut |tile, bytes| {
            if staged.is_ok() {
                staged = stage.immutable(&tile.path(), &bytes);
            }
        });
        staged
    })?;
    for (tile, bytes) in writer.partials() {
        stage.immutable(&tile.path(), &bytes)?;
    }
    Ok(())
}
